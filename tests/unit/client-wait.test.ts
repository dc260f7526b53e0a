import { describe, onTestFinished, test, vi } from "vitest";
import { createClient } from "../../client/index.ts";
import type { ActionView } from "../../schemas/action.ts";
import {
  type FakeSocket,
  fakeAction,
  type Reply,
  type Seen,
  startFakeEngine,
} from "../support/fake-engine.ts";

const retry = { tries: 2, baseMs: 1, capMs: 5 };
const message = (action: ActionView): string =>
  JSON.stringify({ event: { seq: action.seq, at: "", type: "x" }, action });

/** An engine whose one action is whatever `current` is; polls are held until it grows past `afterSeq`. */
async function engineWith(current: ActionView, upgrade?: (seen: Seen, socket: FakeSocket) => void) {
  const held: (() => void)[] = [];
  const state = { current, broken: false };
  const answer = async (seen: Seen): Promise<Reply> => {
    if (state.broken) return "drop";
    const afterSeq = Number(seen.query.get("afterSeq") ?? -1);
    while (seen.query.has("wait") && state.current.seq <= afterSeq) {
      await new Promise<void>((resolve) => held.push(resolve));
    }
    return { body: state.current };
  };
  const engine = await startFakeEngine(answer, upgrade);
  onTestFinished(() => engine.stop());
  const become = (action: ActionView): void => {
    state.current = action;
    for (const release of held.splice(0)) release();
  };
  return { engine, state, become, client: createClient({ url: engine.url, key: "hp_test", retry }) };
}

