import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { refusalOf, type Answer, type Caller } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Waiting for a decision with a request that the engine holds, for those who cannot keep a socket open. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

describe("a held request", () => {
  const timed = async (send: () => Promise<Answer>): Promise<{ answer: Answer; ms: number }> => {
    const started = performance.now();
    const answer = await send();
    return { answer, ms: performance.now() - started };
  };
  const read = (who: Caller, action: { id: string }, query = "", headers = {}): Promise<Answer> =>
    who.send("GET", `/v1/actions/${action.id}${query}`, undefined, headers);

  test("is answered the moment the action moves", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const held = timed(() => read(demo, action, "?wait=30&afterSeq=1"));
    await delay(400);
    const approved = await bob.approves(action);
    const { answer, ms } = await held;
    expect(answer.body).toEqual(approved);
    expect(ms).toBeGreaterThan(390);
    expect(ms).toBeLessThan(5_000);
  });

  test("is answered at once where the action has moved already", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await bob.approves(await demo.asks());
    const { answer, ms } = await timed(() => read(demo, action, "?wait=30&afterSeq=1"));
    expect(answer.body).toEqual(action);
    expect(ms).toBeLessThan(10_000);
  });

  test("without a seq waits while somebody else is to move, and never after the decision", async ({
    expect,
  }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const held = timed(() => read(demo, action, "?wait=30"));
    await delay(400);
    const approved = await bob.approves(action);
    expect((await held).answer.body).toEqual(approved);
    const after = await timed(() => read(demo, action, "?wait=30"));
    expect(after.answer.body).toEqual(approved);
    expect(after.ms).toBeLessThan(10_000);
  });

  test("by `Prefer: wait=` says what it applied", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const preferences: [sent: string, applied: string | null][] = [
      ["wait=1", "wait=1"],
      ["respond-async, wait=1", "wait=1"],
      ["wait=1;strict", "wait=1"],
      ["waiting=5", null],
      ["wait=soon", null],
      ["respond-async", null],
    ];
    const check = async ([prefer, applied]: (typeof preferences)[number]): Promise<void> => {
      const { answer, ms } = await timed(() => read(demo, action, "?afterSeq=1", { prefer }));
      const preference = answer.headers.get("preference-applied");
      expect([prefer, answer.status, preference]).toEqual([prefer, 200, applied]);
      if (applied !== null) expect(ms).toBeGreaterThan(900);
      else expect(ms).toBeLessThan(4_000);
    };
    await Promise.all(preferences.map(check));
  });

  test("is held for a minute at most, whatever is asked for", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    // The cap shows in the answer that says what was applied; the minute itself is not waited for.
    const held = read(demo, action, "?afterSeq=1", { prefer: "wait=900" });
    await delay(200);
    await bob.approves(action);
    expect((await held).headers.get("preference-applied")).toBe("wait=60");
  });

  test("of something that is not there is not held", async ({ expect }) => {
    const { demo } = cast;
    const started = performance.now();
    const refused = await refusalOf(demo.waitsFor({ id: `act_${"x".repeat(22)}` }, 0, 60));
    expect(refused).toMatchObject({ status: 404, code: "not_found" });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("of zero seconds is a plain look", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const { answer, ms } = await timed(() => read(demo, action, "?wait=0&afterSeq=1"));
    expect(answer.body).toEqual(action);
    expect(ms).toBeLessThan(5_000);
  });

  test("is told of an end that only time brings", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks({ notAfter: new Date(Date.now() + 1_500).toISOString() });
    const stream = await demo.follows(action, 1);
    const seen = await demo.waitsFor(action, 1, 30);
    expect(seen).toMatchObject({ state: "expired", detail: "pending", seq: 2 });
    await stream.until(({ messages }) => messages.length === 1);
    expect(stream.messages[0]).toMatchObject({
      event: { type: "expired", seq: 2 },
      action: { state: "expired" },
    });
    await stream.close();
  });
});

describe("many held requests", () => {
  test("are all answered by one vote", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const waiting = Array.from({ length: 50 }, () => demo.waitsFor(action, action.seq, 30));
    await delay(300);
    const approved = await bob.approves(action);
    for (const seen of await Promise.all(waiting)) expect(seen).toEqual(approved);
  });
});

describe("the client", () => {
  test("waits over a socket or by held requests, with the same answer", async ({ expect }) => {
    const { demo, bob } = cast;
    for (const webSocket of [undefined, false] as const) {
      const action = await demo.asks();
      const options = { url: engine.url, key: demo.key!, ...(webSocket === false && { webSocket }) };
      const states: string[] = [];
      const waiting = createClient(options).wait(action.id, {
        onAction: ({ state }) => void states.push(state),
      });
      await delay(200);
      const approved = await bob.approves(action);
      expect(await waiting).toEqual(approved);
      expect(states[0]).toBe("pending");
      expect(states.at(-1)).toBe("approved");
    }
  });
});
