import type { Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import { migrate } from "../migrate.ts";
import { migrations } from "./migrations.ts";
import { newSalt } from "./random.ts";
import { readEpoch, readMeta, readVersion, writeMeta } from "./rows/meta.ts";
import { readSnapshot } from "./snapshot.ts";
import { Teller } from "./teller.ts";

/**
 * What changed since a version: `snapshot` is null where the caller has this one already. It travels as JSON text, because it is
 * parsed at the other door and the types of RPC cannot follow a recursive one.
 */
export type Since = {
  version: number;
  snapshot: string | null;
  /** How many withdrawals of access there were by then; left out by a Registry of before. */
  epoch?: number;
};

/** Who is named in the audit row where a caller names nobody. */
export const unnamed = "engine";

/**
 * One Registry's tables and the transaction round every write. Nothing else runs between what a command read and what it wrote.
 * A field of the object and no method of it, because whatever is a method of a Durable Object can be called from a Worker.
 */
export class RegistryStore {
  readonly sql: SqlStorage;
  readonly workspace: string;
  readonly #storage: DurableObjectStorage;
  readonly #board: Teller;
  #tables: boolean;
  #snapshot: Snapshot | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#storage = ctx.storage;
    this.sql = ctx.storage.sql;
    const workspace = /^(.+)\/registry$/u.exec(ctx.id.name ?? "")?.[1];
    if (workspace === undefined) throw new Error("a Registry is named <workspace>/registry");
    this.workspace = workspace;
    this.#board = new Teller(ctx, () => env.BOARD.getByName(`${workspace}/board`).reauthorise());
    // A key with a made-up workspace leads here too, and must not leave tables behind: they are made by the first write.
    this.#tables = hasTables(this.sql);
    if (this.#tables) migrate(ctx.storage, migrations);
  }

  /** Whether anything was ever written here. */
  get exists(): boolean {
    return this.#tables;
  }

  /** What changed since a version, for a caller who is `proven`; nobody else learns anything. */
  since(knownVersion: number | null, proven: boolean): Since {
    if (!proven || !this.#tables) return { version: this.read(readVersion, 0), snapshot: null };
    const epoch = this.read(readEpoch, 0);
    const snapshot = this.current();
    const isKnown = snapshot.version === knownVersion;
    return { version: snapshot.version, snapshot: isKnown ? null : JSON.stringify(snapshot), epoch };
  }

  /** Kept as long as its version is the present one. */
  current(): Snapshot {
    const version = this.read(readVersion, 0);
    if (this.#snapshot?.version !== version) {
      this.#snapshot = this.write(readSnapshot);
    }
    return this.#snapshot;
  }

  /** The contracts of the policy in force. */
  contracts(): readonly Contract[] {
    return this.#tables ? (this.current().policy?.document.contracts ?? []) : [];
  }

  /** What `run` answers, or `empty` where nothing was ever written. */
  read<Value>(run: (sql: SqlStorage) => Value, empty: Value): Value {
    return this.#tables ? run(this.sql) : empty;
  }

  /** One transaction. The first one makes the tables. */
  write<Value>(run: (sql: SqlStorage) => Value): Value {
    if (!this.#tables) {
      migrate(this.#storage, migrations);
      this.#tables = true;
    }
    return this.#storage.transactionSync(() => {
      if (readMeta(this.sql, "salt") === null) writeMeta(this.sql, "salt", newSalt());
      return run(this.sql);
    });
  }

  /** A change that may end somebody's access: whoever has something open in the workspace is asked for again (threat T21). */
  writeAccess<Value>(run: (sql: SqlStorage) => Value): Value {
    const before = this.read(readEpoch, 0);
    const value = this.write(run);
    if (this.read(readEpoch, 0) !== before) this.#board.changed();
    return value;
  }

  /** Forgets everything: nobody gets in any more, until somebody makes the workspace again. */
  async purge(): Promise<void> {
    this.#tables = false;
    this.#snapshot = null;
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    this.#board.changed();
  }

  /** What `run` answers, without what it has done. */
  rehearse(run: () => Result<unknown, Refusal>): Result<unknown, Refusal> {
    let answer: Result<unknown, Refusal> | null = null;
    try {
      this.#storage.transactionSync(() => {
        answer = run();
        throw new Rehearsed();
      });
    } catch (error) {
      if (!(error instanceof Rehearsed)) throw error;
    }
    if (answer === null) throw new Error("nothing was rehearsed");
    return answer;
  }
}

/** Takes a rehearsal back. */
class Rehearsed extends Error {}

function hasTables(sql: SqlStorage): boolean {
  const found = sql
    .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_migrations'")
    .toArray();
  return found.length > 0;
}
