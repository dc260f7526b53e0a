import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import canonicalize from "canonicalize";
import { createHash } from "node:crypto";
import * as v from "valibot";
import { afterEach, beforeAll, beforeEach, describe, test, vi } from "vitest";
import { cardOf } from "../../core/card/card.ts";
import { opens } from "../../core/evidence/commitment.ts";
import { Action } from "../../objects/action/action.ts";
import * as rows from "../../objects/action/rows.ts";
import { ActionView } from "../../schemas/action.ts";
import { Bundle } from "../../schemas/bundle.ts";
import {
  isCommitment,
  parseEntry,
  type Commitment,
  type Entry,
  type Openings,
} from "../../schemas/evidence.ts";
import { Seen } from "../../schemas/ledger.ts";
import { callsOn, catchMessages, kept, sql, stubOf, type Stub } from "./one-action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** The log of an action as a chain that anybody can check, and what the ledger is told of it. */

let workspace: Workspace;
let messages: ReturnType<typeof catchMessages>;

beforeAll(async () => {
  workspace = await openWorkspace("a-chain");
});
beforeEach(() => {
  messages = catchMessages();
});
afterEach(() => void vi.restoreAllMocks());

const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

const ActionEvidence = v.strictObject({
  ...v.pick(Bundle, ["entries", "contract", "redactions", "erased", "shown"]).entries,
  seen: Seen,
  policyVersion: v.string(),
});
const evidenceOf = async (stub: Stub): Promise<v.InferOutput<typeof ActionEvidence>> =>
  v.parse(ActionEvidence, JSON.parse((await stub.evidence()) ?? "null"));

const parts = {
  context: { ticket: "OPS-1" },
  rollbackPlan: { argv: ["undo"] },
  args: { argv: ["df", "-h"] },
};

/** Asked for, voted on, run, failed, put back and talked about. */
async function lived(): Promise<{ stub: Stub; action: ActionView; leases: string[]; shown: ActionView }> {
  const action = await workspace.ask(parts);
  const stub = stubOf(workspace, action.id);
  const calls = callsOn(workspace, action);
  const shown = v.parse(ActionView, JSON.parse((await stub.view()) ?? "null"));
  await calls.approve();
  const claim = await calls.claim();
  await calls.heartbeat(claim);
  const report = {
    outcome: "failed",
    effect: "partial",
    summary: "half of it",
    evidence: { exitCode: 1, took: 1.5 },
  };
  await calls.post("agent:demo", "report", { lease: claim.lease, fence: claim.fence, ...report });
  await calls.rollBack().catch(() => undefined);
  const undo = await calls.claim();
  await calls.report(undo, "succeeded");
  return { stub, action, leases: [claim.lease, undo.lease], shown };
}

/** What a commitment of an entry stands at, by JSON Pointer; keys of ours hold no `~`, and `/` only below `values`. */
function commitmentsOf(entry: Entry): Map<string, Commitment> {
  const found = new Map<string, Commitment>();
  if (isCommitment(entry.reason)) found.set("/reason", entry.reason);
  if (isCommitment(entry.data["evidence"])) found.set("/data/evidence", entry.data["evidence"]);
  const asked = v.safeParse(v.object({ values: v.record(v.string(), v.unknown()) }), entry.data["payload"]);
  if (asked.success) {
    for (const [pointer, one] of Object.entries(asked.output.values)) {
      if (isCommitment(one)) found.set(pointer, one);
    }
  }
  return found;
}

