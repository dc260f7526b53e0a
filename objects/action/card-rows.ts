import * as v from "valibot";
import type { Shown } from "../../schemas/channel.ts";

/** The statements on `cards`: made by the first that writes, because most actions have no channel. */

const Row = v.object({
  channel: v.nullable(v.string()),
  ts: v.nullable(v.string()),
  seq: v.nullable(v.number()),
  held_until: v.nullable(v.number()),
});

export type Kept = { readonly shown: Shown | null; readonly heldUntil: number | null };

export function findCard(sql: SqlStorage, sink: string): Kept | null {
  if (!hasCards(sql)) return null;
  const found = sql.exec("SELECT channel, ts, seq, held_until FROM cards WHERE sink = ?", sink).toArray()[0];
  if (found === undefined) return null;
  const { channel, ts, seq, held_until: heldUntil } = v.parse(Row, found);
  const shown = channel === null || ts === null || seq === null ? null : { channel, ts, seq };
  return { shown, heldUntil };
}

/** Every recipient that has a card, or may have one. */
export function knownCards(sql: SqlStorage): string[] {
  if (!hasCards(sql)) return [];
  return sql
    .exec<{ sink: string }>("SELECT sink FROM cards ORDER BY sink")
    .toArray()
    .map(({ sink }) => sink);
}

/** From now until `until` (epoch ms) nobody else may send to this recipient. */
export function holdCard(sql: SqlStorage, sink: string, until: number): void {
  sql.exec(
    `CREATE TABLE IF NOT EXISTS cards (
      sink TEXT PRIMARY KEY, channel TEXT, ts TEXT, seq INTEGER, held_until INTEGER
    ) WITHOUT ROWID`,
  );
  sql.exec(
    `INSERT INTO cards (sink, held_until) VALUES (?, ?)
      ON CONFLICT (sink) DO UPDATE SET held_until = excluded.held_until`,
    sink,
    until,
  );
}

/** Gives back a right that is known by its end; one that somebody else has by then is theirs. Null: whoever has it. */
export function releaseCard(sql: SqlStorage, sink: string, right: number | null): void {
  if (!hasCards(sql)) return;
  sql.exec(`UPDATE cards SET held_until = NULL WHERE sink = ? AND ${isOwn}`, sink, right, right);
}

/** What is shown where, and the right that it was sent by is given back with it. */
export function writeCard(
  sql: SqlStorage,
  sink: string,
  { channel, ts, seq }: Shown,
  right: number | null,
): void {
  if (!hasCards(sql)) return;
  const left = `held_until = CASE WHEN ${isOwn} THEN NULL ELSE held_until END`;
  const update = `UPDATE cards SET channel = ?, ts = ?, seq = ?, ${left} WHERE sink = ?`;
  sql.exec(update, channel, ts, seq, right, right, sink);
}

const isOwn = "(? IS NULL OR held_until = ?)";

function hasCards(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'cards'").toArray().length > 0;
}
