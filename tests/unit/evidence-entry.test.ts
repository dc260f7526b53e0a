import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { opens } from "../../core/evidence/commitment.ts";
import { entryHash, eventOf, linkOf, type Link } from "../../core/evidence/entry.ts";
import { commitPayload } from "../../core/evidence/payload.ts";
import type { Event } from "../../schemas/event.ts";
import { isCommitment, parseEntry, type Openings } from "../../schemas/evidence.ts";
import { contractOf, createdAt, digest, payloadOf } from "../model/cast.ts";
import { Dice } from "../support/dice.ts";
import { lifeIn, worldsOf } from "../support/lives.ts";

const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The same by another hand: the RFC's own implementation, and a salt that is counted up. */
const sha = (value: unknown): string => createHash("sha256").update(canonicalize(value)!).digest("hex");
const saltOf = (nth: number): string => `salt${String(nth).padStart(18, "0")}`;
function salts(): () => string {
  let nth = 0;
  return () => saltOf((nth += 1));
}
const committed = (nth: number, value: unknown): { sha256: string } => ({
  sha256: sha({ salt: saltOf(nth), value }),
});

const contract = contractOf({
  retention: {
    context: "ephemeral",
    payload: "operational",
    evidence: "compliance",
    fields: { "/args/secret": "ephemeral", "/words": "compliance" },
  },
});
const payload = payloadOf(contract, {
  id: "act_0123456789abcdefghijkl",
  target: { resource: "orders-db", environment: "prod" },
  args: { b: 1.5, secret: "hunter2", a: ["x", null] },
  context: { ticket: "OPS-1" },
  sums: { spent: "12" },
  redactions: [{ pointer: "/args/token", kind: "token" }],
});
const requested: Event = {
  seq: 1,
  at: createdAt,
  type: "requested",
  state: "pending",
  detail: null,
  actor: { kind: "agent", id: "agent:demo" },
  reason: payload.reason,
  data: {
    digest,
    policyVersion: payload.policyVersion,
    seats: [{ seat: "reviewer", n: 1, filled: 0, from: ["group:dba"] }],
  },
};
const executed: Event = {
  seq: 2,
  at: createdAt + 5,
  type: "executed",
  state: "executed",
  detail: null,
  actor: { kind: "agent", id: "agent:demo" },
  reason: "it ran",
  data: {
    lease: "lse_of-its-executor",
    fence: 1,
    effect: "none",
    evidence: { took: 1.5 },
    startupMs: 12,
    reported: true,
    late: false,
  },
};

function chained(events: readonly Event[], newSalt = salts()): { links: Link[]; openings: Openings } {
  const { commitments, openings } = commitPayload(payload, newSalt, sha256Hex);
  const links: Link[] = [];
  for (const event of events) {
    links.push(linkOf({ payload, commitments }, event, links.at(-1)?.hash ?? null, newSalt, sha256Hex));
  }
  return { links, openings: Object.assign({}, ...Object.values(openings)) };
}