describe("the evidence of an action", () => {
  test("is a chain from the request to the end, whose every commitment opens", async ({ expect }) => {
    const { stub, action, leases } = await lived();
    const { stored, events } = await kept(stub);
    const { entries, contract, seen, policyVersion } = await evidenceOf(stub);
    expect(entries).toHaveLength(stored.state.seq);
    expect(entries.length).toBeGreaterThan(8);
    let prev: string | null = null;
    let opened = 0;
    const asked: Openings = entries[0]?.openings ?? {};
    for (const [index, { text, openings }] of entries.entries()) {
      const entry = parseEntry(text);
      expect(canonicalize(entry)).toBe(text);
      expect([entry.prev, entry.seq, entry.type]).toEqual([prev, index + 1, events[index]?.type]);
      expect([entry.workspace, entry.action]).toEqual([workspace.name, action.id]);
      for (const [pointer, commitment] of commitmentsOf(entry)) {
        const opening = openings[pointer];
        expect(opening, `${index + 1}${pointer}`).toBeDefined();
        expect(opens(commitment, opening!, sha256Hex), `${index + 1}${pointer}`).toBe(true);
        opened += 1;
      }
      prev = `sha256:${sha256Hex(text)}`;
    }
    expect(asked["/args"]?.value).toEqual(parts.args);
    expect(opened).toBeGreaterThan(8);
    expect(seen).toMatchObject({ first: stored.first, head: prev, events: entries.length, over: true });
    expect(stored.head).toBe(prev);
    expect(`sha256:${sha256Hex(canonicalize(contract)!)}`).toBe(action.contractVersion);
    expect(policyVersion).toBe(action.decision.policyVersion);
    // Whoever reads it can tell that a report is of the lease that was claimed, and cannot use it.
    const text = JSON.stringify(await evidenceOf(stub));
    for (const lease of leases) {
      expect(text).not.toContain(lease);
      expect(text.split(sha256Hex(lease)).length).toBeGreaterThan(2);
    }
  });

  test("shows what each voter was shown, and nothing in its place where that cannot be made again", async ({
    expect,
  }) => {
    const { stub, shown: view } = await lived();
    const { payload } = await kept(stub);
    const { description, rollback } = payload.contract;
    const { page: _page, ...card } = cardOf(view, {
      description: description ?? null,
      rollback: rollback !== null,
    });
    const { shown } = await evidenceOf(stub);
    expect(shown).toEqual([{ seq: 2, card }]);
    const entry = parseEntry((await evidenceOf(stub)).entries[1]!.text);
    expect(entry.data["shown"]).toEqual({ renderer: 1, card: `sha256:${sha256Hex(canonicalize(card)!)}` });
    const gone = await runInDurableObject(stub, (_, state) => {
      state.storage.transactionSync(() =>
        rows.writeDoc(state.storage.sql, "payload", withoutArgs(state.storage.sql)),
      );
      return new Action(state, env).evidence();
    });
    expect(v.parse(ActionEvidence, JSON.parse(gone ?? "null")).shown).toEqual([{ seq: 2, card: null }]);
  });

  test("goes to the log with what asks for an answer, and with nothing else", async ({ expect }) => {
    const { stub } = await lived();
    expect(messages.sent.some(({ ack }) => ack)).toBe(true);
    expect(messages.sent.some(({ ack }) => !ack)).toBe(true);
    for (const { ack, evidence, seq } of messages.sent) {
      expect([ack, evidence?.events]).toEqual([ack, ack ? seq : undefined]);
    }
    const last = messages.sent.findLast(({ ack }) => ack);
    expect(last?.evidence).toEqual((await evidenceOf(stub)).seen);
  });

  test("whose last entry is not the one that was written can be read, and nothing is added to it (T24)", async ({
    expect,
  }) => {
    const action = await workspace.ask(parts);
    const stub = stubOf(workspace, action.id);
    const text = parseEntry((await evidenceOf(stub)).entries[0]!.text);
    const forged = canonicalize({ ...text, actor: { kind: "agent", id: "agent:other" } });
    await sql(stub, "DROP TRIGGER events_unchanged");
    await sql(stub, `UPDATE events SET body = '${forged}'`);
    const evidence = await runInDurableObject(stub, (_, state) => new Action(state, env).evidence());
    expect(v.parse(ActionEvidence, JSON.parse(evidence ?? "null")).entries[0]?.text).toBe(forged);
    const refused = await runInDurableObject(stub, (_, state) => {
      const command = { type: "cancel", actor: { kind: "agent", id: "agent:demo" }, reason: "no" } as const;
      const known = {
        policyVersion: null,
        directory: emptyDirectory,
        roles: {},
        operator: false,
        subscribers: [],
      };
      const told = { command, known, key: null, fingerprint: "", origin: "https://x.invalid" };
      try {
        return new Action(state, env).tell(told).kind;
      } catch (error) {
        return String(error);
      }
    });
    expect(refused).toContain("its last entry is not the one that was written");
  });
});

const emptyDirectory = { version: 0, people: {}, agents: {}, groups: {}, delegations: [] };

/** The payload's row as it is once the class of its arguments is gone. */
function withoutArgs(storage: SqlStorage): string {
  const { payload } = rows.readDocs(storage);
  const row = JSON.parse(payload) as { keys: Record<string, string>; sealed: Record<string, string> };
  delete row.keys["operational"];
  delete row.sealed["operational"];
  return JSON.stringify(row);
}

describe("an acknowledgement", () => {
  const end = async (): Promise<{ stub: Stub; seq: number }> => {
    const action = await workspace.ask(parts);
    const stub = stubOf(workspace, action.id);
    await callsOn(workspace, action).cancel();
    return { stub, seq: (await kept(stub)).stored.state.seq };
  };
  const ack = async (
    stub: Stub,
    seq: number,
    ledger?: { number: number; sealed: number },
  ): Promise<unknown> => {
    await stub.acknowledge([{ seq, sink: "board", news: 0, ...(ledger && { ledger }) }]);
    const { number, sealed, boardDue } = (await kept(stub)).stored;
    return { number, sealed, due: boardDue !== null };
  };

  test("of the log settles the end of an action once it is sealed there, and gives it its number", async ({
    expect,
  }) => {
    const { stub, seq } = await end();
    expect(await ack(stub, seq, { number: 7, sealed: 0 })).toEqual({ number: 7, sealed: 0, due: true });
    expect(await ack(stub, seq, { number: 7, sealed: seq - 1 })).toEqual({
      number: 7,
      sealed: seq - 1,
      due: true,
    });
    expect(await ack(stub, seq, { number: 7, sealed: seq })).toEqual({ number: 7, sealed: seq, due: false });
    expect(await ack(stub, seq, { number: 8, sealed: 0 })).toEqual({ number: 7, sealed: seq, due: false });
  });

  test("from before there was a log settles it all the same", async ({ expect }) => {
    const { stub, seq } = await end();
    expect(await ack(stub, seq)).toEqual({ number: undefined, sealed: undefined, due: false });
    expect(JSON.parse((await stub.view()) ?? "null")).not.toHaveProperty("number");
  });

  test("of the log settles one that goes on without a seal", async ({ expect }) => {
    const action = await workspace.ask(parts);
    const stub = stubOf(workspace, action.id);
    expect(await ack(stub, 1, { number: 1, sealed: 0 })).toEqual({ number: 1, sealed: 0, due: false });
  });
});
