import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, test, vi } from "vitest";
import { Board } from "../../objects/board/board.ts";
import { migrations as boardSteps } from "../../objects/board/migrations.ts";
import { migrations as ledgerSteps } from "../../objects/ledger/migrations.ts";
import { migrate, type Migration } from "../../objects/migrate.ts";
import { migrations as registrySteps } from "../../objects/registry/migrations.ts";
import { proven } from "../support/proof.ts";

/** Data of every earlier schema under this engine, and data of the next one under this engine. */

const schemas: Readonly<Record<string, readonly Migration[]>> = {
  Board: boardSteps,
  Registry: registrySteps,
  Ledger: ledgerSteps,
};

/** The tables of an object of its own, empty. */
let made = 0;
function onNothing<Value>(
  work: (storage: DurableObjectStorage, state: DurableObjectState) => Value,
): Promise<Value> {
  const stub = env.BOARD.getByName(`migrations-${(made += 1)}/board`);
  return runInDurableObject(stub, async (_, state) => {
    await state.storage.deleteAll();
    return work(state.storage, state);
  });
}

type Column = { name: string; type: string; pk: number };
type Rows = Record<string, Record<string, SqlStorageValue>[]>;

const tablesOf = (sql: SqlStorage): string[] =>
  sql
    .exec<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name",
    )
    .toArray()
    .map(({ name }) => name);

/** One row in every table: what a column says is of its own name, and logs begin where they must. */
function plant(sql: SqlStorage): void {
  const begin: Readonly<Record<string, number>> = { "lines.first": 0, "tiles.number": 0 };
  for (const table of tablesOf(sql)) {
    const columns = sql.exec<Column>(`SELECT name, type, pk FROM pragma_table_info('${table}')`).toArray();
    const values = columns.map(({ name, type }) =>
      type === "INTEGER"
        ? (begin[`${table}.${name}`] ?? 1)
        : type === "BLOB"
          ? new Uint8Array(32).buffer
          : `${table} ${name}`,
    );
    sql.exec(`INSERT INTO ${table} VALUES (${values.map(() => "?").join(", ")})`, ...values);
  }
}

const rowsOf = (sql: SqlStorage): Rows =>
  Object.fromEntries(tablesOf(sql).map((table) => [table, sql.exec(`SELECT * FROM ${table}`).toArray()]));

const schemaOf = (sql: SqlStorage): unknown[] =>
  sql
    .exec("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY type, name")
    .toArray();

/** Whether everything that was there still is, whatever has been added to it. */
function lost(before: Rows, after: Rows): string[] {
  return Object.entries(before).flatMap(([table, rows]) =>
    rows.flatMap((row, at) =>
      Object.entries(row).flatMap(([column, value]) =>
        JSON.stringify(after[table]?.[at]?.[column]) === JSON.stringify(value) ? [] : [`${table}.${column}`],
      ),
    ),
  );
}

/** Migrates and is killed at the n-th statement that writes. @returns whether there was an n-th. */
function brokenOff(
  storage: DurableObjectStorage,
  steps: readonly Migration[],
  nth: number,
  together: boolean,
): boolean {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  let writes = 0;
  vi.spyOn(sql, "exec").mockImplementation(((query: string, ...bindings: unknown[]) => {
    if (!/^\s*SELECT/u.test(query) && ++writes === nth) throw new Error("killed");
    return exec(query, ...bindings);
  }) as typeof sql.exec);
  if (!together) vi.spyOn(storage, "transactionSync").mockImplementation((work) => work());
  try {
    migrate(storage, steps);
    return false;
  } catch (error) {
    if (String(error) !== "Error: killed") throw error;
    return true;
  } finally {
    vi.restoreAllMocks();
  }
}

/** From the first `from` steps on to all, killed at each write and begun again. @returns what was found amiss, and how many kills. */
function upgraded(storage: DurableObjectStorage, steps: readonly Migration[], from: number, together = true) {
  migrate(storage, steps.slice(0, from));
  plant(storage.sql);
  const before = { schema: schemaOf(storage.sql), rows: rowsOf(storage.sql) };
  const faults: string[] = [];
  let kills = 0;
  while (brokenOff(storage, steps, kills + 1, together)) {
    kills += 1;
    const after = schemaOf(storage.sql);
    if (JSON.stringify(after) !== JSON.stringify(before.schema)) return { faults: ["half a change"], kills };
    faults.push(...lost(before.rows, rowsOf(storage.sql)));
  }
  faults.push(...lost(before.rows, rowsOf(storage.sql)));
  return { faults, kills, schema: schemaOf(storage.sql) };
}

