import * as v from "valibot";
import { Risk } from "../../schemas/policy.ts";
import { suppressions, type RiskCounts, type Suppression } from "../../schemas/notice.ts";

/** The statements on `notices`, `budgets` and `suppressed`, one function each. Times are epoch ms. */

export const verdicts = ["sent", ...suppressions] as const;
export type Verdict = (typeof verdicts)[number];

const Row = v.object({ action: v.string(), seq: v.number(), at: v.number(), verdict: v.picklist(verdicts) });
export type NoticeRow = v.InferOutput<typeof Row>;

/** Who is told of what: `key` is what makes requests the same to whoever reads them. */
export type Addressed = { readonly sink: string; readonly key: string };

/** Whether the action of a notice may still wait: what the Board has not heard of yet does. */
const waits = `NOT EXISTS (
  SELECT 1 FROM actions WHERE actions.id = notices.action AND summary ->> '$.state' <> 'pending')`;

/** What became of one action's messages to one recipient, oldest first. */
export function noticesOf(sql: SqlStorage, { sink, key }: Addressed, action: string): NoticeRow[] {
  return sql
    .exec(
      "SELECT action, seq, at, verdict FROM notices WHERE sink = ? AND key = ? AND action = ? ORDER BY seq",
      sink,
      key,
      action,
    )
    .toArray()
    .map((row) => v.parse(Row, row));
}

export function insertNotice(
  sql: SqlStorage,
  { sink, key }: Addressed,
  row: NoticeRow & { risk: Risk; leader: string | null },
): void {
  const { action, seq, at, verdict, risk, leader } = row;
  sql.exec(
    "INSERT INTO notices (sink, key, action, seq, at, verdict, risk, leader) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    sink,
    key,
    action,
    seq,
    at,
    verdict,
    risk,
    leader,
  );
}

/** The action whose card, sent after `from`, stands for every request like it; null where there is none. */
export function findLeader(
  sql: SqlStorage,
  { sink, key }: Addressed,
  action: string,
  from: number,
): string | null {
  const rows = sql.exec<{ action: string }>(
    `SELECT action FROM notices WHERE sink = ? AND key = ? AND action <> ? AND verdict = 'sent' AND at > ?
      AND ${waits} ORDER BY at LIMIT 1`,
    sink,
    key,
    action,
    from,
  );
  return rows.toArray()[0]?.action ?? null;
}

/** Whether an action waits for nobody any more, as far as the Board has heard. */
export function isOver(sql: SqlStorage, action: string): boolean {
  const over = "SELECT 1 FROM actions WHERE id = ? AND summary ->> '$.state' <> 'pending'";
  return sql.exec(over, action).toArray().length > 0;
}

/** How many requests that wait are counted on this action's card. */
export function countIdentical(sql: SqlStorage, { sink, key }: Addressed, leader: string): number {
  return sql
    .exec<{ count: number }>(
      `SELECT count(DISTINCT action) AS count FROM notices WHERE sink = ? AND key = ? AND leader = ? AND ${waits}`,
      sink,
      key,
      leader,
    )
    .one().count;
}

const Counted = v.object({ risk: Risk, count: v.number() });

/** What waits and has no card here: neither its own, nor one that it is counted on and that still waits itself. */
export function countCardless(sql: SqlStorage, sink: string): RiskCounts {
  const rows = sql.exec(
    `SELECT risk, count(DISTINCT action) AS count FROM notices
      WHERE sink = ? AND verdict <> 'sent' AND ${waits}
        AND NOT EXISTS (SELECT 1 FROM notices AS own WHERE own.sink = notices.sink AND own.key = notices.key
          AND own.action = notices.action AND own.verdict = 'sent')
        AND NOT (verdict = 'coalesced' AND NOT EXISTS (
          SELECT 1 FROM actions WHERE id = leader AND summary ->> '$.state' <> 'pending'))
      GROUP BY risk`,
    sink,
  );
  const counts: RiskCounts = { critical: 0, high: 0, medium: 0, low: 0 };
  for (const row of rows) {
    const { risk, count } = v.parse(Counted, row);
    counts[risk] = count;
  }
  return counts;
}

/** Messages not sent from `from` on, by why. */
export function countSuppressed(sql: SqlStorage, from: number): Record<Suppression, number> {
  const rows = sql.exec<{ verdict: string; count: number }>(
    "SELECT verdict, count(*) AS count FROM notices WHERE verdict <> 'sent' AND at >= ? GROUP BY verdict",
    from,
  );
  const counts = new Map(rows.toArray().map(({ verdict, count }) => [verdict, count]));
  return { budget: counts.get("budget") ?? 0, coalesced: counts.get("coalesced") ?? 0 };
}

/** The same since the first one ever: rows are dropped, this is not. */
export function readSuppressed(sql: SqlStorage): Record<Suppression, number> {
  const rows = sql.exec<{ reason: string; count: number }>("SELECT reason, count FROM suppressed");
  const counts = new Map(rows.toArray().map(({ reason, count }) => [reason, count]));
  return { budget: counts.get("budget") ?? 0, coalesced: counts.get("coalesced") ?? 0 };
}

export function addSuppressed(sql: SqlStorage, reason: Suppression): void {
  sql.exec(
    "INSERT INTO suppressed (reason, count) VALUES (?, 1) ON CONFLICT (reason) DO UPDATE SET count = count + 1",
    reason,
  );
}

/** Drops what is older than `before` and whose action is over. */
export function dropNotices(sql: SqlStorage, before: number): void {
  sql.exec(
    "DELETE FROM notices WHERE at < ? AND action NOT IN (SELECT id FROM actions WHERE open = 1)",
    before,
  );
}

const Times = v.pipe(v.string(), v.parseJson(), v.array(v.number()));

/** When the cards of a recipient were sent, as far as it still counts. */
export function readTaken(sql: SqlStorage, sink: string): number[] {
  const [row] = sql.exec<{ taken: string }>("SELECT taken FROM budgets WHERE sink = ?", sink).toArray();
  return row === undefined ? [] : v.parse(Times, row.taken);
}

export function writeTaken(sql: SqlStorage, sink: string, taken: readonly number[]): void {
  sql.exec(
    "INSERT INTO budgets (sink, taken) VALUES (?, ?) ON CONFLICT (sink) DO UPDATE SET taken = excluded.taken",
    sink,
    JSON.stringify(taken),
  );
}
