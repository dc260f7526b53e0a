/** An action of a workspace that was forgotten as a whole. That it was, and how it ended, is known by the workspace's log alone. */

/** Lets go of everything but that something was here, so that a request that is tried again does not bring it back. */
export async function purgeAll(storage: DurableObjectStorage, now: number): Promise<void> {
  await storage.deleteAlarm();
  await storage.deleteAll();
  storage.sql.exec("CREATE TABLE purged (at INTEGER NOT NULL)");
  storage.sql.exec("INSERT INTO purged (at) VALUES (?)", now);
}

/** Asks the schema, so that asking for an id that does not exist makes no table. */
export function isPurged(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'purged'").toArray().length > 0;
}
