import * as v from "valibot";
import { countedAs } from "../../core/evidence/figures.ts";
import { LedgerEntry, type LedgerEntryKind } from "../../schemas/ledger.ts";
import { migrate } from "../migrate.ts";
import { Log } from "./log.ts";
import { migrations } from "./migrations.ts";

/** A line as whoever writes it says it: version, workspace and time are the journal's. */
export type Line = LedgerEntry extends infer Entry
  ? Entry extends LedgerEntry
    ? Omit<Entry, "v" | "workspace" | "at">
    : never
  : never;

/** What a change writes with. `at` is epoch ms by the ledger's clock, which never goes back. */
export type Pen = {
  readonly sql: SqlStorage;
  readonly at: number;
  /** @returns the index of the line. */
  readonly append: (line: Line) => number;
};

const Whole = v.pipe(v.number(), v.integer());
/** The one row that changes with every line. Times are epoch ms. */
const Head = v.object({
  clock: Whole,
  /** How many lines there are of each kind, and of those that let go of something how that went (`core/evidence/figures`). */
  counts: v.record(v.string(), Whole),
  /** The newest checkpoint covers so many lines. */
  signed: Whole,
  /** Since when there is a line that it does not cover. */
  unsignedSince: v.nullable(Whole),
  /** Checkpoints up to this size are outside, where there is an outside. */
  published: Whole,
  alarmAt: v.nullable(Whole),
});
export type Head = v.InferOutput<typeof Head>;
const emptyHead: Head = { clock: 0, counts: {}, signed: 0, unsignedSince: null, published: 0, alarmAt: null };

/** A line waits no longer than this for its checkpoint, and no more lines than that do. */
export const checkpointAfterMs = 60_000;
export const checkpointAfterLines = 100;

/**
 * The tables of one ledger and the transaction round every write: the lines of one call, the tree, the actions' rows and the
 * alarm are one commit or none. A ledger that nothing was ever written to has no tables, so that asking for one that does not
 * exist leaves nothing behind.
 */
export class Journal {
  readonly sql: SqlStorage;
  readonly log: Log;
  readonly #storage: DurableObjectStorage;
  readonly #workspace: string;
  readonly #begin: (pen: Pen) => void;
  #tables: boolean;
  #head: Head | null = null;
  /** Not before then (epoch ms) is anything tried again that could not be done; in memory only. */
  #patientUntil = 0;

  /** @param begin writes the first line of a new log. */
  constructor(storage: DurableObjectStorage, workspace: string, begin: (pen: Pen) => void) {
    this.#storage = storage;
    this.sql = storage.sql;
    this.#workspace = workspace;
    this.#begin = begin;
    this.log = new Log(this.sql);
    this.#tables = hasTables(this.sql);
    if (this.#tables) migrate(storage, migrations);
  }

  /** Whether anything was ever written here. */
  get exists(): boolean {
    return this.#tables && this.log.size > 0;
  }

  get head(): Head {
    this.#head ??= this.#tables ? readHead(this.sql) : emptyHead;
    return this.#head;
  }

  /** One transaction; a throw undoes everything. The first one makes the tables and the first line. */
  write<Value>(now: number, work: (pen: Pen) => Value): Value {
    if (!this.#tables) {
      migrate(this.#storage, migrations);
      this.#tables = true;
    }
    try {
      return this.#storage.transactionSync(() => {
        const at = Math.max(this.head.clock, now);
        const before = this.log.size;
        const lines: LedgerEntry[] = [];
        const append = (line: Line): number =>
          before + lines.push(v.parse(LedgerEntry, { ...line, v: 1, workspace: this.#workspace, at })) - 1;
        const pen = { sql: this.sql, at, append };
        if (before === 0) this.#begin(pen);
        const value = work(pen);
        this.#put(lines, at, now);
        return value;
      });
    } catch (error) {
      this.#head = null;
      this.log.forget();
      throw error;
    }
  }

  /** Changes what is remembered beside the lines. Within `write`, or by itself. */
  remember(change: Partial<Head>): void {
    this.#head = { ...this.head, ...change };
    this.sql.exec(
      "INSERT INTO head (id, body) VALUES (1, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
      JSON.stringify(this.#head),
    );
  }

  /**
   * The alarm is to go off at `at` (epoch ms) or before; null: nothing is to be done any more. Set only where it is not, because
   * setting it is billed as a row.
   */
  arm(at: number | null, now: number): void {
    const { alarmAt } = this.head;
    if (at === null) {
      if (alarmAt !== null) this.remember({ alarmAt: null });
      return;
    }
    if (alarmAt !== null && alarmAt > now && alarmAt <= at) return;
    const wanted = Math.max(at, now + 1);
    void this.#storage.setAlarm(wanted);
    this.remember({ alarmAt: wanted });
  }

  /**
   * One that went off early, by the clock of another machine, would otherwise be taken for one that is still to come. Written with
   * whatever is written next: once its time has passed it is not taken for set anyway.
   */
  alarmWentOff(): void {
    this.#head = { ...this.head, alarmAt: null };
  }

  /** Something that is due could not be done: the next lines are not a reason to try at once. */
  bePatient(until: number): void {
    this.#patientUntil = until;
  }

  /** When the newest lines are to be signed: epoch ms, null where all of them are. */
  signingDue(): number | null {
    const { signed, unsignedSince } = this.head;
    if (unsignedSince === null) return null;
    return this.log.size - signed >= checkpointAfterLines ? unsignedSince : unsignedSince + checkpointAfterMs;
  }

  #put(lines: readonly LedgerEntry[], at: number, now: number): void {
    if (lines.length === 0) return;
    this.log.append(lines);
    const { counts, unsignedSince, alarmAt } = this.head;
    const grown = lines
      .flatMap(countedAs)
      .reduce<Record<string, number>>((sum, name) => ({ ...sum, [name]: (sum[name] ?? 0) + 1 }), counts);
    // One write of the row for all of it: the alarm is decided upon what the row will say.
    this.#head = { ...this.head, clock: at, counts: grown, unsignedSince: unsignedSince ?? now };
    const due = Math.max(this.signingDue() ?? now, this.#patientUntil);
    if (alarmAt !== null && alarmAt > now && alarmAt <= due) this.remember({});
    else this.arm(due, now);
  }

  count(kind: LedgerEntryKind): number {
    return this.head.counts[kind] ?? 0;
  }
}

function readHead(sql: SqlStorage): Head {
  const [row] = sql.exec<{ body: string }>("SELECT body FROM head WHERE id = 1").toArray();
  return row === undefined ? emptyHead : v.parse(Head, JSON.parse(row.body));
}

function hasTables(sql: SqlStorage): boolean {
  const found = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_migrations'");
  return found.toArray().length > 0;
}
