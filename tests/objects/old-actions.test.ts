import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, test, vi } from "vitest";
import { entryHash } from "../../core/evidence/entry.ts";
import { foldAll } from "../../core/machine/fold.ts";
import { Action } from "../../objects/action/action.ts";
import type { Known } from "../../objects/action/messages.ts";
import { badSealKey } from "../../objects/at-rest.ts";
import * as rows from "../../objects/action/rows.ts";
import { sha256Hex } from "../../objects/action/sealing.ts";
import { parseEntry } from "../../schemas/evidence.ts";
import { proven } from "../support/proof.ts";
import { callsOn, catchMessages, kept, stubOf, type Kept, type Stub } from "./one-action.ts";
import { everyText, mark } from "./planted.ts";
import { current } from "./registries.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** Actions as an engine from before there was a chain has left them: its tables, and its rows. */

let workspace: Workspace;
let known: Known;
let messages: ReturnType<typeof catchMessages>;

beforeAll(async () => {
  workspace = await openWorkspace("old-actions");
  const registry = env.REGISTRY.getByName(`${workspace.name}/registry`);
  const { policy, directory } = await current({ registry, workspace: workspace.name });
  const roles = policy!.document.roles;
  known = { policyVersion: policy!.version, directory, roles, operator: false, subscribers: [] };
});
beforeEach(() => {
  messages = catchMessages();
});
afterEach(() => void vi.restoreAllMocks());

const oldTables = `
  CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, actor TEXT NOT NULL, key TEXT, fingerprint TEXT);
  CREATE TABLE outbox (
    seq INTEGER NOT NULL, sink TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
    tries INTEGER NOT NULL, due INTEGER, status TEXT NOT NULL, error TEXT,
    sends INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, noted INTEGER, PRIMARY KEY (seq, sink)
  ) WITHOUT ROWID;
  CREATE TRIGGER events_in_order BEFORE INSERT ON events
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM events) BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
  CREATE TRIGGER events_unchanged BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
  CREATE TRIGGER events_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
`;

const parts = {
  target: { resource: `${mark}-target`, segment: "prod-hosts" },
  args: { argv: ["echo", `${mark}-argument`] },
  reason: `${mark}-reason`,
  context: { note: `${mark}-context` },
  rollbackPlan: { argv: [`${mark}-plan`] },
};

type Marks = { actor: string; key: string | null; fingerprint: string | null }[];
type Old = { readonly stub: Stub; readonly before: Kept; readonly marks: Marks };

/** A whole life, put down again as main would have written it. */
async function old(): Promise<Old> {
  const action = await workspace.ask(parts);
  const stub = stubOf(workspace, action.id);
  const { digest } = action;
  const calls = callsOn(workspace, action);
  await calls.post("person:bob", "votes", { decision: "approve", digest, reason: `${mark}-vote` });
  const { lease, fence } = await calls.claim();
  const report = {
    outcome: "failed",
    effect: "none",
    summary: `${mark}-summary`,
    evidence: { log: `${mark}-report` },
  };
  await calls.post("agent:demo", "report", { lease, fence, ...report });
  const before = await kept(stub);
  const marks = await runInDurableObject(stub, async (_, { storage }) => {
    // As they were sent: an Idempotency-Key may be any text.
    const found = storage.sql
      .exec<Marks[number]>("SELECT actor, key, fingerprint FROM events ORDER BY seq")
      .toArray()
      .map(({ actor, key }, nth) => {
        const sent = { key: `${mark}-key-${nth}`, fingerprint: sha256Hex(`body ${nth}`) };
        return { actor, ...(key === null ? { key: null, fingerprint: null } : sent) };
      });
    await storage.deleteAlarm();
    await storage.deleteAll();
    writeOld(storage.sql, before, found);
    return found;
  });
  // Whatever it knew by heart is of the tables that are gone.
  await evictDurableObject(stub);
  return { stub, before, marks };
}

