import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, test, vi } from "vitest";
import { Waiters } from "../../objects/action/waiters.ts";
import type { Board } from "../../objects/board/board.ts";
import { Feed } from "../../objects/board/feed.ts";
import type { AskReaders } from "../../objects/sockets.ts";
import type { Holder, Readers } from "../../schemas/standing.ts";
import { callsOn, stubOf } from "./one-action.ts";
import { operatorKey, personKey, registryOf, upgradeOf } from "./readers.ts";
import { must, sha256Hex } from "./registries.ts";
import { change } from "./timed-change.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

type Line = { readonly told: string[]; readonly closed: number[] };

const boardOf = (workspace: string): DurableObjectStub<Board> => env.BOARD.getByName(`${workspace}/board`);

/** What comes over a socket: the ids of what changed or the types of events, and the code it is closed with. */
function listen(socket: WebSocket): Line {
  const line: Line = { told: [], closed: [] };
  socket.addEventListener("message", ({ data }) => {
    const { summary, event } = JSON.parse(String(data));
    if (summary !== undefined) line.told.push(summary.id);
    if (event !== undefined) line.told.push(event.type);
  });
  socket.addEventListener("close", ({ code }) => void line.closed.push(code));
  socket.accept();
  return line;
}

async function openFeed(workspace: string, holder: Holder): Promise<Line> {
  const { webSocket } = await boardOf(workspace).fetch("https://board/feed", upgradeOf(holder));
  return listen(webSocket!);
}

/** Ends a key in the Registry's tables alone, so that nobody is told of it. */
async function revokeUnheard(workspace: string, holder: Holder): Promise<void> {
  if (holder.kind !== "key") throw new Error("only keys");
  await runInDurableObject(registryOf(workspace), (_, { storage: { sql } }) => {
    sql.exec("UPDATE keys SET record = json_set(record, '$.revokedAt', 1) WHERE id = ?", holder.id);
  });
}

describe("T21: the Board's stream of somebody whose access is withdrawn", () => {
  const bob = "person:bob";
  type Way = (workspace: string, holder: Holder) => PromiseLike<unknown>;
  const idOf = (holder: Holder): string => (holder.kind === "key" ? holder.id : "");
  const ways: Record<string, Way> = {
    "key-revoked": (workspace, holder) =>
      must(registryOf(workspace).revokeKey({ id: idOf(holder), now: Date.now() })),
    "key-rotated": (workspace, holder) =>
      must(registryOf(workspace).rotateKey({ id: idOf(holder), overlapMs: 0, now: Date.now() })),
    "person-inactive": (workspace) =>
      must(registryOf(workspace).putPerson({ id: bob, active: false }, "test", Date.now())),
    "person-removed": (workspace) => must(registryOf(workspace).removePerson(bob, "test", Date.now())),
  };

  test.for(Object.entries(ways))(
    "is closed although nothing is sent: %s",
    async ([name, end], { expect }) => {
      const holder = await personKey(name, bob);
      const his = await openFeed(name, holder);
      const another = await openFeed(name, await operatorKey(name));
      await end(name, holder);
      await vi.waitFor(() => expect(his.closed).toEqual([4001]), { timeout: 10_000 });
      await boardOf(name).apply([change("act_a")]);
      await vi.waitFor(() => expect(another.told).toEqual(["act_a"]));
      expect(his.told).toEqual([]);
    },
  );

  test("is closed when its session ends, and other sessions of the same person are not", async ({
    expect,
  }) => {
    const workspace = "session-ended";
    const registry = registryOf(workspace);
    const now = Date.now();
    const key = idOf(await personKey(workspace, bob));
    const hashes: string[] = [];
    for (let times = 0; times < 2; times += 1) {
      const link = await must(registry.createLink({ person: bob, keyId: key, actor: "test", now }));
      const { text } = await must(registry.signIn({ hash: sha256Hex(link.text), now }));
      hashes.push(sha256Hex(text));
    }
    const [first, second] = await Promise.all(
      hashes.map((hash) => openFeed(workspace, { kind: "session", hash })),
    );
    await registry.endSession({ hash: hashes[0]!, now });
    await vi.waitFor(() => expect(first!.closed).toEqual([4001]), { timeout: 10_000 });
    await boardOf(workspace).apply([change("act_a")]);
    await vi.waitFor(() => expect(second!.told).toEqual(["act_a"]));
    expect([first!.told, second!.closed]).toEqual([[], []]);
  });

  test("is closed as soon as it opens where that happened while it was opening", async ({ expect }) => {
    const holder = await personKey("opening", bob);
    await revokeUnheard("opening", holder);
    const line = await openFeed("opening", holder);
    await vi.waitFor(() => expect(line.closed).toEqual([4001]));
  });

  test("is told nothing after the object has slept, also where the word of it was lost", async ({
    expect,
  }) => {
    const holder = await personKey("slept", bob);
    const his = await openFeed("slept", holder);
    const another = await openFeed("slept", await operatorKey("slept"));
    await boardOf("slept").apply([change("act_before")]);
    await vi.waitFor(() => expect(his.told).toEqual(["act_before"]));
    await revokeUnheard("slept", holder);
    await evictDurableObject(boardOf("slept"));
    await boardOf("slept").apply([change("act_after"), change("act_later")]);
    await vi.waitFor(() => expect(another.told).toEqual(["act_before", "act_after", "act_later"]));
    await vi.waitFor(() => expect(his.closed).toEqual([4001]));
    expect(his.told).toEqual(["act_before"]);
  });
});

