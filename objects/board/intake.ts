import type { ActionChanged } from "../../schemas/message.ts";
import { findAction, insertAction, isSame, updateAction, updateSends, type Place } from "./actions.ts";
import { dropDeadLetters, putDeadLetters } from "./dead-letters.ts";
import { forgetAction, forgetWhatWasAsked } from "./forgotten.ts";
import type { Metrics } from "./metrics.ts";
import { isErased, type RowSeal } from "./sealed.ts";
import { latestSends } from "./timings.ts";

export type Rows = { readonly sql: SqlStorage; readonly seal: RowSeal; readonly metrics: Metrics };

/**
 * Takes one change in, inside the Board's transaction. A dead letter changes no seq, so of two messages with one seq either may be the
 * later. A change then only adds letters: one that is listed although it was sent again is gone with the next seq or repair, while
 * one that is not listed would be sent by nobody.
 * @param exact the action says it of itself at this moment, and a row of the same seq is put right.
 * @returns whether what is listed of the action has changed.
 */
export function take(rows: Rows, change: ActionChanged, exact: boolean): boolean {
  const { sql, seal } = rows;
  const place = findAction(sql, change.action);
  if (change.gone === true) return letGo(rows, change.action, place);
  const known = place?.seq ?? -1;
  if (change.seq < known) return false;
  const forgets = (change.erased ?? []).length > 0;
  const wasErased = place !== null && isErased(seal.readSummary(place.summary));
  // What was said before it was erased is not to come back, whichever way it went.
  if (wasErased && !isErased(change.summary)) return false;
  const mayDiffer = place !== null && (exact || (forgets && !wasErased));
  const differs = change.seq > known || (mayDiffer && !isSame(seal, place, change));
  put(rows, change, place, differs);
  if (exact || change.seq > known) dropDeadLetters(sql, change.action, change.deadLetters);
  putDeadLetters(sql, change.action, change.deadLetters);
  if (forgets) forgetWhatWasAsked(sql, change.action);
  return differs;
}

/**
 * A batch without what it itself makes old: rows written are billed, and the steps of one life often come in one batch. Each action
 * stands where its first change did, so that rows keep the order in which actions were first heard of. What lets go of something,
 * and what has the same seq, is each taken in by itself.
 */
export function newestOf(changes: readonly ActionChanged[]): ActionChanged[] {
  const byAction = Map.groupBy(changes, ({ action }) => action);
  return [...byAction.values()].flatMap((own) => {
    if (own.some(letsGo)) return own;
    const newest = Math.max(...own.map(({ seq }) => seq));
    return own.filter(({ seq }) => seq === newest);
  });
}

const letsGo = ({ gone, erased = [] }: ActionChanged): boolean => gone === true || erased.length > 0;

/** Nothing of an action is listed any more; what it counted for stays in the sums. */
function letGo({ sql, metrics }: Rows, action: string, place: Place | null): boolean {
  if (place !== null) metrics.leaves(place.row);
  forgetAction(sql, action);
  if (place !== null) metrics.left(place.row);
  return false;
}

/** Writes one row where something is new. What came of sending grows also while the action stands still. */
function put(
  { sql, seal, metrics }: Rows,
  change: ActionChanged,
  place: Place | null,
  differs: boolean,
): void {
  const sends = latestSends(place, change.sends);
  if (place === null) return insertAction(sql, seal, change, sends);
  const delivered = sends.delivered - place.delivered;
  const failed = sends.failed - place.failed;
  const grown = delivered > 0 || failed > 0;
  if (differs) updateAction(sql, seal, change, place, sends);
  else if (grown || sends.notifiedAt !== place.notified_at) updateSends(sql, place, sends);
  if (grown) metrics.grown(place.row, delivered, failed);
}
