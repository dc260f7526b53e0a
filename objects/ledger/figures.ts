import {
  ageEnds,
  erasureOf,
  readsOf,
  retentionOf,
  toleranceMs,
  type Erasure,
  type Overdue,
} from "../../core/evidence/figures.ts";
import {
  ages,
  type ContextBytes,
  type EvidenceFigures,
  type HeldBytes,
} from "../../schemas/evidence-figures.ts";
import { parseLine } from "../../schemas/ledger.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import type { Migration } from "../migrate.ts";
import { lastNumber } from "./action-rows.ts";
import { coveredAt, holdsInForce } from "./holds.ts";
import type { Journal } from "./journal.ts";
import { readCounts } from "./reads.ts";

/** What a ledger says of itself, read from the rows that it has anyway: nothing is written for it but one number an action. */

export const figuresMigration = {
  id: "figures",
  spare: true,
  sql: "ALTER TABLE actions ADD COLUMN context INTEGER NOT NULL DEFAULT 0;",
} as const satisfies Migration;

/** Actions that are looked at for what is held, the newest: half a second of the ledger's one thread (measured). */
const lookedAt = 100_000;
/** How old figures may be, however many ask for them. */
const keptMs = 30_000;
/** What is held is read anew every half minute for so many actions, and less often for more, so that it never takes more of the thread. */
const heldPerKept = 10_000;
/** Lines that are looked up to tell how a value is going that the log says is going. */
const maxPromises = 1_000;

export class Figures {
  readonly #journal: Journal;
  #last: { at: number; figures: EvidenceFigures } | null = null;
  #held: { at: number; actions: number; held: Held } | null = null;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** As of `now` (epoch ms), or of half a minute before; `signed`: when the newest checkpoint was made, null where there is none. */
  read(now: number, signed: number | null): EvidenceFigures {
    if (this.#last === null || now - this.#last.at >= keptMs || now < this.#last.at) {
      const figures = figuresAt(this.#journal, now, signed, () => this.#heldAt(now));
      this.#last = { at: now, figures };
    }
    return this.#last.figures;
  }

  #heldAt(now: number): Held {
    const last = this.#held;
    const keptFor = keptMs * Math.max(1, (last?.actions ?? 0) / heldPerKept);
    if (last !== null && now >= last.at && now - last.at < keptFor) return last.held;
    const { sql } = this.#journal;
    const actions = lastNumber(sql);
    const held = heldIn(sql, Math.max(0, actions - lookedAt), now);
    this.#held = { at: now, actions: Math.min(actions, lookedAt), held };
    return held;
  }

  /** Somebody has put or released a hold, and wants to see it. */
  forget(): void {
    this.#last = null;
  }
}

/** What is kept, which is the part that takes long. */
type Held = Pick<EvidenceFigures, "complete" | "held" | "context">;

const heldIn = (sql: SqlStorage, after: number, now: number): Held => ({
  complete: after === 0,
  held: heldBytes(sql, after, now),
  context: contextBytes(sql, after),
});

function figuresAt(
  journal: Journal,
  now: number,
  signed: number | null,
  heldNow: () => Held,
): EvidenceFigures {
  const { exists, sql, log, head } = journal;
  const at = new Date(now).toISOString();
  if (!exists) return { ...nothing, at, retention: retentionOf({}, [], now) };
  return {
    ...heldNow(),
    at,
    log: {
      lines: log.size,
      actions: lastNumber(sql),
      conflicts: head.counts["conflict"] ?? 0,
      holds: holdsInForce(sql, now).length,
    },
    checkpoint: {
      signed: head.signed,
      unsigned: log.size - head.signed,
      at: signed === null ? null : new Date(signed).toISOString(),
      lagMs: head.unsignedSince === null ? 0 : Math.max(0, now - head.unsignedSince),
    },
    retention: retentionOf(head.counts, overdueIn(journal, now), now),
    reads: readsOf(readCounts(sql)),
  };
}

