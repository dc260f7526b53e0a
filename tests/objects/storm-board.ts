import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { isOver } from "../../core/machine/deadlines.ts";
import type { Action } from "../../objects/action/action.ts";
import type { Board } from "../../objects/board/board.ts";
import type { ActionChanged } from "../../schemas/message.ts";

export type BoardRow = { id: string; seq: number; due_at: number | null; delivered: number; failed: number };

/** The control takes what comes last for the newest: it forgets each time how far it was. */
const forget = "UPDATE actions SET seq = -1 WHERE id = ?";

/** The real Board of a workspace, which does not answer while it is down, and the environment in which consumers and sweep find it. */
export class StormBoard {
  readonly stub: DurableObjectStub<Board>;
  readonly env: Env;
  readonly #known = new Map<string, number>();
  readonly #trusting: DurableObjectStub<Board> | null;
  down = false;
  /** How often the row of an action went back. */
  back = 0;
  /** The same of the control. */
  shadowBack = 0;

  /** @param shadowed whether a Board that trusts the order of what comes is kept beside it, as a control. */
  constructor(workspace: string, shadowed: boolean) {
    this.stub = env.BOARD.getByName(`${workspace}/board`);
    this.#trusting = shadowed ? env.BOARD.getByName(`${workspace}/board-that-trusts`) : null;
    const board = { getByName: () => this.#proxy() };
    const registry = {
      getByName: (name: string) =>
        name === "engine/registry" ? { workspaces: async () => [workspace] } : env.REGISTRY.getByName(name),
    };
    this.env = { ...env, EVIDENCE: undefined, BOARD: board, REGISTRY: registry } as unknown as Env;
  }

  /** Whether the sweep finds an action: it is open, and this Board has heard of it as it is now. */
  finds({ store }: Action): boolean {
    const there = store.load();
    if (there === null || isOver(there.payload, there.stored.state)) return false;
    return (this.#known.get(there.payload.id) ?? -1) >= there.stored.state.seq;
  }

  #proxy(): unknown {
    return new Proxy(
      {},
      {
        get:
          (_, method) =>
          async (...args: unknown[]) => {
            if (this.down) throw new Error("the Board is down");
            if (method === "apply") return this.#apply(args[0] as ActionChanged[]);
            const stub = this.stub as unknown as Record<
              string | symbol,
              (...all: unknown[]) => Promise<unknown>
            >;
            return stub[method]!(...args);
          },
      },
    );
  }

  async #apply(changes: ActionChanged[]): Promise<void> {
    await this.stub.apply(changes);
    for (const { action, seq } of changes) {
      this.#known.set(action, Math.max(seq, this.#known.get(action) ?? -1));
    }
    const ids = new Set(changes.map(({ action }) => action));
    this.back += await this.#behind(this.stub, ids);
    if (this.#trusting === null) return;
    await runInDurableObject(this.#trusting, (board, { storage }) => {
      for (const change of changes) {
        storage.sql.exec(forget, change.action);
        board.apply([change]);
      }
    });
    this.shadowBack += await this.#behind(this.#trusting, ids);
  }

  /** How many of these it shows as they were before. */
  async #behind(stub: DurableObjectStub<Board>, ids: ReadonlySet<string>): Promise<number> {
    const rows = await rowsIn(stub);
    return rows.filter(({ id, seq }) => ids.has(id) && seq < (this.#known.get(id) ?? -1)).length;
  }

  /** What it has of each action. */
  rows(): Promise<BoardRow[]> {
    return rowsIn(this.stub);
  }
}

const rowsIn = (stub: DurableObjectStub<Board>): Promise<BoardRow[]> =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec<BoardRow>("SELECT id, seq, due_at, delivered, failed FROM actions").toArray(),
  );
