import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { seqsOf, type Stream } from "../support/stream.ts";
import { closeCode, upgrade } from "../support/upgrade.ts";

/** Waiting for a decision with a socket, before it is made or after it. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

const eventsOf = ({ messages }: Stream): string[] => messages.map(({ event }) => event.type);

/** A whole life: asked, approved, claimed, renewed, reported. */
async function runs(action: ActionView): Promise<ActionView> {
  const { demo, bob } = cast;
  const claim = await demo.claims(await bob.approves(action));
  await demo.heartbeats(claim);
  return demo.reports(claim, "succeeded");
}
const life = ["requested", "voted", "approved", "claimed", "heartbeat", "executed"];

describe("a socket", () => {
  test("that waits before the decision is told of each step, with the action as it then is", async ({
    expect,
  }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const stream = await demo.follows(action);
    const done = await runs(action);
    await stream.until(({ messages }) => messages.length === life.length);
    expect(eventsOf(stream)).toEqual(life);
    expect(stream.messages.map(({ event }) => event)).toEqual(await demo.readsLog(action));
    expect(stream.messages.at(-1)?.action).toEqual(done);
    for (const { event, action: then } of stream.messages) {
      expect(then.seq).toBeGreaterThanOrEqual(event.seq);
    }
    await stream.close();
  });

  test("that comes after the decision gets all that it missed, once", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    await runs(action);
    const stream = await demo.follows(action);
    await stream.until(({ messages }) => messages.length === life.length);
    await delay(200);
    expect(seqsOf(stream)).toEqual([1, 2, 3, 4, 5, 6]);
    await stream.close();
  });

  test("that comes back goes on after its last seq, without a gap or a repeat", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const seen: number[] = [];
    const claim = await demo.claims(await bob.approves(action));
    let last = 0;
    for (let round = 0; round < 8; round += 1) {
      const stream = await demo.follows(action, last);
      // Half of the steps are made while nobody is there, and the socket goes at an arbitrary moment of the rest.
      await demo.heartbeats(claim);
      if (round % 2) await stream.until(({ messages }) => messages.length > 0);
      await stream.close();
      seen.push(...seqsOf(stream));
      last = seen.at(-1) ?? 0;
      await demo.heartbeats(claim);
    }
    const stream = await demo.follows(action, last);
    await stream.until(({ messages }) => messages.at(-1)?.event.seq === 20);
    seen.push(...seqsOf(stream));
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await stream.close();
  });

  test("from a seq that is still to come is told of what comes after it", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const stream = await demo.follows(action, action.seq);
    await delay(200);
    expect(stream.messages).toEqual([]);
    await bob.approves(action);
    await stream.until(({ messages }) => messages.length === 2);
    expect(seqsOf(stream)).toEqual([2, 3]);
    await stream.close();
  });

  test("is closed promptly, whatever code the waiter gives", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const url = new URL(`/v1/actions/${action.id}/stream`, engine.url);
    // Of those that a browser or a proxy may send, only 1000 and 3000 to 4999 can be sent back.
    for (const [given, answered] of [
      [null, 1000],
      [1000, 1000],
      [1001, 1000],
      [1011, 1000],
      [3000, 3000],
      [4999, 4999],
    ] as const) {
      const { code, afterMs } = await closeCode(url, demo.key, given);
      expect([given, code]).toEqual([given, answered]);
      expect(afterMs).toBeLessThan(5_000);
    }
    expect(engine.errors()).toBe("");
  });

  test("answers a ping, and takes no orders", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const stream = await demo.follows(action, action.seq);
    stream.send(JSON.stringify({ decision: "approve", digest: action.digest }));
    stream.send("approve");
    stream.send("ping");
    await stream.until(({ texts }) => texts.length > 0);
    expect(stream.texts).toEqual(["pong"]);
    expect(await demo.sees(action)).toEqual(action);
    await stream.close();
  });

  test(
    "lives on while its object sleeps, and wakes with the next event",
    { timeout: 40_000 },
    async ({ expect }) => {
      const { demo, bob } = cast;
      const action = await demo.asks();
      const stream = await demo.follows(action, action.seq);
      // After ten seconds without a call the runtime takes the object out of memory and keeps the socket.
      await delay(12_500);
      stream.send("ping");
      await stream.until(({ texts }) => texts.includes("pong"));
      await delay(500);
      await bob.approves(action);
      await stream.until(({ messages }) => messages.length === 2);
      expect(eventsOf(stream)).toEqual(["voted", "approved"]);
      await stream.close();
    },
  );

  test("is refused to whoever may not read, and for what is not there", async ({ expect }) => {
    const action = await cast.demo.asks();
    const scraper = await cast.operator.givesKey("service:scraper", { scopes: ["metrics:read"] });
    const path = `/v1/actions/${action.id}/stream`;
    const tries: [string, string | null, number][] = [
      [path, null, 401],
      [path, "hp_default_wrong", 401],
      [path, scraper, 403],
      [`/v1/actions/act_${"x".repeat(22)}/stream`, cast.demo.key, 404],
      ["/v1/actions/nonsense/stream", cast.demo.key, 404],
      [`${path}?afterSeq=x`, cast.demo.key, 400],
      [`${path}?after=1`, cast.demo.key, 400],
    ];
    for (const [address, key, status] of tries) {
      const answer = await upgrade(new URL(address, engine.url), key);
      expect([address, answer.status]).toEqual([address, status]);
      expect(answer.body).toMatchObject({ status, code: expect.any(String) });
    }
    await expect(cast.stranger.follows(action)).rejects.toThrow("no WebSocket");
  });
});

describe("many waiters", () => {
  test("two hundred sockets are all told, of everything, in order", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const streams = await Promise.all(Array.from({ length: 200 }, () => demo.follows(action)));
    await runs(action);
    await Promise.all(
      streams.map((stream) => stream.until(({ messages }) => messages.length === life.length)),
    );
    const orders = new Set(streams.map((stream) => seqsOf(stream).join()));
    expect([...orders]).toEqual(["1,2,3,4,5,6"]);
    await Promise.all(streams.map((stream) => stream.close()));
  });
});