afterEach(() => void vi.restoreAllMocks());

const next = (spare: boolean): Migration => ({
  id: "999_next",
  sql: "CREATE TABLE next (id INTEGER PRIMARY KEY); ALTER TABLE actions ADD COLUMN next TEXT",
  ...(spare && { spare }),
});

describe.for(Object.entries(schemas))("the data of a %s", ([, steps]) => {
  test("of every earlier schema has all of it under this one, also when each write of the change is its last", async ({
    expect,
  }) => {
    const fresh = await onNothing((storage) => {
      migrate(storage, steps);
      return schemaOf(storage.sql);
    });
    let trials = 0;
    for (let from = 0; from <= steps.length; from += 1) {
      const { faults, kills, schema } = await onNothing((storage) => upgraded(storage, steps, from));
      expect([from, faults, schema]).toEqual([from, [], fresh]);
      expect(kills).toBe(from === steps.length ? 0 : 2 * (steps.length - from) + (from === 0 ? 1 : 0));
      trials += kills + 1;
    }
    proven({ part: "upgrade", trials });
  });

  test("is torn by a change without a transaction, and that is seen", async ({ expect }) => {
    const { faults } = await onNothing((storage) => upgraded(storage, steps, 1, false));
    expect(faults).toEqual(["half a change"]);
    proven({ part: "upgrade", controls: { found: 1, of: 1 } });
  });

  test("from before steps could be spare takes the next ones", async ({ expect }) => {
    await onNothing((storage) => {
      const { sql } = storage;
      sql.exec("CREATE TABLE _migrations (number INTEGER PRIMARY KEY, id TEXT NOT NULL)");
      sql.exec(steps[0]!.sql);
      sql.exec("INSERT INTO _migrations (number, id) VALUES (1, ?)", steps[0]!.id);
      migrate(storage, steps);
      expect(sql.exec("SELECT id FROM _migrations ORDER BY number").toArray()).toEqual(
        steps.map(({ id }) => ({ id })),
      );
    });
  });

  test("is left alone where a released step was changed", async ({ expect }) => {
    await onNothing((storage) => {
      migrate(storage, steps);
      const before = schemaOf(storage.sql);
      const other = steps.map((step, index) => (index === 0 ? { ...step, id: "001_other" } : step));
      expect(() => migrate(storage, other)).toThrow(/does not know: run the version that wrote it/u);
      expect(schemaOf(storage.sql)).toEqual(before);
    });
  });
});

describe("going back one version", () => {
  test("works on what only adds: the older engine lists and takes in as before", async ({ expect }) => {
    await onNothing((storage, state) => {
      migrate(storage, [...boardSteps, next(true)]);
      storage.sql.exec("INSERT INTO next VALUES (1)");
      const board = new Board(state, env);
      expect(board.list({ limit: 9 })).toEqual({ items: [], nextCursor: null });
      expect(storage.sql.exec("SELECT * FROM next").toArray()).toEqual([{ id: 1 }]);
      // And forward again: nothing is made twice.
      expect(() => migrate(storage, [...boardSteps, next(true)])).not.toThrow();
    });
    proven({ part: "upgrade", trials: 1 });
  });

  test("is refused where the newer step keeps or stops something, and nothing is written", async ({
    expect,
  }) => {
    await onNothing((storage, state) => {
      migrate(storage, [...boardSteps, next(false)]);
      const before = schemaOf(storage.sql);
      expect(() => new Board(state, env)).toThrow(/999_next, which this engine does not know/u);
      expect(schemaOf(storage.sql)).toEqual(before);
    });
    proven({ part: "upgrade", controls: { found: 1, of: 1 } });
  });

  test("is only for steps that add", ({ expect }) => {
    const spare = Object.values(schemas).flatMap((steps) => steps.filter((step) => step.spare === true));
    expect(spare.length).toBeGreaterThan(0);
    for (const { id, sql } of spare) {
      const others = sql
        .split(";")
        .map((statement) => statement.trim())
        .filter((statement) => statement !== "")
        .filter((statement) => !/^(?:CREATE TABLE|CREATE INDEX|ALTER TABLE \w+ ADD COLUMN)/u.test(statement))
        .filter((statement) => !/ADD COLUMN \w+ \w+ NOT NULL(?! DEFAULT)/u.test(statement));
      expect([id, others]).toEqual([id, []]);
    }
  });
});
