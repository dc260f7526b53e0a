import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { createHash, randomUUID } from "node:crypto";
import * as v from "valibot";
import type { Ledger } from "../../objects/ledger/ledger.ts";
import { LedgerEntry, type Seen } from "../../schemas/ledger.ts";

export { isProven, signersOf } from "../support/log.ts";

/** A ledger that no other test writes to. */
export function newLedger(): { workspace: string; ledger: DurableObjectStub<Ledger> } {
  const workspace = `w-${randomUUID().slice(0, 13)}`;
  return { workspace, ledger: env.LEDGER.getByName(`${workspace}/ledger`) };
}

export const hashOf = (text: string): `sha256:${string}` =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** The head of an action that never told two stories: it follows from its name and how many events there are. */
export const headOf = (action: string, events: number, story = ""): string =>
  hashOf(`${action}/${events}/${events === 1 ? "" : story}`);

export const actionNamed = (nth: number | string): string => `act_${String(nth).padStart(22, "A")}`;

export function seenOf(action: string, events: number, parts: Partial<Seen> = {}, story = ""): Seen {
  return {
    action,
    type: "db.migrate",
    requester: "agent:demo",
    first: headOf(action, 1),
    events,
    head: headOf(action, events, story),
    state: "pending",
    over: false,
    holds: [],
    erased: [],
    ...parts,
  };
}

export const overOf = (action: string, events: number, parts: Partial<Seen> = {}, story = ""): Seen =>
  seenOf(action, events, { state: "executed", over: true, ...parts }, story);

/** Every line of a log, in order, parsed. */
export async function linesOf(ledger: DurableObjectStub<Ledger>): Promise<LedgerEntry[]> {
  const lines: LedgerEntry[] = [];
  for (;;) {
    const page = await ledger.leaves(lines.length, Number.MAX_SAFE_INTEGER, 1_000);
    if (page.length === 0) return lines;
    lines.push(...page.map(({ text }) => v.parse(LedgerEntry, JSON.parse(text))));
  }
}

export const kindsOf = async (ledger: DurableObjectStub<Ledger>): Promise<string[]> =>
  (await linesOf(ledger)).map(({ kind }) => kind);

/** Runs SQL in the object, as somebody with a hand in its storage would. */
export const tamper = (ledger: DurableObjectStub<Ledger>, sql: string): Promise<unknown> =>
  runInDurableObject(ledger, (_, state) => state.storage.sql.exec(sql).toArray());
