import { workerModule } from "./entrance.ts";
import { Storage } from "./forged/sql.ts";

/** The tables of one Registry, in memory, with people and agents in them. The types are those of another program. */

export type Sql = Storage["sql"];
export type Outcome<Value> =
  | { ok: true; value: Value }
  | { ok: false; error: { code: string; detail: string; errors?: { pointer: string; detail: string }[] } };

type Put = (sql: Sql, value: object, change: { actor: string; now: number }) => Outcome<unknown>;
const { migrate } = await workerModule<{ migrate: (storage: Storage, steps: unknown) => void }>(
  "objects/migrate.ts",
);
const { migrations } = await workerModule<{ migrations: unknown }>("objects/registry/migrations.ts");
const { putAgent, putPerson } = await workerModule<{ putAgent: Put; putPerson: Put }>(
  "objects/registry/directory.ts",
);

/** The value of a Result, which a test then relies on. */
export function must<Value>(result: Outcome<Value>): Value {
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

export function openTables(): {
  sql: Sql;
  /** Somebody comes, or goes where `active` is false. */
  person: (name: string, active?: boolean) => void;
  /** What was recorded of it: kinds and ids, in order. */
  changes: () => string[];
} {
  const storage = new Storage();
  const { sql } = storage;
  migrate(storage, migrations);
  const change = { actor: "test", now: 0 };
  const person = (name: string, active = true): void => {
    must(putPerson(sql, { id: `person:${name}`, active }, change));
  };
  person("alice");
  person("bob");
  must(putAgent(sql, { id: "agent:demo", owner: "person:alice", roles: [], segments: [] }, change));
  const before = sql.exec("SELECT count(*) AS n FROM changes").toArray()[0]?.["n"];
  const changes = (): string[] =>
    sql
      .exec("SELECT * FROM changes ORDER BY number LIMIT -1 OFFSET ?", Number(before))
      .toArray()
      .map(({ at, actor, kind, id }) => `${String(at)} ${String(actor)} ${String(kind)} ${String(id)}`);
  return { sql, person, changes };
}
