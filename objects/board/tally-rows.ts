import * as v from "valibot";

/** The statements on `tallies`, one function each. Times are epoch ms. */

const Place = v.object({ channel: v.string(), ts: v.string() });

const Body = v.object({
  /** The address of the page, as the last request came by it. */
  origin: v.string(),
  /** What makes the requests on a card the same; '' for a digest. */
  key: v.string(),
  place: v.nullable(Place),
  /** When the present digest was posted, or was begun to be. */
  postedAt: v.nullable(v.number()),
  /** The number that is shown, as text; null before the first. */
  shown: v.nullable(v.string()),
  /** How many messages have stood behind it so far, and how many of those a digest was posted for. */
  marks: v.number(),
  posted: v.number(),
});
export type TallyBody = v.InferOutput<typeof Body>;

const Row = v.object({
  sink: v.string(),
  action: v.string(),
  due: v.nullable(v.number()),
  told_at: v.nullable(v.number()),
  body: v.pipe(v.string(), v.parseJson(), Body),
});
export type TallyRow = v.InferOutput<typeof Row>;

/** `action` is the one whose card shows the number; '' is the recipient's digest. */
export type TallyName = { readonly sink: string; readonly action: string };

export function findTally(sql: SqlStorage, { sink, action }: TallyName): TallyRow | null {
  const [row] = sql
    .exec("SELECT sink, action, due, told_at, body FROM tallies WHERE sink = ? AND action = ?", sink, action)
    .toArray();
  return row === undefined ? null : v.parse(Row, row);
}

export function dueTallies(sql: SqlStorage, now: number, limit: number): TallyRow[] {
  return sql
    .exec(
      "SELECT sink, action, due, told_at, body FROM tallies WHERE due <= ? ORDER BY due LIMIT ?",
      now,
      limit,
    )
    .toArray()
    .map((row) => v.parse(Row, row));
}

export function putTally(sql: SqlStorage, { sink, action, due, told_at, body }: TallyRow): void {
  sql.exec(
    `INSERT INTO tallies (sink, action, due, told_at, body) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (sink, action) DO UPDATE SET due = excluded.due, told_at = excluded.told_at, body = excluded.body`,
    sink,
    action,
    due,
    told_at,
    JSON.stringify(body),
  );
}

export function dropTally(sql: SqlStorage, { sink, action }: TallyName): void {
  sql.exec("DELETE FROM tallies WHERE sink = ? AND action = ?", sink, action);
}

/** Every number is looked at by `at`, or `gapMs` after it was last told. @returns whether one was to be later. */
export function wakeTallies(sql: SqlStorage, at: number, gapMs: number): boolean {
  const soon = "max(?1, coalesce(told_at, 0) + ?2)";
  return (
    sql.exec(`UPDATE tallies SET due = ${soon} WHERE due IS NULL OR due > ${soon}`, at, gapMs).rowsWritten > 0
  );
}

export function nextTally(sql: SqlStorage): number | null {
  return sql.exec<{ due: number | null }>("SELECT min(due) AS due FROM tallies").one().due;
}
