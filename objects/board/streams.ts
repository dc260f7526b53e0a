import * as v from "valibot";

/**
 * The actions that people and services follow over a WebSocket: theirs are closed when their access is withdrawn, also where
 * nothing happens that would be told. Agents wait for what they have asked for all day long, and are not noted: their streams
 * close before the next event.
 */

const Row = v.object({ action: v.string() });

/** Actions asked at once, of those that are to look at their sockets. */
const atOnce = 50;

/** Notes an action, and forgets a few that are over. */
export function watch(sql: SqlStorage, action: string): void {
  sql.exec("INSERT OR IGNORE INTO streams (action) VALUES (?)", action);
  const over = "SELECT s.action FROM streams s JOIN actions a ON a.id = s.action WHERE a.open = 0 LIMIT 2";
  sql.exec(`DELETE FROM streams WHERE action IN (${over})`);
}

/** Has every noted action look at its sockets, and forgets those that have none left. Throws where one could not be asked. */
export async function recheckAll(
  sql: SqlStorage,
  recheck: (action: string) => Promise<number>,
): Promise<void> {
  const noted = sql
    .exec("SELECT action FROM streams")
    .toArray()
    .map((row) => v.parse(Row, row).action);
  for (let from = 0; from < noted.length; from += atOnce) {
    await Promise.all(
      noted.slice(from, from + atOnce).map(async (action) => {
        if ((await recheck(action)) === 0) sql.exec("DELETE FROM streams WHERE action = ?", action);
      }),
    );
  }
}
