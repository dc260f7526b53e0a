/**
 * What the Board lets go of with an action, one function a statement. A notice's key is a hash that two like requests share, from
 * which one could be guessed; the notice itself stays for the figures.
 */

/** Nothing tells any more what was asked for. */
export function forgetWhatWasAsked(sql: SqlStorage, action: string): void {
  sql.exec("UPDATE notices SET key = '' WHERE action = ? AND key <> ''", action);
  sql.exec("DELETE FROM tallies WHERE action = ?", action);
}

/** Nothing tells any more that it was there. */
export function forgetAction(sql: SqlStorage, action: string): void {
  for (const table of ["notices", "tallies", "dead_letters", "streams"]) {
    sql.exec(`DELETE FROM ${table} WHERE action = ?`, action);
  }
  sql.exec("DELETE FROM actions WHERE id = ?", action);
}