const nothing = {
  complete: true,
  log: { lines: 0, actions: 0, conflicts: 0, holds: 0 },
  checkpoint: { signed: 0, unsigned: 0, at: null, lagMs: 0 },
  held: [],
  context: [],
  reads: [],
} satisfies Omit<EvidenceFigures, "at" | "retention">;

/** SQL for the values whose time has come by ?1. Only rows in the index of what is due are looked at. */
const dueValues = `FROM actions AS a, json_each(a.holds) AS h
  WHERE a.due_at <= ?1 AND json_extract(h.value, '$.dueAt') <= ?1`;
const promise = `json_extract(a.marks, '$.erased.' || json_extract(h.value, '$.class'))`;

function overdueIn({ sql, log }: Journal, now: number): Overdue[] {
  const late = retentionClasses.map((name) => `WHEN '${name}' THEN ${toleranceMs[name]}`).join(" ");
  const rows = sql
    .exec<{ class: string; held: number; waiting: number; late: number; oldest: number | null }>(
      `SELECT class, sum(covered) AS held, sum(NOT covered AND NOT late) AS waiting, sum(NOT covered AND late) AS late,
         min(CASE WHEN covered THEN NULL ELSE due END) AS oldest
       FROM (
         SELECT class, due, ?1 - due > CASE class ${late} END AS late, covered FROM (
           SELECT json_extract(h.value, '$.class') AS class, json_extract(h.value, '$.dueAt') AS due,
             ${promise} IS NULL AND ${coveredAt("?1")} AS covered
           ${dueValues}
         )
       ) GROUP BY class`,
      now,
    )
    .toArray();
  const promised = promisesIn({ sql, log }, now);
  return retentionClasses.flatMap((name) => {
    const row = rows.find((one) => one.class === name);
    return row === undefined ? [] : [{ ...row, class: name, promised: promised[name] ?? {} }];
  });
}

/** What the log says is going, and its action has not said is gone: for some seconds, unless the action died over it. */
function promisesIn(
  { sql, log }: Pick<Journal, "sql" | "log">,
  now: number,
): Partial<Record<RetentionClass, Partial<Record<Erasure, number>>>> {
  const sums: Partial<Record<RetentionClass, Partial<Record<Erasure, number>>>> = {};
  const rows = sql
    .exec<{ line: number }>(
      `SELECT ${promise} AS line ${dueValues} AND ${promise} IS NOT NULL LIMIT ?2`,
      now,
      maxPromises,
    )
    .toArray();
  for (const { line } of rows) {
    const entry = parseLine(log.text(line));
    if (entry.kind !== "erased") continue;
    const sum = (sums[entry.class] ??= {});
    const erasure = erasureOf(entry.class, entry.at, entry.dueAt);
    sum[erasure] = (sum[erasure] ?? 0) + 1;
  }
  return sums;
}

function heldBytes(sql: SqlStorage, after: number, now: number): HeldBytes[] {
  const age = ageEnds.map(([, end], index) => `WHEN ?1 - a.at < ${end} THEN ${index}`).join(" ");
  const rows = sql
    .exec<{ class: string; age: number; bytes: number; actions: number }>(
      `SELECT json_extract(h.value, '$.class') AS class, CASE ${age} ELSE ${ageEnds.length} END AS age,
         sum(json_extract(h.value, '$.bytes')) AS bytes, count(*) AS actions
       FROM actions AS a, json_each(a.holds) AS h WHERE a.number > ?2 GROUP BY 1, 2`,
      now,
      after,
    )
    .toArray();
  return retentionClasses.flatMap((name) =>
    ages.flatMap((one, index) => {
      const row = rows.find((found) => found.class === name && found.age === index);
      return row === undefined ? [] : [{ class: name, age: one, bytes: row.bytes, actions: row.actions }];
    }),
  );
}

/** Whatever holds most first. */
function contextBytes(sql: SqlStorage, after: number): ContextBytes[] {
  return sql
    .exec<ContextBytes>(
      `SELECT type, count(*) AS actions, sum(context) AS bytes, max(context) AS most
       FROM actions WHERE number > ? AND context > 0 GROUP BY type ORDER BY bytes DESC, type`,
      after,
    )
    .toArray();
}