function writeOld(sql: SqlStorage, { payload, stored, events }: Kept, marks: Marks): void {
  const { first: _, head: __, number: ___, sealed: ____, held: _____, ...asItWas } = stored;
  sql.exec(oldTables);
  sql.exec("INSERT INTO docs (id, body) VALUES (?, ?)", 1, JSON.stringify(payload));
  for (const [index, event] of events.entries()) {
    const { actor, key, fingerprint } = marks[index]!;
    sql.exec(
      "INSERT INTO events (seq, body, actor, key, fingerprint) VALUES (?, ?, ?, ?, ?)",
      event.seq,
      JSON.stringify(event),
      actor,
      key,
      fingerprint,
    );
  }
  const body = JSON.stringify({ ...asItWas, alarmAt: null, boardDue: null });
  sql.exec("INSERT INTO docs (id, body) VALUES (2, ?)", body);
}

/** Under an engine that has just woken. */
function woken<Value>(
  stub: Stub,
  run: (action: Action, storage: DurableObjectStorage) => Value,
  settings: object = {},
): Promise<Value> {
  return runInDurableObject(stub, (_, state) =>
    run(new Action(state, { ...env, ...settings }), state.storage),
  );
}

/**
 * Looks at an action, and is killed at the n-th write that this takes. Not `together`: what was written before stays, as if there were
 * no transaction.
 */
