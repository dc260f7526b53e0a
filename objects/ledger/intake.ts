import type { Seen } from "../../schemas/ledger.ts";
import {
  erasureOf,
  findAction,
  insertAction,
  lastNumber,
  updateAction,
  type Known,
  type Marks,
} from "./action-rows.ts";
import { endHolds, holdOver } from "./holds.ts";
import type { Pen } from "./journal.ts";
import type { Doubt, ErasureAnswer, ErasureRequest, Point, Recorded, Settled } from "./messages.ts";

/**
 * What actions say of themselves, held against what they have said before. A message may come twice, late, or in another order, and
 * none of that is a fault. What is one: another first entry, another head after as many events, or an action that no longer holds
 * an entry it had told of. The last cannot be seen from a head alone, so whoever hands the message in is asked to look.
 */

/** What holding a message against the action's row comes to. */
type Verdict =
  | { readonly kind: "goesOn" | "older" | "same" }
  | { readonly kind: "contradicts" | "doubt"; readonly known: Point };

/** @param copies what is sealed is to be copied out. */
export function takeIn(pen: Pen, items: readonly Seen[], copies: boolean): Recorded[] {
  const byAction = Map.groupBy(items, ({ action }) => action);
  return [...byAction.values()].map((own) => {
    const inOrder = own.toSorted(byEvents);
    const doubts = inOrder.flatMap((seen) => take(pen, seen, null, copies));
    return recordedOf(pen.sql, inOrder[0], doubts);
  });
}

/** The same for messages that were doubted, once somebody has looked. */
export function settleDoubts(pen: Pen, answers: readonly Settled[], copies: boolean): Recorded[] {
  return answers.map(({ seen, known, holds }) => {
    if (holds) return recordedOf(pen.sql, seen, take(pen, seen, known, copies));
    const row = findAction(pen.sql, seen.action);
    if (row !== null) contradict(pen, row, seen, known);
    return recordedOf(pen.sql, seen, []);
  });
}

const byEvents = (one: Seen, other: Seen): number =>
  one.events - other.events || one.erased.length - other.erased.length;

function recordedOf(sql: SqlStorage, seen: Seen | undefined, doubts: Doubt[]): Recorded {
  const known = seen === undefined ? null : findAction(sql, seen.action);
  if (known === null) throw new Error("an action was taken in and is not there");
  const { action, number, sealedEvents: sealed } = known;
  return { action, number, sealed, ...(doubts.length > 0 && { doubts }) };
}

/** @param sure an entry that the action was found to hold still. @returns what has to be looked at first, or nothing. */
function take(pen: Pen, seen: Seen, sure: Point | null, copies: boolean): Doubt[] {
  const known = findAction(pen.sql, seen.action);
  if (known === null) {
    open(pen, seen, copies);
    return [];
  }
  const verdict = judge(known, seen, sure);
  switch (verdict.kind) {
    case "doubt":
      return [{ seen, known: verdict.known }];
    case "contradicts":
      contradict(pen, known, seen, verdict.known);
      return [];
    case "older":
      return [];
    case "goesOn":
      goOn(pen, known, seen, copies);
      return [];
    case "same":
      tellAgain(pen, known, seen);
      return [];
  }
}

function judge(known: Known, seen: Seen, sure: Point | null): Verdict {
  const last = { events: known.events, head: known.head };
  const sealed = known.sealedHead === null ? null : { events: known.sealedEvents, head: known.sealedHead };
  if (seen.first !== known.first) return { kind: "contradicts", known: last };
  const points = sealed === null ? [last] : [last, sealed];
  const other = points.find(({ events, head }) => events === seen.events && head !== seen.head);
  if (other !== undefined) return { kind: "contradicts", known: other };
  if (seen.events < known.events) {
    const known1 = seen.events === 1 || seen.events === sealed?.events;
    return known1 || isSame(sure, last) ? { kind: "older" } : { kind: "doubt", known: last };
  }
  if (seen.events > known.events) {
    return sealed === null || isSame(sure, sealed) ? { kind: "goesOn" } : { kind: "doubt", known: sealed };
  }
  return seen.over && known.sealedEvents < seen.events ? { kind: "goesOn" } : { kind: "same" };
}