const streams = (seen: readonly Seen[]): Seen[] => seen.filter((one) => one.path.endsWith("/stream"));
const polls = (seen: readonly Seen[]): Seen[] => seen.filter((one) => one.query.has("wait"));
const soon = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("waiting", () => {
  test("P8: a decision made before the wait began is there at once, without a socket", async ({ expect }) => {
    const { engine, client } = await engineWith(fakeAction("approved", 5));
    await expect(client.wait("act_fake")).resolves.toMatchObject({ state: "approved" });
    expect(engine.seen).toHaveLength(1);
  });

  test("a socket carries the key in its header and starts after what was seen", async ({ expect }) => {
    const { engine, client } = await engineWith(fakeAction("pending", 3), (_, socket) =>
      socket.send(message(fakeAction("approved", 4))),
    );
    await expect(client.wait("act_fake")).resolves.toMatchObject({ state: "approved", seq: 4 });
    const [stream] = streams(engine.seen);
    expect(stream?.headers.authorization).toBe("Bearer hp_test");
    expect(stream?.query.get("afterSeq")).toBe("3");
    expect(polls(engine.seen)).toHaveLength(0);
  });

  test("a message that arrives together with the handshake is not missed", async ({ expect }) => {
    // The fake writes the handshake and the message back to back, so they often share a packet: many times, to be sure.
    for (let round = 0; round < 20; round += 1) {
      const { client } = await engineWith(fakeAction(), (_, socket) =>
        socket.send(message(fakeAction("denied", 3))),
      );
      await expect(client.wait("act_fake", { timeoutMs: 2_000 })).resolves.toMatchObject({ state: "denied" });
    }
  });

  test("a refused socket falls back to a long-poll by itself, and is not tried for ever", async ({
    expect,
  }) => {
    const { engine, become, client } = await engineWith(fakeAction("pending", 2));
    const waiting = client.wait("act_fake");
    // Each only once it is waited for after the one before.
    const polledAfter = (seq: number): Promise<unknown> =>
      vi.waitUntil(() => polls(engine.seen).at(-1)?.query.get("afterSeq") === String(seq), 10_000);
    for (let seq = 3; seq < 7; seq += 1) {
      await polledAfter(seq - 1);
      become(fakeAction("pending", seq));
    }
    await polledAfter(6);
    become(fakeAction("approved", 7));
    await expect(waiting).resolves.toMatchObject({ seq: 7 });
    expect(streams(engine.seen)).toHaveLength(2);
    expect(polls(engine.seen).map((one) => one.query.get("afterSeq"))).toEqual(["2", "3", "4", "5", "6"]);
  });

  test("a socket that cannot carry headers (a browser's) is a long-poll", async ({ expect }) => {
    function Refusing(): never {
      throw new SyntaxError("The subprotocol '[object Object]' is invalid");
    }
    const { engine, become } = await engineWith(fakeAction());
    const client = createClient({ url: engine.url, key: "hp_test", webSocket: Refusing as never });
    const waiting = client.wait("act_fake");
    await soon();
    become(fakeAction("approved", 3));
    await expect(waiting).resolves.toMatchObject({ state: "approved" });
    expect(streams(engine.seen)).toHaveLength(0);
  });

  test("webSocket: false waits by long-poll only", async ({ expect }) => {
    const { engine, become } = await engineWith(fakeAction());
    const waiting = createClient({ url: engine.url, key: "hp_test", webSocket: false }).wait("act_fake");
    await soon();
    become(fakeAction("approved", 3));
    await expect(waiting).resolves.toMatchObject({ state: "approved" });
    expect(streams(engine.seen)).toHaveLength(0);
  });

  test("a socket that breaks is resumed after the last seq seen", async ({ expect }) => {
    let opened = 0;
    const { engine, become, client } = await engineWith(fakeAction("pending", 2), (_, socket) => {
      opened += 1;
      if (opened === 1) {
        socket.send(message(fakeAction("pending", 5)));
        setTimeout(() => socket.drop(), 10);
      } else socket.send(message(fakeAction("approved", 9)));
    });
    const waiting = client.wait("act_fake");
    await soon(80);
    become(fakeAction("pending", 8));
    await expect(waiting).resolves.toMatchObject({ seq: 9 });
    expect(streams(engine.seen).map((one) => one.query.get("afterSeq"))).toEqual(["2", "8"]);
    expect(polls(engine.seen).map((one) => one.query.get("afterSeq"))).toEqual(["5"]);
  });

  test("P29: an engine that is away for a while does not end the wait", async ({ expect }) => {
    const sockets: FakeSocket[] = [];
    const { state, become, client } = await engineWith(
      fakeAction(),
      (_, socket) => void sockets.push(socket),
    );
    const waiting = client.wait("act_fake");
    await soon();
    state.broken = true;
    for (const socket of sockets) socket.drop();
    await soon(600);
    state.broken = false;
    become(fakeAction("approved", 3));
    await expect(waiting).resolves.toMatchObject({ state: "approved" });
  });

  test("a silent socket is asked with ping; one that answers is kept", async ({ expect }) => {
    const texts: string[] = [];
    const { engine, client } = await engineWith(fakeAction(), (_, socket) => {
      socket.onText((text) => {
        texts.push(text);
        socket.send(texts.length < 3 ? "pong" : message(fakeAction("approved", 3)));
      });
    });
    await client.wait("act_fake", { liveness: { openMs: 1_000, silentMs: 20, answerMs: 500 } });
    expect(texts).toEqual(["ping", "ping", "ping"]);
    expect(streams(engine.seen)).toHaveLength(1);
  });

  test("a silent socket that does not answer is left for a poll", async ({ expect }) => {
    const { engine, become, client } = await engineWith(fakeAction(), () => undefined);
    const waiting = client.wait("act_fake", { liveness: { openMs: 1_000, silentMs: 20, answerMs: 20 } });
    await soon(100);
    become(fakeAction("approved", 3));
    await expect(waiting).resolves.toMatchObject({ state: "approved" });
    expect(polls(engine.seen)).toHaveLength(1);
  });

  test("messages that cannot be read are passed over", async ({ expect }) => {
    const { client } = await engineWith(fakeAction(), (_, socket) => {
      for (const junk of ["", "{", "[]", "null", '{"action":{}}', message(fakeAction("approved", 3))]) {
        socket.send(junk);
      }
    });
    await expect(client.wait("act_fake")).resolves.toMatchObject({ state: "approved" });
  });

  test("onAction sees every newer state once and in order, and nothing at or before afterSeq", async ({
    expect,
  }) => {
    const { client } = await engineWith(fakeAction("pending", 2), (_, socket) => {
      for (const seq of [3, 4, 4, 3, 5]) socket.send(message(fakeAction("pending", seq)));
      socket.send(message(fakeAction("approved", 6)));
    });
    const seqs: number[] = [];
    await client.wait("act_fake", { afterSeq: 2, onAction: (action) => seqs.push(action.seq) });
    expect(seqs).toEqual([3, 4, 5, 6]);
  });

  test("until decides what is enough", async ({ expect }) => {
    const { client } = await engineWith(fakeAction("approved", 3), (_, socket) => {
      socket.send(message(fakeAction("executing", 4)));
      socket.send(message(fakeAction("executed", 5)));
    });
    await expect(
      client.wait("act_fake", { until: (action) => action.state === "executed" }),
    ).resolves.toMatchObject({ seq: 5 });
  });

  test("an end that nothing leaves ends the wait, whatever until says", async ({ expect }) => {
    const { client } = await engineWith(fakeAction("denied", 3));
    await expect(
      client.wait("act_fake", { until: (action) => action.state === "executed" }),
    ).resolves.toMatchObject({ state: "denied" });
  });

  test("timeoutMs is the waiter's own: wait_timeout, and nothing is sent about it", async ({ expect }) => {
    const { engine, client } = await engineWith(fakeAction());
    await expect(client.wait("act_fake", { timeoutMs: 50 })).rejects.toMatchObject({ code: "wait_timeout" });
    expect(engine.seen.every((one) => one.method === "GET")).toBe(true);
  });

  test("an aborted wait rejects with the signal's reason", async ({ expect }) => {
    const { client } = await engineWith(fakeAction(), () => undefined);
    const controller = new AbortController();
    const waiting = client.wait("act_fake", { signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 30);
    await expect(waiting).rejects.toBe(reason);
  });

  test("a refusal ends the wait: what is not there will not come", async ({ expect }) => {
    const engine = await startFakeEngine(() => ({
      status: 404,
      body: { code: "not_found", detail: "There is nothing here." },
    }));
    onTestFinished(() => engine.stop());
    await expect(createClient({ url: engine.url, key: "hp_test" }).wait("act_x")).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
