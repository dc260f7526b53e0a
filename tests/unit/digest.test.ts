import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { approvalDigest, approvalText, digestOf, type Approvable } from "../../core/digest.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { contractOf, payloadOf } from "../model/cast.ts";

const sha256Hex = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");

const approvable: Approvable = {
  type: "db.migrate",
  contractVersion: `sha256:${"c".repeat(64)}`,
  target: { resource: "orders-db", segment: "prod-data", environment: "production" },
  args: { migration: "0042_drop_legacy.sql", rows: 120_000, dryRun: false },
  preconditions: { schemaVersion: "41" },
  rollbackPlan: { migration: "0042_restore.sql" },
  requester: { kind: "agent", id: "agent:deployer", owner: "person:omar", onBehalfOf: "person:mira" },
  notBefore: "2026-01-01T12:00:00.000Z",
  notAfter: "2026-01-01T13:00:00.000Z",
};
const digest = approvalDigest(approvable, sha256Hex);

/** Each bound field changed, down to the parts of the nested ones. */
const changes: Record<string, Partial<Approvable>> = {
  type: { type: "db.drop" },
  "contract version": { contractVersion: `sha256:${"e".repeat(64)}` },
  target: { target: { ...approvable.target, resource: "orders-db-2" } },
  "target's segment": { target: { ...approvable.target, segment: "prod-hosts" } },
  "target's environment": { target: { resource: "orders-db", segment: "prod-data" } },
  arguments: { args: { ...approvable.args, rows: 120_001 } },
  "type of an argument": { args: { ...approvable.args, rows: "120000" } },
  "presence of an argument": { args: { migration: "0042_drop_legacy.sql", rows: 120_000 } },
  preconditions: { preconditions: { schemaVersion: "42" } },
  "presence of preconditions": { preconditions: null },
  "rollback plan": { rollbackPlan: { migration: "0042_other.sql" } },
  "presence of a rollback plan": { rollbackPlan: null },
  requester: { requester: { ...approvable.requester, id: "agent:other" } },
  "requester's owner": { requester: { ...approvable.requester, owner: "person:alice" } },
  "person it acts for": { requester: { kind: "agent", id: "agent:deployer", owner: "person:omar" } },
  "earliest time": { notBefore: null },
  "latest time": { notAfter: "2026-01-01T14:00:00.000Z" },
};

describe("the digest of an approval", () => {
  test("is SHA-256 over the canonical JSON of the nine bound fields", ({ expect }) => {
    expect(digest).toBe(`sha256:${sha256Hex(canonicalize(approvable) ?? "")}`);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/u);
    expect(Object.keys(JSON.parse(approvalText(approvable)) as object).toSorted()).toEqual(
      Object.keys(approvable).toSorted(),
    );
  });

  for (const [what, change] of Object.entries(changes)) {
    test(`changes with the ${what}`, ({ expect }) => {
      expect(approvalDigest({ ...approvable, ...change }, sha256Hex)).not.toBe(digest);
    });
  }

  test("does not change with what an approver does not agree to", ({ expect }) => {
    const { reason, context, callback, supersedes, id, workspace, policyVersion, decision } = payloadOf(
      contractOf({}),
      {
        context: { ticket: "OPS-311" },
        supersedes: "act_before",
      },
    );
    const whole = {
      reason,
      context,
      callback,
      supersedes,
      id,
      workspace,
      policyVersion,
      decision,
      ...approvable,
    };
    expect(approvalDigest(whole, sha256Hex)).toBe(digest);
  });

  test("does not change with the order of keys", ({ expect }) => {
    const { args, ...rest } = approvable;
    const reversed = Object.fromEntries(Object.entries(args).toReversed());
    expect(approvalDigest({ args: reversed, ...rest }, sha256Hex)).toBe(digest);
  });

  test("holds an argument that is named like a prototype, although the door refuses it", ({ expect }) => {
    const hostile = JSON.parse('{"__proto__":{"admin":true}}') as JsonObject;
    expect(approvalText({ ...approvable, args: hostile })).toContain('"args":{"__proto__":{"admin":true}}');
    expect(approvalDigest({ ...approvable, args: hostile }, sha256Hex)).not.toBe(
      approvalDigest({ ...approvable, args: {} }, sha256Hex),
    );
  });

  test("of any two different arguments differs", () => {
    const args = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(args, args, (one, other) => {
        const same = canonicalize(one) === canonicalize(other);
        return (
          same ===
          (approvalDigest({ ...approvable, args: one }, sha256Hex) ===
            approvalDigest({ ...approvable, args: other }, sha256Hex))
        );
      }),
    );
  });

  test("of any JSON equals one made with another canonicalizer", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }) as fc.Arbitrary<Json>, (value) => {
        return digestOf(value, sha256Hex) === `sha256:${sha256Hex(canonicalize(value) ?? "")}`;
      }),
    );
  });
});
