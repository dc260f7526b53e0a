import { windowMs } from "../../core/budget.ts";
import type { RiskCounts, Tally, TallyTold } from "../../schemas/notice.ts";
import { countCardless, countIdentical, isOver } from "./notice-rows.ts";
import {
  dropTally,
  dueTallies,
  findTally,
  nextTally,
  putTally,
  wakeTallies,
  type TallyBody,
  type TallyName,
  type TallyRow,
} from "./tally-rows.ts";

/** A burst is gathered before the first number is told. */
const gatherMs = 3_000;
/** No number is told again sooner: Slack takes some 50 edits a minute, from all of us together. */
const gapMs = 30_000;
/** Messages one round of telling takes on. */
const perRound = 20;
/** When a number is looked at again that nobody could be told. */
const patienceMs = 60_000;
/** How long the Worker may take for a round. Past it, what it did not answer for is looked at again. */
const roundMs = 5 * 60_000;

/** A number to be told, the row that it stands in, and how many messages stood behind it then. */
export type DueTally = { readonly name: TallyName; readonly tally: Tally; readonly marks: number };

const unknown: TallyBody = {
  origin: "",
  key: "",
  place: null,
  postedAt: null,
  shown: null,
  marks: 0,
  posted: 0,
};

/**
 * The numbers that stand for messages not sent: one digest a recipient, and one on each card with requests like it. They are told
 * by the Board's alarm, all of them as they are then, so that a thousand changes are one edit.
 */
export class Tallies {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get #sql(): SqlStorage {
    return this.#storage.sql;
  }

  /** One more stands behind a number. Inside a transaction. */
  mark(name: TallyName, { origin, key }: Pick<TallyBody, "origin" | "key">, now: number): void {
    const before = findTally(this.#sql, name);
    const { marks, ...known } = before?.body ?? unknown;
    const body: TallyBody = { ...known, origin, key, marks: marks + 1 };
    const toldAt = before?.told_at ?? null;
    const soon = Math.max(now + gatherMs, toldAt === null ? 0 : toldAt + gapMs);
    const due = Math.min(before?.due ?? Infinity, soon);
    putTally(this.#sql, { ...name, due, told_at: toldAt, body });
    if (due !== before?.due) this.#arm(now);
  }

  /** Something has ended: numbers that people were shown may be too high. */
  wake(now: number): void {
    if (wakeTallies(this.#sql, now + gatherMs, gapMs)) this.#arm(now);
  }

  /**
   * The numbers that are due and differ from what is shown. Each is looked at again after a while unless `told` says before what
   * came of it. A digest counts as posted from here on, so that a process that dies costs one and never makes two.
   */
  due(now: number): DueTally[] {
    return this.#storage.transactionSync(() => {
      const due = dueTallies(this.#sql, now, perRound).flatMap((row) => {
        const tally = row.action === "" ? this.#digest(row, now) : this.#onCard(row, now);
        const { sink, action, body } = row;
        return tally === null ? [] : [{ name: { sink, action }, tally, marks: body.marks }];
      });
      this.#arm(now);
      return due;
    });
  }

  /** What came of telling one. */
  told(due: DueTally, told: TallyTold, now: number): void {
    this.#storage.transactionSync(() => {
      const row = findTally(this.#sql, due.name);
      if (row === null) return;
      putTally(this.#sql, after(row, due, told, now));
      this.#arm(now);
    });
  }

  #digest(row: TallyRow, now: number): Tally | null {
    const { sink, body } = row;
    const counts = countCardless(this.#sql, sink);
    const text = textOf(counts);
    const ageMs = body.postedAt === null ? Infinity : now - body.postedAt;
    const isEmpty = Object.values(counts).every((count) => count === 0);
    if (isCalledFor(body) && !isEmpty && ageMs >= windowMs) {
      const begun: TallyBody = { ...body, place: null, postedAt: now, shown: null };
      putTally(this.#sql, { ...row, due: now + roundMs, body: begun });
      return { kind: "digest", sink, origin: body.origin, counts, place: null };
    }
    if (body.place !== null && body.shown !== text) {
      putTally(this.#sql, { ...row, due: now + roundMs });
      return { kind: "digest", sink, origin: body.origin, counts, place: body.place };
    }
    if (isEmpty && ageMs >= windowMs) dropTally(this.#sql, row);
    else putTally(this.#sql, { ...row, due: nextPost(body, isEmpty) });
    return null;
  }

  #onCard(row: TallyRow, now: number): Tally | null {
    const { sink, action, body } = row;
    const { origin, key } = body;
    const identical = countIdentical(this.#sql, { sink, key }, action);
    if (isOver(this.#sql, action)) {
      // The card is closed, and what was counted on it has none any more.
      dropTally(this.#sql, row);
      if (identical > 0) this.mark({ sink, action: "" }, { origin, key: "" }, now);
      return null;
    }
    if (body.shown !== String(identical)) {
      putTally(this.#sql, { ...row, due: now + roundMs });
      return { kind: "card", sink, origin, action, identical };
    }
    if (identical === 0) dropTally(this.#sql, row);
    else putTally(this.#sql, { ...row, due: null });
    return null;
  }

  /** Sets the alarm to the earliest number; the Board has no other use for it. */
  #arm(now: number): void {
    const next = nextTally(this.#sql);
    if (next !== null) void this.#storage.setAlarm(Math.max(next, now + 1));
  }
}

/** When there may be another digest, where one is called for. */
const nextPost = (body: TallyBody, isEmpty: boolean): number | null =>
  isCalledFor(body) && !isEmpty && body.postedAt !== null ? body.postedAt + windowMs : null;

/** Whether something stands behind the number that no digest was posted for. */
const isCalledFor = ({ marks, posted }: TallyBody): boolean => marks > posted;

const textOf = ({ critical, high, medium, low }: RiskCounts): string => [critical, high, medium, low].join();

/** The row after a number was told, or could not be. What came in between has the number looked at once more. */
function after(row: TallyRow, { tally, marks }: DueTally, told: TallyTold, now: number): TallyRow {
  const { body } = row;
  const shown = tally.kind === "digest" ? textOf(tally.counts) : String(tally.identical);
  const isPost = tally.kind === "digest" && tally.place === null;
  switch (told.kind) {
    case "told": {
      const posted = isPost ? marks : body.posted;
      const place = told.place ?? body.place;
      return { ...row, told_at: now, due: now + gapMs, body: { ...body, shown, place, posted } };
    }
    case "gone":
      // There is nothing to edit, or nobody to post to for this hour.
      return { ...row, due: now + gapMs, body: { ...body, place: null, shown } };
    case "later":
      // Nothing was posted, so the hour has not begun.
      return { ...row, due: now + told.afterMs, body: isPost ? { ...body, postedAt: null } : body };
    case "unsure":
      return { ...row, due: now + patienceMs };
  }
}
