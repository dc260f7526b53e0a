import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { DeadLetterList, NewEndpoint } from "../../schemas/webhook-view.ts";
import { castOf, type Cast } from "../support/actors.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Six sends at once, and one more every ten seconds. */
const perMinute = 6;
const earnedMs = 60_000 / perMinute;

let engine: TestEngine;
let cast: Cast;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  engine = await startEngine({ settings: { HOLDPOINT_EGRESS_PER_MINUTE: String(perMinute) } });
  cast = castOf(engine);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => engine?.stop());

/** A receiver with an endpoint of its own, gone after the test. */
async function receiving(): Promise<Receiver> {
  const receiver = await startReceiver();
  const { id, secret } = v.parse(
    NewEndpoint,
    await cast.operator.post("/v1/webhooks", { url: receiver.url, events: ["action.pending"] }),
  );
  receiver.setSecrets(secret ?? "");
  closing.push(async () => {
    await cast.operator.send("DELETE", `/v1/webhooks/${id}`);
    await receiver.close();
  });
  return receiver;
}

const deadLetters = async (action: ActionView): Promise<unknown[]> => {
  const { items } = v.parse(DeadLetterList, await cast.operator.get("/v1/dead-letters"));
  return items.filter((item) => item.action === action.id);
};

describe("T12 what an engine sends to a workspace's receivers", () => {
  test("is bounded in a minute: what is over goes out later, once, and loses no try", async ({ expect }) => {
    const receiver = await receiving();
    const asked: ActionView[] = [];
    for (let index = 0; index < perMinute + 2; index += 1) asked.push(await cast.demo.asks());
    await receiver.until(({ processed }) => processed.length >= asked.length, 120_000);
    const ids = receiver.processed.map(({ verified }) => verified?.data["id"]);
    expect(new Set(ids)).toEqual(new Set(asked.map(({ id }) => id)));
    expect(receiver.received).toHaveLength(asked.length);
    // Nobody sends what has not been earned: the eighth is two tenths of a minute behind the first at the least.
    const times = receiver.received.map(({ at }) => at).toSorted((a, b) => a - b);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(2 * earnedMs - 1_000);
    for (const action of asked) expect(await deadLetters(action)).toEqual([]);
  }, 180_000);

  test("follows no redirect, wherever it leads", async ({ expect }) => {
    const [receiver, elsewhere] = [await receiving(), await startReceiver()];
    closing.push(() => elsewhere.close());
    receiver.failNext({ status: 307, headers: { location: elsewhere.url } });
    const action = await cast.demo.asks();
    await receiver.until(
      ({ processed }) => processed.some(({ verified }) => verified?.data["id"] === action.id),
      120_000,
    );
    expect(receiver.received.map(({ status }) => status)).toEqual([307, 204]);
    expect(elsewhere.received).toEqual([]);
  }, 180_000);

  test("brings back nothing of what a receiver says but its status", async ({ expect }) => {
    const canary = "canary-9f2b61-root-x-0-0";
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(410, { "x-canary": canary, "content-type": "text/plain" }).end(canary);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    await cast.operator.post("/v1/webhooks", { url, events: ["action.pending"] });
    const action = await cast.demo.asks();
    let letters: unknown[] = [];
    for (const end = Date.now() + 60_000; letters.length === 0 && Date.now() < end;) {
      letters = await deadLetters(action);
    }
    expect(letters).toMatchObject([{ lastError: "answered 410 Gone" }]);
    const said = [
      letters,
      await cast.demo.readsLog(action),
      await cast.demo.sees(action),
      await cast.operator.get("/v1/webhooks"),
      engine.errors(),
    ];
    expect(JSON.stringify(said)).not.toContain(canary);
  }, 120_000);
});
