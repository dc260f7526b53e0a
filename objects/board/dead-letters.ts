import * as v from "valibot";
import { DeadLetter } from "../../schemas/message.ts";

/** The statements on `dead_letters`, one function each. */

const StoredLetter = v.pipe(v.string(), v.parseJson(), DeadLetter);
const Row = v.object({ row: v.number(), action: v.string(), letter: v.string() });
const Listed = v.pipe(
  Row,
  v.transform(({ row, action, letter }) => ({ row, action, letter: v.parse(StoredLetter, letter) })),
);
type Listed = v.InferOutput<typeof Listed>;

/** A dead letter and the action that keeps it. */
export type Lost = DeadLetter & { action: string };

/** Newest first, older than row `before`. */
export function listDeadLetters(sql: SqlStorage, before: number, limit: number): Listed[] {
  return sql
    .exec(
      "SELECT row, action, letter FROM dead_letters WHERE row < ? ORDER BY row DESC LIMIT ?",
      before,
      limit,
    )
    .toArray()
    .map((row) => v.parse(Listed, row));
}

/**
 * Keeps what `letters` names of one action. Each letter stays in the row it came in, so that a list walks on in order;
 * one that is as it was is not written again.
 */
export function putDeadLetters(sql: SqlStorage, action: string, letters: readonly DeadLetter[]): void {
  const put = `INSERT INTO dead_letters (action, seq, sink, letter) VALUES (?, ?, ?, ?)
    ON CONFLICT (action, seq, sink) DO UPDATE SET letter = excluded.letter WHERE excluded.letter <> letter`;
  for (const letter of letters) sql.exec(put, action, letter.seq, letter.sink, JSON.stringify(letter));
}

/** Drops the dead letters of one action that `kept` does not name. */
export function dropDeadLetters(sql: SqlStorage, action: string, kept: readonly DeadLetter[]): void {
  const names = JSON.stringify(kept.map(({ seq, sink }) => `${seq}:${sink}`));
  const drop = `DELETE FROM dead_letters
    WHERE action = ? AND seq || ':' || sink NOT IN (SELECT value FROM json_each(?))`;
  sql.exec(drop, action, names);
}
