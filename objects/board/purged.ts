import type { ActionChanged } from "../../schemas/message.ts";

/** When the workspace was forgotten, epoch ms. One row, from then on: news that was still on its way brings nothing back. */

export function writePurged(sql: SqlStorage, at: number): void {
  sql.exec("INSERT INTO purged (id, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at", at);
}

/** What is of an action from before it was forgotten is left out. */
export function sincePurged(sql: SqlStorage, changes: readonly ActionChanged[]): readonly ActionChanged[] {
  const [row] = sql.exec<{ at: number }>("SELECT at FROM purged").toArray();
  return row === undefined
    ? changes
    : changes.filter(({ summary }) => Date.parse(summary.createdAt) > row.at);
}
