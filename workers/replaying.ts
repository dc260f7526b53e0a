import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { decodeCursor, encodeCursor } from "../core/cursor.ts";
import { judgeCondition as judge } from "../core/policy/condition.ts";
import { replay } from "../core/policy/replay.ts";
import type { Policy } from "../schemas/policy.ts";
import { Recorded, type ReplayAnswer } from "../schemas/replay.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { ProblemError } from "./http/problem.ts";
import { eachOf } from "./repair.ts";
import { actionOf, boardOf } from "./stubs.ts";
import { unavailable } from "./tell.ts";
const dayMs = 86_400_000;

export type ReplayPage = {
  readonly env: Env;
  readonly workspace: string;
  readonly snapshot: Snapshot;
  readonly policy: Policy;
  readonly days: number;
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly now: number;
};

/**
 * One page of recorded actions, newest first, held against a policy: one look at the Board and one at each action, ten at a time.
 * An action that does not answer ends the page as unavailable: left out it could be one that changes. Where the days begin and
 * where the next page does are in the cursor, so that all pages together are of one time.
 */
export async function replayPage(page: ReplayPage): Promise<ReplayAnswer> {
  const { env, workspace, snapshot, policy, limit } = page;
  const { since, row } = placeOf(page);
  const { ids, nextRow } = await boardOf(env, workspace).since(new Date(since).toISOString(), row, limit);
  const found = new Map<string, Recorded | null>();
  let failed = false;
  const look = async (id: string): Promise<void> => {
    const text = await actionOf(env, workspace, id).recorded();
    found.set(id, text === null ? null : v.parse(Recorded, JSON.parse(text)));
  };
  await eachOf(ids, look, (id, error) => {
    failed = true;
    console.error("action did not answer", workspace, id, faultText(error));
  });
  if (failed) throw unavailable();
  // In the order of the list, which does not depend on who answered first.
  const actions = ids.map((id) => found.get(id) ?? null);
  const nextCursor = nextRow === null ? null : `${encodeCursor(since)}.${encodeCursor(nextRow)}`;
  return { ...replay(policy, snapshot.directory, actions, judge), nextCursor };
}

function placeOf({ cursor, days, now }: ReplayPage): { since: number; row: number | null } {
  if (cursor === undefined) return { since: now - days * dayMs, row: null };
  const [since, row] = cursor.split(".").map(decodeCursor);
  if (typeof since === "number" && typeof row === "number") return { since, row };
  throw new ProblemError("invalid_body", {
    detail: "Begin again without a cursor.",
    errors: [{ pointer: "/cursor", detail: "is not a `nextCursor` of an earlier page" }],
  });
}