function brokenOff(stub: Stub, failing: number, { together = true } = {}): Promise<string | null> {
  return woken(stub, (action, storage) => {
    const { sql } = storage;
    const exec = sql.exec.bind(sql);
    let writes = 0;
    const spies: { mockRestore: () => void }[] = [
      vi.spyOn(sql, "exec").mockImplementation(((query: string, ...bindings: unknown[]) => {
        const writing = /^\s*(?:CREATE|INSERT|UPDATE|DELETE|DROP)/u.test(query);
        if (writing && ++writes === failing) throw new Error("killed");
        return exec(query, ...bindings);
      }) as typeof sql.exec),
    ];
    if (!together) spies.push(vi.spyOn(storage, "transactionSync").mockImplementation((work) => work()));
    try {
      return action.view();
    } catch (error) {
      return String(error);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
}

const textOf = (stub: Stub): Promise<string> =>
  runInDurableObject(stub, (_, { storage }) => everyText(storage.sql));

describe("an action from before there was a chain", () => {
  test("is chained when it is first looked at, with every event and value as it was", async ({ expect }) => {
    const { stub, before, marks } = await old();
    expect(await textOf(stub), "the control: it lay there in clear").toContain(mark);
    const view = await woken(stub, (action) => JSON.parse(action.view() ?? "null"));
    expect(view).toMatchObject({ state: "failed", detail: "none", ...parts, seq: before.stored.state.seq });
    const after = await kept(stub);
    expect(after.payload).toEqual(before.payload);
    expect(after.events).toEqual(before.events);
    expect(after.stored.state).toEqual(before.stored.state);
    expect(foldAll(after.payload, after.events)).toEqual(after.stored.state);
    const { entries, found, text } = await runInDurableObject(stub, (_, { storage }) => ({
      entries: rows.readEntries(storage.sql, 0),
      found: storage.sql.exec("SELECT actor, key, fingerprint FROM events ORDER BY seq").toArray(),
      text: everyText(storage.sql),
    }));
    const hidden = (sent: string | null): unknown =>
      sent === null ? null : expect.stringMatching(/^[\w-]{43}$/u);
    expect(found).toEqual(
      marks.map(({ actor, key, fingerprint }) => ({
        actor,
        key: hidden(key),
        fingerprint: hidden(fingerprint),
      })),
    );
    expect(text).not.toContain(mark);
    const hashes = entries.map(({ body }) => entryHash(body, sha256Hex));
    expect(entries.map(({ body }) => parseEntry(body).prev)).toEqual([null, ...hashes.slice(0, -1)]);
    expect([after.stored.first, after.stored.head]).toEqual([hashes[0], hashes.at(-1)]);
    proven({ part: "upgrade", trials: 1 });
  });

  test("is chained once, and goes on like any other: a repeated command is known, the log only grows", async ({
    expect,
  }) => {
    const { stub, before, marks } = await old();
    await woken(stub, (action) => action.view());
    // The state row moves on, because the log is being told.
    const written = (): Promise<unknown> =>
      runInDurableObject(stub, (_, { storage }) => [
        rows.readDocs(storage.sql).payload,
        rows.readEntries(storage.sql, 0),
      ]);
    const chained = await written();
    await woken(stub, (action) => [action.view(), action.events(0), action.evidence()]);
    expect(await written()).toEqual(chained);
    const { actor, key, fingerprint } = marks.find((one) => one.actor === "person:bob" && one.key !== null)!;
    const vote = {
      type: "vote",
      decision: "approve",
      digest: before.payload.digest,
      reason: null,
      via: "api",
    } as const;
    const told = {
      command: { ...vote, actor: { kind: "person" as const, id: actor } },
      known,
      key,
      fingerprint: fingerprint!,
      origin: "https://x.invalid",
    };
    expect(await woken(stub, (action) => action.tell(told))).toMatchObject({ kind: "done", fresh: false });
    await woken(stub, (action) =>
      action.tell({
        ...told,
        command: {
          type: "feedback",
          actor: { kind: "person", id: "person:bob" },
          label: "harm",
          incident: null,
          note: `${mark}-note`,
        },
        key: null,
      }),
    );
    const after = await kept(stub);
    expect(after.events).toHaveLength(before.events.length + 1);
    await runInDurableObject(stub, (_, { storage }) => {
      for (const statement of [
        "UPDATE events SET body = '{}' WHERE seq = 1",
        "UPDATE events SET opened = NULL WHERE seq = 1",
        "DELETE FROM events WHERE seq = 1",
        "INSERT OR REPLACE INTO events (seq, body, actor) VALUES (1, '{}', 'x')",
      ]) {
        expect(() => storage.sql.exec(statement), statement).toThrow("the log only grows");
      }
    });
  });

  test("tells the log of itself once it is chained", async ({ expect }) => {
    const { stub } = await old();
    messages.sent.length = 0;
    await woken(stub, async (action) => action.poke());
    const { stored } = await kept(stub);
    const { first, head } = stored;
    expect(messages.sent.map(({ ack, evidence }) => [ack, evidence?.first, evidence?.head])).toEqual([
      [true, first, head],
    ]);
  });

  test("loses nothing where that is broken off, wherever it is", async ({ expect }) => {
    const { stub, before } = await old();
    const text = await textOf(stub);
    let failing = 1;
    for (; failing < 50; failing += 1) {
      const said = await brokenOff(stub, failing);
      if (!said?.includes("killed")) break;
      expect([failing, await textOf(stub)]).toEqual([failing, text]);
    }
    // The new log in place of the old, its entries, and both rows: once chained, and once more for what it is to tell.
    expect(failing - 1).toBe(1 + before.events.length + 3);
    expect((await kept(stub)).events).toEqual(before.events);
    proven({ part: "upgrade", trials: failing - 1 });
  });

  test("would lose what was written before, were it not one transaction", async ({ expect }) => {
    const { stub } = await old();
    const text = await textOf(stub);
    expect(await brokenOff(stub, 3, { together: false })).toContain("killed");
    expect(await textOf(stub)).not.toBe(text);
    proven({ part: "upgrade", controls: { found: 1, of: 1 } });
  });

  test("stays as it is under a key that is none, and is sealed under the right one", async ({ expect }) => {
    const { stub, before } = await old();
    const text = await textOf(stub);
    const fails = (action: Action): string => {
      try {
        return String(action.view());
      } catch (error) {
        return String(error);
      }
    };
    expect(await woken(stub, fails, { HOLDPOINT_SEAL_KEY: "no key" })).toContain(badSealKey);
    expect(await textOf(stub)).toBe(text);
    const settings = { HOLDPOINT_SEAL_KEY: btoa("k".repeat(32)) };
    const view = await woken(stub, (action) => JSON.parse(action.view() ?? "null"), settings);
    expect(view).toMatchObject({ id: before.payload.id, ...parts });
    expect(await textOf(stub)).not.toContain("plain:");
    proven({ part: "upgrade", trials: 1 });
  });
});
