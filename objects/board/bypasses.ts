import * as v from "valibot";
import type { Bypass } from "../../schemas/feedback.ts";
import type { RowSeal } from "./sealed.ts";

/** The statements on `bypasses`: effects that no claim stands behind. */

const Row = v.object({ value: v.string() });
const Total = v.object({ type: v.string(), count: v.number() });
const Named = v.object({ type: v.string(), class: v.string() });

/** One that was reported before changes nothing. */
export function insertBypass(sql: SqlStorage, seal: RowSeal, bypass: Bypass): void {
  const insert =
    "INSERT INTO bypasses (id, type, class, at, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
  sql.exec(insert, bypass.id, bypass.type, bypass.class, bypass.at, seal.bypass(bypass));
}

/** The last reported first, at most `limit`. */
export function listBypasses(sql: SqlStorage, seal: RowSeal, limit: number): Bypass[] {
  return sql
    .exec("SELECT value FROM bypasses ORDER BY number DESC LIMIT ?", limit)
    .toArray()
    .map((row) => seal.readBypass(v.parse(Row, row).value));
}

/** What happened in a span of time (epoch ms, the end not in it), one entry each. */
export function bypassesIn(sql: SqlStorage, from: number, to: number): { type: string; class: string }[] {
  return sql
    .exec("SELECT type, class FROM bypasses WHERE at >= ? AND at < ?", from, to)
    .toArray()
    .map((row) => v.parse(Named, row));
}

/** How many there have ever been, by type. */
export function countBypasses(sql: SqlStorage): { type: string; count: number }[] {
  return sql
    .exec("SELECT type, count(*) AS count FROM bypasses GROUP BY type ORDER BY type")
    .toArray()
    .map((row) => v.parse(Total, row));
}
