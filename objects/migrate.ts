/** One step of a schema. Never edited and never removed once released; a change is a new step at the end. */
export type Migration = { readonly id: string; readonly sql: string };

/**
 * Brings an object's tables up to date, in one transaction: every step that has not run yet, in order. Runs in the
 * constructor, so it writes nothing where nothing is new, and reads one row a step.
 * @throws Error where the steps that ran are not the first of `steps`: this code is older than the data, or a
 * released step was changed, and working on would tear it.
 */
export function migrate(storage: DurableObjectStorage, steps: readonly Migration[]): void {
  const { sql } = storage;
  const applied = appliedIds(sql);
  for (const [index, id] of applied.entries()) {
    if (steps[index]?.id !== id) throw new Error(`migration ${id} has run but is not step ${index + 1} here`);
  }
  if (applied.length === steps.length) return;
  storage.transactionSync(() => {
    sql.exec("CREATE TABLE IF NOT EXISTS _migrations (number INTEGER PRIMARY KEY, id TEXT NOT NULL)");
    for (const [index, step] of steps.entries()) {
      if (index < applied.length) continue;
      sql.exec(step.sql);
      sql.exec("INSERT INTO _migrations (number, id) VALUES (?, ?)", index + 1, step.id);
    }
  });
}

function appliedIds(sql: SqlStorage): string[] {
  const known = sql
    .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_migrations'")
    .toArray();
  if (known.length === 0) return [];
  return sql
    .exec<{ id: string }>("SELECT id FROM _migrations ORDER BY number")
    .toArray()
    .map(({ id }) => id);
}
