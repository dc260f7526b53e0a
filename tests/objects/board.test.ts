import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import type { Board } from "../../objects/board/board.ts";
import { migrations } from "../../objects/board/migrations.ts";
import type { ActionSummary, State } from "../../schemas/action.ts";
import type { ActionChanged, DeadLetter } from "../../schemas/message.ts";

const at = "2026-01-01T00:00:00.000Z";
const boards: DurableObjectNamespace<Board> = env.BOARD;
/** Storage is shared by the tests of a file, so each has a workspace of its own. */
const boardOf = (workspace: string): DurableObjectStub<Board> => boards.getByName(`${workspace}/board`);

const summary = (parts: Partial<ActionSummary> = {}): ActionSummary => ({
  id: "act_a",
  type: "db.migrate",
  class: "production-change",
  risk: "high",
  state: "pending",
  detail: null,
  seq: 1,
  digest: `sha256:${"0".repeat(64)}`,
  requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
  target: { resource: "orders-db" },
  seats: [{ seat: "dba", n: 1, filled: 0, from: ["group:dba"] }],
  groups: ["dba"],
  deadline: null,
  createdAt: at,
  updatedAt: at,
  ...parts,
});

type Parts = Partial<ActionSummary> & { dueAt?: number | null; deadLetters?: DeadLetter[] };

const change = (
  id: string,
  seq: number,
  { dueAt = null, deadLetters = [], ...parts }: Parts = {},
): ActionChanged => ({
  workspace: "default",
  action: id,
  seq,
  ack: false,
  summary: summary({ id, seq, ...parts }),
  dueAt,
  deadLetters,
  deliveries: [],
});

const letter = (seq: number, sink = "callback"): DeadLetter => ({
  seq,
  sink,
  type: "action.approved",
  tries: 9,
  lastError: "answered 500",
  at: Date.parse(at),
});

const ids = (page: { items: { id: string }[] }): string[] => page.items.map(({ id }) => id);

describe("the Board's index", () => {
  test("lists newest first and keeps the place of an action that changes", async ({ expect }) => {
    const board = boardOf("newest");
    await board.apply([change("act_a", 1), change("act_b", 1), change("act_c", 1)]);
    await board.apply([change("act_a", 2, { state: "approved" })]);
    const page = await board.list({ limit: 100 });
    expect(ids(page)).toEqual(["act_c", "act_b", "act_a"]);
    expect(page.items[2]).toEqual(summary({ id: "act_a", seq: 2, state: "approved" }));
    expect(page.nextCursor).toBeNull();
  });

  test("is the same whatever the order of the messages and however often they come", async ({ expect }) => {
    const board = boardOf("orders");
    const log = [
      change("act_a", 1),
      change("act_a", 2, { state: "approved" }),
      change("act_a", 3, { state: "executing" }),
    ];
    for (const order of [[2, 0, 1], [1, 2, 0], [0, 0, 2, 2], [2]]) {
      await board.apply(order.flatMap((index) => log[index] ?? []));
    }
    expect(await board.list({ limit: 100 })).toEqual({ items: [log[2]?.summary], nextCursor: null });
  });

  test("survives eviction, and migrates only once", async ({ expect }) => {
    const board = boardOf("evicted");
    await board.apply([change("act_a", 1)]);
    await evictDurableObject(board);
    expect(ids(await board.list({ limit: 100 }))).toEqual(["act_a"]);
    const steps = await runInDurableObject(board, (_, state) =>
      state.storage.sql.exec("SELECT id FROM _migrations ORDER BY number").toArray(),
    );
    expect(steps).toEqual(migrations.map(({ id }) => ({ id })));
  });

  test("takes in a batch wholly or not at all", async ({ expect }) => {
    const board = boardOf("torn");
    await runInDurableObject(board, (instance, state) => {
      state.storage.sql.exec(`CREATE TRIGGER broken BEFORE INSERT ON actions WHEN new.id = 'act_bad'
        BEGIN SELECT RAISE(ABORT, 'disk is full'); END`);
      expect(() => instance.apply([change("act_a", 1), change("act_bad", 1)])).toThrow("disk is full");
      state.storage.sql.exec("DROP TRIGGER broken");
      expect(ids(instance.list({ limit: 100 }))).toEqual([]);
      instance.apply([change("act_a", 1), change("act_bad", 1)]);
      expect(ids(instance.list({ limit: 100 }))).toEqual(["act_bad", "act_a"]);
    });
  });

  test("refuses to show a row that is not what it was", async ({ expect }) => {
    await runInDurableObject(boardOf("damaged"), (instance, state) => {
      instance.apply([change("act_a", 1)]);
      state.storage.sql.exec(`UPDATE actions SET summary = json_set(summary, '$.state', 'granted')`);
      expect(() => instance.list({ limit: 100 })).toThrow();
    });
  });
});