describe("T21: a stream of one action of somebody whose access is withdrawn", () => {
  let workspace: Workspace;
  beforeAll(async () => {
    workspace = await openWorkspace("streams");
  });

  async function opened(holders: Holder[]): Promise<{ lines: Line[]; approve: () => Promise<unknown> }> {
    const action = await workspace.ask();
    const lines: Line[] = [];
    for (const holder of holders) {
      const stub = stubOf(workspace, action.id);
      const { webSocket } = await stub.fetch("https://x.invalid/stream?afterSeq=1", upgradeOf(holder));
      lines.push(listen(webSocket!));
    }
    return { lines, approve: () => callsOn(workspace, action).approve() };
  }

  test("is closed before the next event, which others get", async ({ expect }) => {
    const [holder, other] = [await operatorKey("streams"), await operatorKey("streams")];
    const { lines, approve } = await opened([holder, other]);
    if (holder.kind === "key") {
      await must(registryOf("streams").revokeKey({ id: holder.id, now: Date.now() }));
    }
    await approve();
    await vi.waitFor(() => expect(lines[1]!.told).toEqual(["voted", "approved"]));
    await vi.waitFor(() => expect(lines[0]!.closed).toEqual([4001]));
    expect(lines[0]!.told).toEqual([]);
  });

  test("of a person is closed although nothing happens, and is forgotten then", async ({ expect }) => {
    const holder = await personKey("streams", "person:dana");
    const action = await workspace.ask();
    const stub = stubOf(workspace, action.id);
    const { webSocket } = await stub.fetch("https://x.invalid/stream?afterSeq=1", upgradeOf(holder));
    const line = listen(webSocket!);
    await boardOf("streams").follows(action.id);
    const noted = (): Promise<unknown[]> =>
      runInDurableObject(boardOf("streams"), (_, { storage: { sql } }) =>
        sql.exec("SELECT action FROM streams").toArray(),
      );
    expect(await noted()).toEqual([{ action: action.id }]);
    await must(registryOf("streams").removePerson("person:dana", "test", Date.now()));
    await vi.waitFor(() => expect(line.closed).toEqual([4001]), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await noted()).toEqual([]));
    expect(line.told).toEqual([]);
  });
});

/** Sockets of an object of their own, with a Registry that answers as a test says. */
async function inside<Value>(
  name: string,
  work: (state: DurableObjectState, asked: Holder[][], ask: AskReaders) => Promise<Value>,
  answer: (holders: Holder[]) => Promise<Readers>,
): Promise<Value> {
  const asked: Holder[][] = [];
  const ask: AskReaders = (holders) => {
    asked.push(holders);
    return answer(holders);
  };
  return await runInDurableObject(boardOf(`inside-${name}`), (_, state) => work(state, asked, ask));
}

