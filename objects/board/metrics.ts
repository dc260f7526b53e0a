import { counting, noCounters } from "../../core/counters.ts";
import { figuresOf, windowMs } from "../../core/figures.ts";
import { ratesOf } from "../../core/rates.ts";
import { ratesText } from "../../core/prometheus-rates.ts";
import { prometheusText } from "../../core/prometheus.ts";
import type { Totals } from "../../schemas/counters.ts";
import type { Figures, MetricsWindow, Rates } from "../../schemas/metrics.ts";
import { lastRow } from "./actions.ts";
import { countSuppressed, readSuppressed } from "./notice-rows.ts";
import { bypassesIn, countBypasses } from "./bypasses.ts";
import {
  countDeadLetters,
  createdAt,
  endedRows,
  openRows,
  readSeen,
  readTotals,
  rowsAt,
  uncountedRows,
  writeSeen,
  writeTotals,
  type TimedCounted,
  type TimedRow,
} from "./timings.ts";

/** Finished rows that a window is looked for in, newest first: a quarter of a second of the Board's one thread (measured). */
const lookedAt = 20_000;
/** Rows that are over are summed up so many at a time, so that counting costs a written row once in so many actions. */
const sumUpAfter = 500;
/** How old the rates of a scrape may be. */
const ratesKeptMs = 60_000;

/** The figures of one workspace, read from the rows that the Board has anyway. */
export class Metrics {
  readonly #storage: DurableObjectStorage;
  #totals: Totals | null = null;
  #rates: { at: number; rates: Rates } | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get #sql(): SqlStorage {
    return this.#storage.sql;
  }

  figures(window: MetricsWindow, now: number): Figures {
    const from = now - windowMs[window];
    const { actions, complete } = this.#since(from);
    const deadLetters = countDeadLetters(this.#sql);
    const suppressed = countSuppressed(this.#sql, from);
    const figures = figuresOf(actions, { window, now, complete, deadLetters, suppressed });
    return { ...figures, rates: this.#ratesOf(actions, { window, now, complete }) };
  }

  /** What people have said of an action has come in, or an effect that nobody had claimed: rates are to be read anew. */
  ratesChanged(): void {
    this.#rates = null;
  }

  #ratesOf(
    actions: readonly TimedCounted[],
    { window, now, complete }: { window: MetricsWindow; now: number; complete: boolean },
  ): Rates {
    const from = now - windowMs[window];
    const span = { window, from: new Date(from).toISOString(), to: new Date(now).toISOString(), complete };
    return ratesOf(actions, bypassesIn(this.#sql, from, now), from, span);
  }

  /** Rates over a day change slowly, and a scrape comes every few seconds. */
  #ratesOfDay(now: number): Rates {
    if (this.#rates === null || now - this.#rates.at >= ratesKeptMs) {
      const { actions, complete } = this.#since(now - windowMs["24h"]);
      this.#rates = { at: now, rates: this.#ratesOf(actions, { window: "24h", now, complete }) };
    }
    return this.#rates.rates;
  }

  /** In the Prometheus text format. The counters are sums over all rows there have ever been, so no restart sets them back. */
  prometheus(now: number): string {
    const before = this.#read();
    const rows = uncountedRows(this.#sql, before, lookedAt);
    const counters = counting(before.counters, countable(rows));
    this.#sumUp(before, rows);
    const { actions } = this.#since(now - windowMs["1h"]);
    const deadLetters = countDeadLetters(this.#sql);
    const suppressed = readSuppressed(this.#sql);
    const text = prometheusText({ counters, recent: actions, deadLetters, suppressed, now });
    return `${text}${ratesText(this.#ratesOfDay(now), countBypasses(this.#sql))}`;
  }

  /** Notes that a person has opened an action. @returns false where it waits for nobody, or is not known here yet. */
  see(action: string, person: string, now: number): boolean {
    const seen = readSeen(this.#sql, action);
    if (seen === null) return false;
    if (seen[person] === undefined) writeSeen(this.#sql, action, { ...seen, [person]: now });
    return true;
  }

  /** Adds to the sum what a row has grown by, where the row is summed up already. Inside the Board's own transaction. */
  grown(row: number, delivered: number, failed: number): void {
    const totals = this.#read();
    if (row > totals.upToRow || totals.open.includes(row)) return;
    const { deliveries: sum } = totals.counters;
    const deliveries = { delivered: sum.delivered + delivered, failed: sum.failed + failed };
    this.#write({ ...totals, counters: { ...totals.counters, deliveries } });
  }

  /** A row is about to be removed: it is summed up first, where it was not. Inside the Board's own transaction. */
  leaves(row: number): void {
    const totals = this.#read();
    const isSummed = row <= totals.upToRow && !totals.open.includes(row);
    if (isSummed) return;
    const counters = counting(totals.counters, countable(rowsAt(this.#sql, row)));
    this.#write({ ...totals, open: totals.open.filter((one) => one !== row), counters });
  }

  /** The row is removed. Its number may be given again, to one that is not summed up. */
  left(row: number): void {
    const totals = this.#read();
    const last = lastRow(this.#sql);
    if (row > last && totals.upToRow > last) this.#write({ ...totals, upToRow: last });
  }

  /** Every action that is open, or ended at `from` or later, from among the newest. */
  #since(from: number): { actions: TimedCounted[]; complete: boolean } {
    const after = Math.max(lastRow(this.#sql) - lookedAt, 0);
    const rows = [...openRows(this.#sql), ...endedRows(this.#sql, after, from)];
    const oldest = after === 0 ? null : createdAt(this.#sql, after);
    return { actions: countable(rows), complete: oldest === null || oldest < from };
  }

  /** What is over goes into the sum; what is open is remembered by its row, and looked at again each time. */
  #sumUp(before: Totals, rows: readonly TimedRow[]): void {
    const over = rows.filter(({ open }) => !open);
    if (over.length < sumUpAfter && rows.length < lookedAt) return;
    this.#write({
      upToRow: Math.max(before.upToRow, ...rows.map(({ row }) => row)),
      open: rows.filter(({ open }) => open).map(({ row }) => row),
      counters: counting(before.counters, countable(over)),
    });
  }

  #read(): Totals {
    this.#totals ??= readTotals(this.#sql) ?? { upToRow: 0, open: [], counters: noCounters() };
    return this.#totals;
  }

  #write(totals: Totals): void {
    this.#totals = null;
    writeTotals(this.#sql, totals);
    this.#totals = totals;
  }
}

const countable = (rows: readonly TimedRow[]): TimedCounted[] =>
  rows.flatMap(({ counted }) => (counted === null ? [] : [counted]));