const isSame = (one: Point | null, other: Point): boolean =>
  one !== null && one.events === other.events && one.head === other.head;

function open(pen: Pen, seen: Seen, copies: boolean): void {
  const { action, type, requester, first, events, head, holds, erased, context = 0 } = seen;
  const number = lastNumber(pen.sql) + 1;
  const opened = pen.append({ kind: "opened", number, action, first });
  const marks: Marks = { opened, sealed: [], erased: {}, conflicts: [], conflict: null };
  const about = { number, action, type, requester, first, events, head, holds, context, erased };
  const known: Known = { ...about, sealedEvents: 0, sealedHead: null, marks };
  insertAction(pen.sql, seen.over ? sealedBy(pen, known, seen) : known, pen.at, copies);
}

function goOn(pen: Pen, known: Known, seen: Seen, copies: boolean): void {
  const { events, head, holds, erased, context = known.context } = seen;
  const grown = { ...known, events, head, holds, context, erased };
  const seals = seen.over && events > known.sealedEvents;
  updateAction(pen.sql, seals ? sealedBy(pen, grown, seen) : grown, seals && copies);
}

function sealedBy(pen: Pen, known: Known, { events, head, state }: Seen): Known {
  const { number, action, marks } = known;
  const index = pen.append({ kind: "sealed", number, action, events, head, state });
  return {
    ...known,
    sealedEvents: events,
    sealedHead: head,
    marks: { ...marks, sealed: [...marks.sealed, index] },
  };
}

/** Nothing has happened to it; what it holds may have become less, or due at another time. */
function tellAgain(pen: Pen, known: Known, { holds, erased, context = known.context }: Seen): void {
  if (erased.length < known.erased.length) return;
  const told = JSON.stringify([holds, erased, context]);
  if (told === JSON.stringify([known.holds, known.erased, known.context])) return;
  updateAction(pen.sql, { ...known, holds, context, erased }, false);
}

/** What was known stays known; what contradicts it is put down beside it, once for each time that it says something else. */
function contradict(pen: Pen, known: Known, { events, head }: Seen, before: Point): void {
  const { number, action, marks } = known;
  if (marks.conflict !== null && isSame(marks.conflict, { events, head })) return;
  const { events: knownEvents, head: knownHead } = before;
  const index = pen.append({ kind: "conflict", number, action, events, head, knownEvents, knownHead });
  const conflicts = [...marks.conflicts, index];
  updateAction(pen.sql, { ...known, marks: { ...marks, conflicts, conflict: { events, head } } }, false);
  console.error("an action contradicts what it had said before", action, knownEvents, events);
}

/** While a hold has no end, whatever it holds asks again so often; a release wakes it before, by way of the sweep. */
const heldAskAgainMs = 24 * 3_600_000;

/** Whether a class of an action may go, with the line that says so where it may. */
export function mayErase(pen: Pen, request: ErasureRequest, now: number, copies: boolean): ErasureAnswer {
  const { seen, class: name, evidence, dueAt, by } = request;
  endHolds(pen);
  // Also what is doubted has to go when its time has come; the doubt comes up again with the action's next news.
  take(pen, seen, null, copies);
  const known = findAction(pen.sql, seen.action);
  if (known === null) throw new Error("an action was taken in and is not there");
  const before = erasureOf(known, name);
  if (before !== null) return { allowed: true, index: before };
  const { number, action, type, requester, marks } = known;
  const hold = holdOver(pen.sql, { action, type, requester }, now);
  if (hold !== null) {
    const askAgainAt = Math.min(hold.until ?? Infinity, now + heldAskAgainMs);
    return { allowed: false, hold: hold.id, because: hold.reason, askAgainAt };
  }
  const { events, head } = seen;
  const what = { class: name, ...(evidence && { evidence }) } as const;
  const index = pen.append({ kind: "erased", number, action, ...what, dueAt, events, head, by });
  updateAction(pen.sql, { ...known, marks: { ...marks, erased: { ...marks.erased, [name]: index } } }, false);
  return { allowed: true, index };
}
