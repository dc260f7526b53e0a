/** One step of a schema. Never edited and never removed once released; a change is a new step at the end. */
export type Migration = {
  readonly id: string;
  readonly sql: string;
  /**
   * An engine from before this step may go on with data that has taken it, so that a deployment can be taken back: it only adds what
   * the older one need not write, and nothing goes wrong where nobody looks at it. Not for what stops or keeps something.
   */
  readonly spare?: true;
};

/**
 * Brings an object's tables up to date, in one transaction: every step that has not run yet, in order. Runs in the
 * constructor, so it writes nothing where nothing is new, and reads one row a step.
 * @throws Error where the steps that ran are not the first of `steps`, and spare ones after those: this code is older than the
 * data, or a released step was changed, and working on would tear it.
 */
export function migrate(storage: DurableObjectStorage, steps: readonly Migration[]): void {
  const { sql } = storage;
  const list = listIn(sql);
  const applied = appliedIn(sql, list);
  for (const [index, { id, spare }] of applied.entries()) {
    const step = steps[index];
    if (step?.id === id || (step === undefined && spare === 1)) continue;
    throw new Error(
      `step ${index + 1} of this data is ${id}, which this engine does not know: run the version that wrote it, or a later one`,
    );
  }
  if (applied.length >= steps.length) return;
  storage.transactionSync(() => {
    for (const statement of listStatements[list]) sql.exec(statement);
    for (const [index, { id, sql: statements, spare = false }] of steps.entries()) {
      if (index < applied.length) continue;
      sql.exec(statements);
      const insert = "INSERT INTO _migrations (number, id, spare) VALUES (?, ?, ?)";
      sql.exec(insert, index + 1, id, spare ? 1 : 0);
    }
  });
}

const spareColumn = "spare INTEGER NOT NULL DEFAULT 0";

/** `old`: a list of steps from before any could be spare. */
type List = "none" | "old" | "current";

/** What it takes to have a list that says which steps are spare. */
const listStatements: Readonly<Record<List, readonly string[]>> = {
  none: [`CREATE TABLE _migrations (number INTEGER PRIMARY KEY, id TEXT NOT NULL, ${spareColumn})`],
  old: [`ALTER TABLE _migrations ADD COLUMN ${spareColumn}`],
  current: [],
};

function listIn(sql: SqlStorage): List {
  const found = sql
    .exec<{ sql: string }>("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '_migrations'")
    .toArray();
  const [table] = found;
  if (table === undefined) return "none";
  return table.sql.includes("spare") ? "current" : "old";
}

function appliedIn(sql: SqlStorage, list: List): { id: string; spare: number }[] {
  if (list === "none") return [];
  const spare = list === "old" ? "0 AS spare" : "spare";
  const select = `SELECT id, ${spare} FROM _migrations ORDER BY number`;
  return sql.exec<{ id: string; spare: number }>(select).toArray();
}