const bobs = { holder: { kind: "key", id: "key_bob" } as const, epoch: 3, endsAt: null };
const yes = async (holders: Holder[]): Promise<Readers> => ({ epoch: 3, reads: holders.map(() => true) });
const no = async (holders: Holder[]): Promise<Readers> => ({ epoch: 4, reads: holders.map(() => false) });

describe("T21: how old the proof of a reader may be", () => {
  test("the Board asks again after three seconds of sending, and not before", async ({ expect }) => {
    let answer = yes;
    await inside(
      "interval",
      async (state, asked, ask) => {
        const feed = new Feed(state, ask);
        const line = listen(feed.open(null, bobs, 0).webSocket!);
        await feed.recheck(0);
        const { summary } = change("act_a");
        answer = no;
        feed.announce([summary], 2_999);
        await vi.waitFor(() => expect(line.told).toEqual(["act_a"]));
        expect(asked).toHaveLength(2);
        feed.announce([summary], 3_000);
        await vi.waitFor(() => expect(line.closed).toEqual([4001]));
        expect([line.told, asked.length]).toEqual([["act_a"], 3]);
      },
      (holders) => answer(holders),
    );
  });

  test("a session or key that has ended by its own time is told nothing more", async ({ expect }) => {
    await inside(
      "ended",
      async (state, asked, ask) => {
        const feed = new Feed(state, ask);
        const line = listen(feed.open(null, { ...bobs, endsAt: 1_000 }, 0).webSocket!);
        await vi.waitFor(() => expect(asked).toHaveLength(1));
        feed.announce([change("act_a").summary], 1_000);
        await vi.waitFor(() => expect(line.closed).toEqual([4000]));
        expect(line.told).toEqual([]);
      },
      yes,
    );
  });

  test("what comes while the Registry is asked is told after its answer, in order", async ({ expect }) => {
    const late = Promise.withResolvers<void>();
    await inside(
      "order",
      async (state, asked, ask) => {
        const waiters = new Waiters(state, ask);
        const line = listen(waiters.open(() => [], "", bobs).webSocket!);
        const say = (type: string, epoch: number | null): void =>
          waiters.announce(() => [JSON.stringify({ event: { type } })], epoch, 0);
        say("first", null);
        say("second", 3);
        expect(asked).toHaveLength(1);
        late.resolve();
        await vi.waitFor(() => expect(line.told).toEqual(["first", "second"]));
        say("third", 3);
        await vi.waitFor(() => expect(line.told).toEqual(["first", "second", "third"]));
        expect(asked).toHaveLength(1);
      },
      async (holders) => {
        await late.promise;
        return await yes(holders);
      },
    );
  });

  test("an action asks where more has been withdrawn than when the reader was proven, or nobody knows", async ({
    expect,
  }) => {
    const epochs: [epoch: number | null, asks: number][] = [
      [2, 0],
      [3, 0],
      [4, 1],
      [null, 1],
    ];
    for (const [epoch, asks] of epochs) {
      await inside(
        `epoch-${epoch}`,
        async (state, asked, ask) => {
          const waiters = new Waiters(state, ask);
          const line = listen(waiters.open(() => [], "", bobs).webSocket!);
          waiters.announce(() => [JSON.stringify({ event: { type: "voted" } })], epoch, 0);
          // Told without being asked for although the Registry would say no: what a missing question costs.
          if (asks === 0) await vi.waitFor(() => expect(line.told).toEqual(["voted"]));
          else await vi.waitFor(() => expect(line.closed).toEqual([4001]));
          expect([asked.length, line.told.length]).toEqual([asks, 1 - asks]);
        },
        no,
      );
    }
  });

  test("a Registry that cannot be asked closes the stream, and nothing is said over it", async ({
    expect,
  }) => {
    await inside(
      "broken",
      async (state, _asked, ask) => {
        const waiters = new Waiters(state, ask);
        const line = listen(waiters.open(() => [], "", bobs).webSocket!);
        waiters.announce(() => [JSON.stringify({ event: { type: "voted" } })], null, 0);
        await vi.waitFor(() => expect(line.closed).toEqual([4000]));
        expect(line.told).toEqual([]);
      },
      () => Promise.reject(new Error("no Registry")),
    );
  });
});