describe("an entry", () => {
  test("is the text that the RFC's own implementation makes of the same, hash for hash", ({ expect }) => {
    const target = committed(1, payload.target);
    // The member with a class of its own comes first: what it is part of holds its commitment.
    const secret = committed(2, "hunter2");
    const reason = committed(4, payload.reason);
    const first = {
      v: 1,
      workspace: "default",
      action: "act_0123456789abcdefghijkl",
      seq: 1,
      at: createdAt,
      type: "requested",
      state: "pending",
      detail: null,
      actor: { kind: "agent", id: "agent:demo" },
      target,
      reason,
      outcome: "pending",
      data: {
        digest,
        policyVersion: payload.policyVersion,
        seats: [{ seat: "reviewer", n: 1, filled: 0, from: ["group:dba"] }],
        payload: {
          type: "db.migrate",
          class: "production-change",
          risk: "high",
          contractVersion: payload.contractVersion,
          policyVersion: payload.policyVersion,
          digest,
          requester: { kind: "agent", id: "agent:demo", owner: payload.requester.owner },
          notBefore: null,
          notAfter: null,
          supersedes: null,
          decision: payload.decision,
          redactions: [{ pointer: "/args/token", kind: "token" }],
          createdAt,
          values: {
            "/target": target,
            "/args/secret": secret,
            "/args": committed(3, { b: 1.5, secret, a: ["x", null] }),
            "/reason": reason,
            "/context": committed(5, { ticket: "OPS-1" }),
            "/sums": committed(6, { spent: "12" }),
          },
        },
      },
      prev: null,
    };
    const second = {
      v: 1,
      workspace: "default",
      action: "act_0123456789abcdefghijkl",
      seq: 2,
      at: createdAt + 5,
      type: "executed",
      state: "executed",
      detail: null,
      actor: { kind: "agent", id: "agent:demo" },
      target,
      reason: committed(8, "it ran"),
      outcome: "executed",
      data: {
        lease: { sha256: createHash("sha256").update("lse_of-its-executor").digest("hex") },
        fence: 1,
        effect: "none",
        evidence: committed(7, { took: 1.5 }),
        startupMs: 12,
        reported: true,
        late: false,
      },
      prev: `sha256:${sha(first)}`,
    };
    const { links } = chained([requested, executed]);
    expect(links.map(({ text }) => text)).toEqual([canonicalize(first), canonicalize(second)]);
    expect(links.map(({ hash }) => hash)).toEqual([`sha256:${sha(first)}`, `sha256:${sha(second)}`]);
    // Written down once and for all: what is in storage and in logs was hashed in exactly this form.
    expect(links.at(-1)?.hash).toBe(
      "sha256:1f99bb33c908fe3c860e5d8d134fffe642f574a315f68ae4e73219600ffeb2a8",
    );
  });

  test("opens by class, and the id of a lease with none", ({ expect }) => {
    const { links } = chained([requested, executed]);
    const [, second] = links;
    expect(second?.openings).toEqual({
      operational: { "/data/evidence": { salt: saltOf(7), value: { took: 1.5 } } },
      compliance: { "/reason": { salt: saltOf(8), value: "it ran" } },
    });
    expect(second?.lease).toBe("lse_of-its-executor");
    expect(JSON.stringify([second?.openings, second?.text])).not.toContain("lse_of-its-executor");
  });

  test("gives its event back, with what is gone left out", ({ expect }) => {
    const { links } = chained([requested, executed]);
    const [first, second] = links.map(({ text }) => parseEntry(text));
    const openings = Object.assign({}, ...Object.values(links[1]!.openings));
    expect(eventOf(first!, {}, payload.reason)).toEqual(requested);
    expect(eventOf(second!, openings, "", "lse_of-its-executor")).toEqual(executed);
    const gone = { ...executed.data, evidence: null, lease: sha256Hex("lse_of-its-executor") };
    expect(eventOf(second!, {}, "[erased]")).toEqual({ ...executed, reason: null, data: gone });
  });

  test("says the engine's words as they are, and those that it may have from somebody as a commitment", ({
    expect,
  }) => {
    const engine = { kind: "engine", id: "engine" } as const;
    const quiet = { seq: 2, at: createdAt, detail: null, actor: engine, reason: "because" };
    const { links } = chained([
      { ...quiet, type: "expired", state: "expired", data: { dueAt: createdAt } },
      { ...quiet, type: "cancelled", state: "cancelled", data: { supersededBy: null } },
    ]);
    const [expired, cancelled] = links.map(({ text }) => parseEntry(text));
    expect(expired?.reason).toBe("because");
    expect(isCommitment(cancelled?.reason)).toBe(true);
  });
});

describe("every entry of every life", () => {
  test("holds strings, booleans, null and whole numbers only, and what opens it is what was said", ({
    expect,
  }) => {
    let entries = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const dice = new Dice(seed);
        const [world] = worldsOf(1, seed);
        const life = lifeIn(world!, dice, 60);
        const newSalt = (): string => dice.salt();
        const { commitments } = commitPayload(life.payload, newSalt, sha256Hex);
        let prev: string | null = null;
        for (const event of life.events) {
          const link: Link = linkOf({ payload: life.payload, commitments }, event, prev, newSalt, sha256Hex);
          const entry = parseEntry(link.text);
          expect(odd(entry)).toEqual([]);
          expect(canonicalize(entry)).toBe(link.text);
          expect([entry.prev, entry.seq]).toEqual([prev, event.seq]);
          for (const [pointer, opening] of Object.entries<Openings[string]>(
            Object.assign({}, ...Object.values(link.openings)),
          )) {
            const commitment = pointer === "/reason" ? entry.reason : entry.data["evidence"];
            expect(isCommitment(commitment) && opens(commitment, opening, sha256Hex)).toBe(true);
            expect(
              isCommitment(commitment) && opens(commitment, { ...opening, value: "else" }, sha256Hex),
            ).toBe(false);
          }
          prev = entryHash(link.text, sha256Hex);
          entries += 1;
        }
      }),
      { numRuns: 300, includeErrorInReport: true },
    );
    expect(entries).toBeGreaterThan(1_000);
  });

  test("is found out by that look where a number is no whole one", ({ expect }) => {
    expect(odd({ a: [{ b: 1.5 }] })).toEqual([1.5]);
    expect(odd({ a: 2 ** 53, b: 1n })).toEqual([2 ** 53, 1n]);
  });
});

/** What of a value is not to stand in an entry. */
function odd(value: unknown): unknown[] {
  if (typeof value === "number") return Number.isSafeInteger(value) ? [] : [value];
  if (typeof value === "string" || typeof value === "boolean" || value === null) return [];
  if (typeof value !== "object") return [value];
  return Object.values(value).flatMap(odd);
}
