import type { Age, ReadCounts, RetentionFigures } from "../../schemas/evidence-figures.ts";
import type { LedgerEntry } from "../../schemas/ledger.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";

/** What is said of retention, out of what the ledger has counted. All durations are milliseconds. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** How long after its time a class may still be there: an alarm may be late, and what it asks may not answer. */
export const toleranceMs: Readonly<Record<RetentionClass, number>> = {
  ephemeral: 15 * minuteMs,
  operational: dayMs,
  compliance: dayMs,
};

/** Every age but the last, which has no end, with the age at which it ends. */
export const ageEnds = [
  ["1h", hourMs],
  ["1d", dayMs],
  ["7d", 7 * dayMs],
  ["30d", 30 * dayMs],
  ["400d", 400 * dayMs],
] as const satisfies readonly (readonly [Age, number])[];

/** The age of what is `ms` old. */
export const ageOf = (ms: number): Age => ageEnds.find(([, end]) => ms < end)?.[0] ?? "more";

/** How a class went: in time, after more than is tolerated, before its time, or because somebody asked for it before. */
export type Erasure = "inTime" | "late" | "early" | "asked";

/** `at` is when it went and `dueAt` when it was due, epoch ms; null where somebody asked for it. */
export function erasureOf(name: RetentionClass, at: number, dueAt: number | null): Erasure {
  if (dueAt === null) return "asked";
  if (at < dueAt) return "early";
  return at - dueAt > toleranceMs[name] ? "late" : "inTime";
}

/** What a line of the log is counted under: its kind, and for one that lets go of something how that went as well. */
export function countedAs(line: LedgerEntry): string[] {
  if (line.kind !== "erased") return [line.kind];
  return [line.kind, erasureKey(line.class, erasureOf(line.class, line.at, line.dueAt))];
}

const erasureKey = (name: RetentionClass, erasure: Erasure): string => `erased/${name}/${erasure}`;

/** Of one class, what is due and still there. `promised`: of those, whose going stands in the log already, by how it was to go. */
export type Overdue = {
  readonly class: RetentionClass;
  readonly held: number;
  /** Not held, and within what is tolerated. */
  readonly waiting: number;
  /** Not held, and beyond it. */
  readonly late: number;
  /** Epoch ms at which the first of those not held was due; null where there is none. */
  readonly oldest: number | null;
  readonly promised: Readonly<Partial<Record<Erasure, number>>>;
};

/** Figures by class, always in the same order. `counts` are of lines, as `countedAs` names them. */
export function retentionOf(
  counts: Readonly<Record<string, number>>,
  overdue: readonly Overdue[],
  now: number,
): RetentionFigures[] {
  return retentionClasses.map((name) => {
    const there: Omit<Overdue, "class"> = overdue.find((one) => one.class === name) ?? nothing;
    const gone = (erasure: Erasure): number =>
      Math.max(0, (counts[erasureKey(name, erasure)] ?? 0) - (there.promised[erasure] ?? 0));
    const [inTime, late, early] = [gone("inTime"), gone("late"), gone("early")];
    const done = inTime + late + early;
    const ought = done + there.late;
    return {
      class: name,
      due: done + there.held + there.waiting + there.late,
      done,
      late: late + there.late,
      held: there.held,
      early,
      asked: gone("asked"),
      toleranceMs: toleranceMs[name],
      successRate: ought === 0 ? null : inTime / ought,
      oldestOverdueMs: there.oldest === null ? null : Math.max(0, now - there.oldest),
    };
  });
}

const nothing: Omit<Overdue, "class"> = { held: 0, waiting: 0, late: 0, oldest: null, promised: {} };

type Counted = {
  readonly principal: string;
  readonly route: string;
  readonly outcome: "allowed" | "refused";
  readonly count: number;
  /** Epoch ms. */
  readonly firstAt: number;
};

/** One row a principal and route, whoever reads most first. */
export function readsOf(counts: readonly Counted[]): ReadCounts[] {
  const rows = new Map<string, ReadCounts>();
  for (const { principal, route, outcome, count, firstAt } of counts) {
    const key = `${principal} ${route}`;
    const at = new Date(firstAt).toISOString();
    const row = rows.get(key) ?? { principal, route, allowed: 0, refused: 0, since: at };
    rows.set(key, { ...row, [outcome]: row[outcome] + count, since: at < row.since ? at : row.since });
  }
  return [...rows.values()].toSorted((one, other) => readsIn(other) - readsIn(one));
}

const readsIn = ({ allowed, refused }: Pick<ReadCounts, "allowed" | "refused">): number => allowed + refused;

/** Who is beyond the first `limit` goes under this name, so that no monitoring drowns in them. */
export const otherPrincipals = "other";

export type PrincipalReads = Pick<ReadCounts, "principal" | "allowed" | "refused">;

/**
 * Reads by principal over all routes: the `limit` who read first by themselves and all others together. Who reads first does not
 * change, so that none of these numbers ever goes down.
 */
export function readsByPrincipal(reads: readonly ReadCounts[], limit: number): PrincipalReads[] {
  const byPrincipal = [...Map.groupBy(reads, ({ principal }) => principal)].toSorted(
    ([one, oneRows], [other, otherRows]) => {
      const [oneFirst, otherFirst] = [firstOf(oneRows), firstOf(otherRows)];
      if (oneFirst !== otherFirst) return oneFirst < otherFirst ? -1 : 1;
      return one < other ? -1 : 1;
    },
  );
  const own = byPrincipal.slice(0, limit).map(([principal, rows]) => sumOf(principal, rows));
  const rest = byPrincipal.slice(limit).flatMap(([, rows]) => rows);
  return rest.length === 0 ? own : [...own, sumOf(otherPrincipals, rest)];
}

const firstOf = (rows: readonly ReadCounts[]): string =>
  rows.reduce((first, { since }) => (since < first ? since : first), rows[0]?.since ?? "");

const sumOf = (principal: string, rows: readonly ReadCounts[]): PrincipalReads => ({
  principal,
  allowed: rows.reduce((sum, { allowed }) => sum + allowed, 0),
  refused: rows.reduce((sum, { refused }) => sum + refused, 0),
});
