import type { Refusal } from "../../core/refusal.ts";
import { refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { EvidenceFigures } from "../../schemas/evidence-figures.ts";
import type { Gone, Hold } from "../../schemas/hold.ts";
import type { PurgeState } from "../../schemas/purge.ts";
import { overdueActions } from "./action-rows.ts";
import { Figures } from "./figures.ts";
import {
  endHolds,
  holdsInForce,
  listHolds,
  putHold,
  releaseHold,
  type HoldRelease,
  type NewHold,
} from "./holds.ts";
import type { Journal, Pen } from "./journal.ts";
import {
  advancePurge,
  beginPurge,
  isPurging,
  leftToPurge,
  nextToPurge,
  noteLooked,
  notePurged,
  purgeState,
  reopen,
  unseen,
  type PurgeAsked,
  type PurgeTold,
} from "./purge.ts";

/** How far the forgetting has come, and how many actions are left to be told. */
export type PurgeStanding = { readonly state: PurgeState; readonly left: number };

/** What the sweep has to do for a ledger. `overdue`: actions that still hold what is due, and no hold keeps. */
export type Chores = { readonly purging: PurgeState | null; readonly overdue: string[] };

/** What is kept although it is due, and what is forgotten all at once. */
export class Keeping {
  readonly #journal: Journal;
  readonly #figures: Figures;

  constructor(journal: Journal) {
    this.#journal = journal;
    this.#figures = new Figures(journal);
  }

  put(asked: NewHold, now: number): Result<{ hold: Hold; gone: Gone }, Refusal> {
    return this.#write(now, (pen) => {
      if (isPurging(purgeState(pen.sql))) {
        return refusal("conflict", "The workspace is being forgotten: nothing of it can be held any more.");
      }
      return putHold(pen, asked);
    });
  }

  release(asked: HoldRelease, now: number): Result<Hold, Refusal> {
    return this.#write(now, (pen) => {
      endHolds(pen);
      return releaseHold(pen, asked);
    });
  }

  /** Those in force and the last that have ended, the newest first. */
  holds(now: number): Hold[] {
    if (!this.#journal.exists) return [];
    this.#endHolds(now);
    return listHolds(this.#journal.sql);
  }

  figures(now: number, signed: number | null): EvidenceFigures {
    return this.#figures.read(now, signed);
  }

  /** The longest overdue by `before` (epoch ms) first, at most `limit`. */
  chores(before: number, limit: number, now: number): Chores {
    const { exists, sql } = this.#journal;
    if (!exists) return { purging: null, overdue: [] };
    this.#endHolds(now);
    const state = purgeState(sql);
    const purging = isPurging(state) ? state : null;
    const held = holdsInForce(sql, now);
    if (purging !== null || held.some(({ scope }) => scope === "all")) return { purging, overdue: [] };
    return { purging, overdue: overdueActions(sql, before, limit) };
  }

  beginPurge(asked: PurgeAsked, now: number): Result<PurgeStanding, Refusal> {
    return this.#write(now, (pen) => {
      const begun = beginPurge(pen, asked);
      return begun.ok ? ok({ state: begun.value, left: leftToPurge(pen.sql, begun.value) }) : begun;
    });
  }

  /** Why nothing may be forgotten now, or null: asked before people are. */
  purgeRefusal(asked: PurgeAsked, now: number): Refusal | null {
    if (!this.#journal.exists) return null;
    let refused: Refusal | null = null;
    try {
      this.#journal.write(now, (pen) => {
        const begun = beginPurge(pen, asked);
        refused = begun.ok ? null : begun.error;
        throw new TakenBack();
      });
    } catch (error) {
      if (!(error instanceof TakenBack)) throw error;
    }
    return refused;
  }

  purge(): PurgeStanding | null {
    if (!this.#journal.exists) return null;
    const state = purgeState(this.#journal.sql);
    return state === null ? null : { state, left: leftToPurge(this.#journal.sql, state) };
  }

  nextToPurge(limit: number): { number: number; action: string }[] {
    return this.#journal.exists ? nextToPurge(this.#journal.sql, limit) : [];
  }

  notePurged(told: PurgeTold, now: number): void {
    this.#write(now, (pen) => notePurged(pen, told));
  }

  unseen(ids: readonly string[]): string[] {
    return this.#journal.exists ? unseen(this.#journal.sql, ids) : [...ids];
  }

  noteLooked(boardRow: number, now: number): void {
    this.#write(now, (pen) => noteLooked(pen, boardRow));
  }

  advancePurge(from: PurgeState["stage"], now: number): PurgeState | null {
    return this.#write(now, (pen) => advancePurge(pen, from));
  }

  reopen(now: number): Result<null, Refusal> {
    if (!this.#journal.exists) return ok(null);
    return this.#write(now, (pen) => reopen(pen.sql));
  }

  /** One that has an end and is past it is written down as ended when somebody looks. */
  #endHolds(now: number): void {
    const { sql } = this.#journal;
    const isPast = sql
      .exec("SELECT 1 FROM holds WHERE ended = 0 AND until IS NOT NULL AND until <= ? LIMIT 1", now)
      .toArray();
    if (isPast.length > 0) this.#write(now, endHolds);
  }

  /** A write whose effect shows in the figures at once. */
  #write<Value>(now: number, work: (pen: Pen) => Value): Value {
    this.#figures.forget();
    return this.#journal.write(now, work);
  }
}

/** Takes back what was only tried. */
class TakenBack extends Error {}
