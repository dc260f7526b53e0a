import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import { aliasesOf } from "../../core/identity.ts";
import type { GlassUseList, GlassUseView } from "../../schemas/break-glass.ts";
import { readDirectory } from "./directory.ts";
import {
  addCalls,
  deleteUse,
  findUse,
  insertUse,
  listUses,
  openUsesOf,
  overdueUses,
  usesSince,
  writeReview,
  type StoredUse,
  type UseFilter,
  type Verdict,
} from "./rows/glass.ts";
import { recordChange } from "./rows/meta.ts";

/**
 * Who has broken the glass, how often, and what of it awaits its review. A use is opened here before the action is told, in
 * the transaction that holds it against the limits, so there is never an effect without a use. It is closed when the action
 * refuses; a call that dies in between leaves a use without an effect.
 */
const dayMs = 86_400_000;
/** No call takes that long: an older use that has not taken effect never will. */
const inFlightMs = 10 * 60_000;

export type UseInput = {
  id: string;
  person: string;
  action: string;
  incident: string;
  now: number;
  reviewDueMs: number;
  perPersonPerDay: number;
};
/** `blocked` names the actions whose review is overdue, oldest first; `limited` when one of the uses is a day old. */
export type Opened =
  | { kind: "open" }
  | { kind: "blocked"; actions: string[] }
  | { kind: "limited"; freeAt: number };

export function openUse(sql: SqlStorage, input: UseInput): Opened {
  const { id, person, action, incident, now, reviewDueMs, perPersonPerDay } = input;
  if (findUse(sql, id) !== null) {
    // The same call once more. Either of them may make it take effect, so both must have failed before it is closed.
    addCalls(sql, id, 1);
    return { kind: "open" };
  }
  // A second id of theirs is no second person.
  const ids = [...aliasesOf(person, readDirectory(sql).people)];
  const overdue = overdueUses(sql, ids, now);
  if (overdue.length > 0) return { kind: "blocked", actions: overdue.map((use) => use.action) };
  const recent = usesSince(sql, ids, now - dayMs).filter(({ verdict }) => verdict !== "dismissed");
  const oldest = recent.at(-perPersonPerDay);
  if (oldest !== undefined) return { kind: "limited", freeAt: oldest.at + dayMs };
  insertUse(sql, { id, person, action, incident, at: now, due_at: now + reviewDueMs });
  recordChange(sql, { at: now, actor: person, kind: "glass.opened", id: action }, false);
  return { kind: "open" };
}

/** The action has refused. */
export function closeUse(sql: SqlStorage, { id, now }: { id: string; now: number }): void {
  const use = findUse(sql, id);
  if (use === null) return;
  addCalls(sql, id, -1);
  if (use.calls > 1) return;
  deleteUse(sql, id);
  recordChange(sql, { at: now, actor: use.person, kind: "glass.closed", id: use.action }, false);
}

/** The action says that it has been reviewed. Said twice, the first one stays. */
export function reviewUse(
  sql: SqlStorage,
  { id, by, verdict, at }: { id: string; by: string; verdict: Verdict; at: number },
): void {
  const use = findUse(sql, id);
  if (use === null || use.reviewed_at !== null) return;
  writeReview(sql, id, { at, by, verdict });
  recordChange(sql, { at, actor: by, kind: `glass.${verdict}`, id: use.action }, false);
}

/** Ends what came to nothing: uses of an action of which `effective` (or none) is the one that took effect. @returns how many. */
export function dismissUses(
  sql: SqlStorage,
  { action, effective, by, now }: { action: string; effective: string | null; by: string; now: number },
): number {
  const idle = openUsesOf(sql, action).filter(({ id, at }) => id !== effective && now - at >= inFlightMs);
  for (const { id } of idle) reviewUse(sql, { id, by, verdict: "dismissed", at: now });
  return idle.length;
}

export function pageOfUses(
  sql: SqlStorage,
  { state, cursor, limit, now }: { state: UseFilter; cursor: string | undefined; limit: number; now: number },
): GlassUseList {
  const before = (cursor === undefined ? null : decodeCursor(cursor)) ?? Number.MAX_SAFE_INTEGER;
  const found = listUses(sql, state, { before, now, limit: limit + 1 });
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const more = found.length > limit && last !== undefined;
  return { items: shown.map((use) => viewOf(use, now)), nextCursor: more ? encodeCursor(last.number) : null };
}

const instant = (ms: number): string => new Date(ms).toISOString();

function viewOf(use: StoredUse, now: number): GlassUseView {
  const { id, action, person, incident, at, due_at: dueAt, reviewed_at: reviewedAt, verdict } = use;
  const review =
    reviewedAt === null || verdict === null || use.reviewed_by === null
      ? null
      : { by: use.reviewed_by, verdict, at: instant(reviewedAt) };
  const overdue = review === null && now >= dueAt;
  return { id, action, person, incident, at: instant(at), reviewDue: instant(dueAt), overdue, review };
}
