import { DatabaseSync, type StatementSync } from "node:sqlite";

type Row = Record<string, unknown>;
type Binding = string | number | null;

/** The part of a Durable Object's storage that a Registry uses, on SQLite in memory. */
export class Storage {
  readonly #database = new DatabaseSync(":memory:");
  readonly #prepared = new Map<string, StatementSync>();
  readonly sql = {
    exec: (statement: string, ...bindings: Binding[]): { toArray: () => Row[] } => {
      if (bindings.length === 0 && !/^\s*select/iu.test(statement)) {
        // A migration is many statements at once.
        this.#database.exec(statement);
        return { toArray: () => [] };
      }
      const known = this.#prepared.get(statement) ?? this.#database.prepare(statement);
      this.#prepared.set(statement, known);
      const rows: Row[] = known.all(...bindings);
      return { toArray: () => rows };
    },
  };

  transactionSync<Value>(run: () => Value): Value {
    this.#database.exec("SAVEPOINT one");
    try {
      return run();
    } catch (error) {
      this.#database.exec("ROLLBACK TO one");
      throw error;
    } finally {
      this.#database.exec("RELEASE one");
    }
  }
}
