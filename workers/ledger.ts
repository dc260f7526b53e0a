import { createHash } from "node:crypto";
import * as v from "valibot";
import type { Doubt, Recorded, Settled } from "../objects/ledger/messages.ts";
import { Seen } from "../schemas/ledger.ts";
import { actionOf, ledgerOf } from "./stubs.ts";

/** More rounds than an action can make more news in while it is looked at. */
const maxRounds = 5;

/**
 * Tells the log of a workspace what actions say of themselves, in one call. What it doubts is settled by a look at the action: an
 * entry that was there once is there for good, so it does not matter what has come since.
 * @throws where the log, or an action that it doubts, cannot be reached: the same may then be told again.
 */
export async function recordSeen(
  env: Env,
  workspace: string,
  seen: Seen[],
  now: number,
): Promise<Recorded[]> {
  const ledger = ledgerOf(env, workspace);
  const recorded = new Map((await ledger.record(seen, now)).map((one) => [one.action, one]));
  for (let round = 0; ; round += 1) {
    const doubts = [...recorded.values()].flatMap((one) => one.doubts ?? []);
    if (doubts.length === 0) return [...recorded.values()];
    if (round === maxRounds) throw new Error("an action could not be settled in the log");
    const settled = await Promise.all(doubts.map((doubt) => look(env, workspace, doubt)));
    const answers = await ledger.settle(settled, now);
    for (const doubt of doubts) recorded.delete(doubt.seen.action);
    for (const one of answers) {
      const doubtful = [...(recorded.get(one.action)?.doubts ?? []), ...(one.doubts ?? [])];
      const { action, number, sealed } = one;
      recorded.set(action, { action, number, sealed, ...(doubtful.length > 0 && { doubts: doubtful }) });
    }
  }
}

const Evidence = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ entries: v.array(v.object({ text: v.string() })), seen: v.nullable(Seen) }),
);

/** Whether the action still holds the entry that it had told of. One of which only a tombstone is left answers by its last hash. */
async function look(env: Env, workspace: string, doubt: Doubt): Promise<Settled> {
  const { known } = doubt;
  const text = await actionOf(env, workspace, doubt.seen.action).evidence();
  if (text === null) return { ...doubt, holds: false };
  const { entries, seen } = v.parse(Evidence, text);
  const entry = entries[known.events - 1];
  if (entry !== undefined) return { ...doubt, holds: hashOf(entry.text) === known.head };
  const isLast = entries.length === 0 && seen?.events === known.events && seen.head === known.head;
  return { ...doubt, holds: isLast };
}

const hashOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