describe("pages", () => {
  test("walk every action once, also while others change and arrive", async ({ expect }) => {
    const board = boardOf("pages");
    const all = Array.from({ length: 25 }, (_, index) => `act_${String(index).padStart(2, "0")}`);
    await board.apply(all.map((id) => change(id, 1)));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof board.list>> = await board.list({
        limit: 10,
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...ids(page));
      cursor = page.nextCursor;
      await board.apply([change("act_03", seen.length + 1), change(`act_new_${seen.length}`, 1)]);
    } while (cursor !== null);
    expect(seen).toEqual(all.toReversed());
  });

  test("end with a null cursor when the last is exactly full", async ({ expect }) => {
    const board = boardOf("full");
    await board.apply([change("act_a", 1), change("act_b", 1)]);
    expect((await board.list({ limit: 2 })).nextCursor).toBeNull();
    expect((await board.list({ limit: 1 })).nextCursor).toMatch(/^[A-Za-z0-9_-]+$/u);
  });

  test("of a filter that fits little come in spans, so that no list keeps the Board from its events", async ({
    expect,
  }) => {
    const board = boardOf("spans");
    await board.apply([change("act_rare", 1, { type: "rare.type" })]);
    await runInDurableObject(board, (_, state) => {
      const common = JSON.stringify(summary({ id: "act_common", state: "executed" }));
      state.storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
         INSERT INTO actions (id, seq, open, summary) SELECT 'act_' || i, 1, 0, ? FROM n`,
        common,
      );
    });
    const found: string[][] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof board.list>> = await board.list({
        type: "rare.type",
        limit: 5,
        cursor,
      });
      found.push(ids(page));
      cursor = page.nextCursor;
    }
    expect(found).toEqual([[], [], ["act_rare"]]);
    expect(ids(await board.list({ state: "pending", limit: 5 }))).toEqual(["act_rare"]);
  });

  test("hold at most a hundred", async ({ expect }) => {
    const board = boardOf("hundred");
    await board.apply(Array.from({ length: 120 }, (_, index) => change(`act_${index}`, 1)));
    expect((await board.list({ limit: 1_000 })).items).toHaveLength(100);
  });
});

/** Two pending, one for `dba` and one for `sre`, and one done. */
const fill = async (workspace: string): Promise<DurableObjectStub<Board>> => {
  const board = boardOf(workspace);
  await board.apply([
    change("act_migrate", 1),
    change("act_deploy", 1, {
      type: "deploy.production",
      class: "release",
      seats: [{ seat: "sre", n: 1, filled: 0, from: ["group:sre"] }],
      groups: ["oncall", "sre"],
    }),
    change("act_done", 5, { state: "executed", groups: ["dba"] }),
  ]);
  return board;
};

const seat = (from: string): Parts => ({ seats: [{ seat: "s", n: 1, filled: 0, from: [from] }] });

describe("filters", () => {
  test("narrow by state, type, class and group, alone and together", async ({ expect }) => {
    const board = await fill("filters");
    expect(ids(await board.list({ limit: 9, state: "executed" }))).toEqual(["act_done"]);
    expect(ids(await board.list({ limit: 9, state: "pending" }))).toEqual(["act_deploy", "act_migrate"]);
    expect(ids(await board.list({ limit: 9, type: "deploy.production" }))).toEqual(["act_deploy"]);
    expect(ids(await board.list({ limit: 9, class: "production-change" }))).toEqual([
      "act_done",
      "act_migrate",
    ]);
    expect(ids(await board.list({ limit: 9, group: "sre" }))).toEqual(["act_deploy"]);
    expect(ids(await board.list({ limit: 9, group: "dba", state: "pending" }))).toEqual(["act_migrate"]);
    expect(ids(await board.list({ limit: 9, group: "db" }))).toEqual([]);
  });

  test("take a quote as a quote", async ({ expect }) => {
    const board = await fill("quotes");
    expect(ids(await board.list({ limit: 9, type: "' OR 1=1 --" }))).toEqual([]);
    expect(ids(await board.list({ limit: 9, group: '"] OR 1=1' }))).toEqual([]);
  });

  test("waitingFor names what a person might decide: by a group, by name, never their own agent's", async ({
    expect,
  }) => {
    const board = boardOf("waiting");
    await board.apply([
      change("act_group", 1, seat("group:dba")),
      change("act_person", 1, seat("person:alice")),
      change("act_other", 1, seat("group:oncall")),
      change("act_own", 1, {
        ...seat("group:dba"),
        requester: { kind: "agent", id: "agent:x", owner: "person:alice" },
      }),
      change("act_behalf", 1, {
        ...seat("group:dba"),
        requester: { kind: "agent", id: "agent:x", owner: "person:omar", onBehalfOf: "person:alice" },
      }),
      change("act_approved", 2, { ...seat("group:dba"), state: "approved" }),
    ]);
    const alice = { person: "person:alice", groups: ["dba"] };
    expect(ids(await board.list({ limit: 9, waitingFor: alice }))).toEqual(["act_person", "act_group"]);
    expect(ids(await board.list({ limit: 9, waitingFor: { person: "person:bob", groups: [] } }))).toEqual([]);
  });

  test("waitingFor names who is on call, the manager of whose agent asks, and owners of targets", async ({
    expect,
  }) => {
    const board = boardOf("waiting-by-work");
    await board.apply([
      change("act_oncall", 1, seat("oncall:primary")),
      change("act_manager", 1, seat("manager-of-requester")),
      change("act_owner", 1, seat("owner-of-target")),
    ]);
    const waiting = async (parts: object): Promise<string[]> =>
      ids(await board.list({ limit: 9, waitingFor: { person: "person:bob", groups: [], ...parts } }));
    expect(await waiting({})).toEqual([]);
    expect(await waiting({ onCall: ["primary"] })).toEqual(["act_oncall"]);
    expect(await waiting({ onCall: ["secondary"], manages: ["person:nobody"] })).toEqual([]);
    expect(await waiting({ manages: ["person:omar"] })).toEqual(["act_manager"]);
    expect(await waiting({ owns: true })).toEqual(["act_owner"]);
  });

  test("waiting walks what has not begun to run, oldest first", async ({ expect }) => {
    const board = boardOf("waiting-rows");
    const states: State[] = ["pending", "executed", "approved", "executing", "pending"];
    await board.apply(states.map((state, index) => change(`act_${index}`, 1, { state })));
    const first = await board.waiting(0, 2);
    expect(first.items.map(({ id }) => id)).toEqual(["act_0", "act_2"]);
    const rest = await board.waiting(first.nextRow ?? 0, 2);
    expect(rest).toMatchObject({ items: [{ id: "act_4" }], nextRow: null });
  });

  test("the queue puts what waits for the reader first and counts the open ones", async ({ expect }) => {
    const board = await fill("queue");
    await board.apply([change("act_running", 3, { state: "executing" })]);
    const queue = await board.inbox({ person: "person:alice", groups: ["dba"] }, 10);
    expect(queue.waiting.map(({ id }) => id)).toEqual(["act_migrate"]);
    expect(queue.pending.map(({ id }) => id)).toEqual(["act_deploy"]);
    expect(queue.counts).toEqual({ byState: { executing: 1, pending: 2 } });
    const machine = await board.inbox(null, 1);
    expect(machine.waiting).toEqual([]);
    // Of one risk, what ends first comes first, and of one deadline what came first.
    expect(machine.pending.map(({ id }) => id)).toEqual(["act_migrate"]);
  });
});

describe("the sweep's questions", () => {
  test("overdue names open actions whose deadline has come, the longest overdue first", async ({
    expect,
  }) => {
    const board = boardOf("overdue");
    await board.apply([
      change("act_late", 1, { dueAt: 100 }),
      change("act_later", 1, { dueAt: 50 }),
      change("act_fine", 1, { dueAt: 101 }),
      change("act_never", 1),
      change("act_done", 1, { dueAt: 1, state: "executed" }),
    ]);
    expect(await board.overdue(100, 100)).toEqual(["act_later", "act_late"]);
    expect(await board.overdue(100, 1)).toEqual(["act_later"]);
    await board.apply([change("act_later", 2, { state: "expired", detail: "pending" })]);
    expect(await board.overdue(100, 100)).toEqual(["act_late"]);
  });

  test("open walks every open action once, oldest first", async ({ expect }) => {
    const board = boardOf("open");
    const states: State[] = [
      "pending",
      "executed",
      "approved",
      "denied",
      "executing",
      "rolling_back",
      "failed",
    ];
    await board.apply(states.map((state) => change(`act_${state}`, 1, { state })));
    const first = await board.open(0, 3);
    expect(first.ids).toEqual(["act_pending", "act_approved", "act_executing"]);
    const last = await board.open(first.nextRow ?? 0, 3);
    expect(last).toEqual({ ids: ["act_rolling_back"], nextRow: null });
  });
});

describe("dead letters", () => {
  test("are listed newest first with their action, page by page", async ({ expect }) => {
    const board = boardOf("letters");
    await board.apply([change("act_a", 3, { deadLetters: [letter(2), letter(3, "webhook:wh_1")] })]);
    await board.apply([change("act_b", 1, { deadLetters: [letter(1)] })]);
    const first = await board.deadLetters({ limit: 2 });
    expect(first.items.map(({ action, seq }) => [action, seq])).toEqual([
      ["act_b", 1],
      ["act_a", 3],
    ]);
    const last = await board.deadLetters({
      limit: 2,
      ...(first.nextCursor === null ? {} : { cursor: first.nextCursor }),
    });
    expect(last).toEqual({ items: [{ ...letter(2), action: "act_a" }], nextCursor: null });
  });

  test("of an older message with the same seq take nothing away, a newer seq and a repair do", async ({
    expect,
  }) => {
    const board = boardOf("letters-order");
    const sinks = async (): Promise<string[]> =>
      (await board.deadLetters({ limit: 9 })).items.map(({ sink }) => sink);
    await board.apply([change("act_a", 2, { deadLetters: [letter(1)] })]);
    await board.apply([change("act_a", 2), change("act_a", 1)]);
    expect(await sinks()).toEqual(["callback"]);
    await board.apply([change("act_a", 2, { deadLetters: [letter(1), letter(2, "webhook:wh_1")] })]);
    expect(await sinks()).toEqual(["webhook:wh_1", "callback"]);
    await board.restore([change("act_a", 2, { deadLetters: [letter(1)] })]);
    expect(await sinks()).toEqual(["callback"]);
    await board.apply([change("act_a", 3)]);
    expect(await sinks()).toEqual([]);
  });

  test("change only their own row when tried again", async ({ expect }) => {
    const board = boardOf("letters-again");
    await board.apply([change("act_a", 2, { deadLetters: [letter(1)] })]);
    await board.apply([change("act_a", 2, { deadLetters: [{ ...letter(1), tries: 10 }] })]);
    expect((await board.deadLetters({ limit: 9 })).items).toEqual([
      { ...letter(1), tries: 10, action: "act_a" },
    ]);
  });
});

describe("repair", () => {
  test("puts a damaged row right although its seq is the same, and never goes back", async ({ expect }) => {
    const board = boardOf("repair");
    await board.apply([change("act_a", 3, { type: "wrong.type", dueAt: 9 })]);
    await board.restore([change("act_a", 3)]);
    expect((await board.list({ limit: 9 })).items).toEqual([summary({ seq: 3 })]);
    await board.restore([change("act_a", 2, { state: "approved" }), change("act_new", 1)]);
    expect(ids(await board.list({ limit: 9, state: "pending" }))).toEqual(["act_new", "act_a"]);
  });
});

describe("what it costs", () => {
  test("one row for all that a batch says of an action, in the place of its first, whatever is between", async ({
    expect,
  }) => {
    const board = boardOf("batches");
    await board.apply([change("act_old", 1)]);
    const written = (batch: ActionChanged[]): Promise<number> =>
      runInDurableObject(board, (instance: Board, { storage }) => {
        const before = storage.sql.exec("SELECT total_changes() AS n").one()["n"] as number;
        instance.apply(batch);
        return (storage.sql.exec("SELECT total_changes() AS n").one()["n"] as number) - before;
      });
    const life = ["pending", "approved", "executing", "executed"] as const;
    const steps = (id: string): ActionChanged[] =>
      life.map((state, index) => change(id, index + 1, { state }));
    const [first, ...rest] = steps("act_a");
    expect(await written([first!, ...steps("act_b"), ...rest, change("act_old", 2)])).toBe(3);
    const { items } = await board.list({ limit: 9 });
    expect(items.map(({ id, state, seq }) => [id, state, seq])).toEqual([
      ["act_b", "executed", 4],
      ["act_a", "executed", 4],
      ["act_old", "pending", 2],
    ]);
  });

  test("three rows for a new action, one for each change, none for a repeat", async ({ expect }) => {
    const written = await runInDurableObject(boardOf("cost"), (instance, state) => {
      const { sql } = state.storage;
      const exec = sql.exec.bind(sql);
      const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
      sql.exec = (query, ...bindings) => {
        const cursor = exec(query, ...bindings);
        cursors.push(cursor);
        return cursor as never;
      };
      const costOf = (...changes: ActionChanged[]): number => {
        cursors.length = 0;
        instance.apply(changes);
        return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
      };
      return [
        costOf(change("act_a", 1, { dueAt: 5 })),
        costOf(change("act_a", 2, { dueAt: 9 })),
        costOf(change("act_a", 3, { state: "approved", dueAt: 7 })),
        costOf(change("act_a", 3, { state: "approved", dueAt: 7 }), change("act_a", 1)),
        costOf(change("act_a", 4, { state: "executed" })),
      ];
    });
    expect(written).toEqual([3, 1, 1, 0, 1]);
  });
});
