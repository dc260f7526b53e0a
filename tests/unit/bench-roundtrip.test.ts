import { createServer, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "vitest";
import type { Cell } from "../../scripts/bench/cells.ts";
import { growthOf } from "../../scripts/bench/growth.ts";
import { peerAt } from "../../scripts/bench/peer-driver.ts";
import { reasonOf } from "../../scripts/bench/peers.ts";
import { roundtripPart, verdict } from "../../scripts/bench/print-roundtrip.ts";
import { ratiosOf, type Rounds } from "../../scripts/bench/roundtrip.ts";
import { summarise } from "../../scripts/bench/statistics.ts";
import { measureTrips, medianTrips, tripOnce, type Keeper, type Trips } from "../../scripts/bench/trip.ts";

/** A keeper that writes down what it is asked; its decision is there when it was asked for. */
function recorded(told: string[], decide: () => Promise<void> = () => Promise.resolve()): Keeper {
  return {
    create: () => {
      told.push("create");
      const decided = Promise.withResolvers<number>();
      return Promise.resolve({
        wait: () => {
          told.push("wait");
          return Promise.resolve({ resumed: decided.promise, close: () => void told.push("close") });
        },
        decide: async () => {
          told.push("decide");
          await decide();
          decided.resolve(performance.now());
        },
        outcome: () => {
          told.push("outcome");
          return Promise.resolve();
        },
      });
    },
  };
}

const round = (ms: number): Trips => {
  const summary = summarise([ms], 1_000);
  return { create: summary, resume: summary, durable: summary };
};

describe("one round trip", () => {
  test("goes the whole way in order, and is counted once", async ({ expect }) => {
    const told: string[] = [];
    const { create, resume, durable } = await measureTrips(recorded(told), 1, 0);
    expect(told).toEqual(["create", "wait", "decide", "outcome", "close"]);
    expect([create, resume, durable].map(({ count }) => count)).toEqual([1, 1, 1]);
  });

  test("every client goes at least once", async ({ expect }) => {
    const told: string[] = [];
    expect((await measureTrips(recorded(told), 16, 0)).durable.count).toBe(16);
  });

  test("a decision that is refused ends it, and nobody waits for ever", async ({ expect }) => {
    const refused = (): Promise<void> => Promise.reject(new Error("409"));
    await expect(tripOnce(recorded([], refused))).rejects.toThrow("409");
  });

  test("the median of rounds is taken figure by figure", ({ expect }) => {
    expect(medianTrips([round(1), round(90), round(3)]).resume).toMatchObject({ count: 3, p50: 3 });
  });
});

describe("a peer behind the small interface", () => {
  async function serving(
    decision: Promise<string>,
  ): Promise<{ server: Server; url: string; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url?.startsWith("/wait/") !== true) return void response.end('{"id":"a1"}');
      response.writeHead(200).flushHeaders();
      void decision.then((text) => response.end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { server, url: `http://127.0.0.1:${port}`, asked };
  }

  test("waiting has begun with its headers, and the decision is its body", async ({ expect }) => {
    const decision = Promise.withResolvers<string>();
    const { server, url, asked } = await serving(decision.promise);
    try {
      const approval = await peerAt(url).create();
      const waiter = await approval.wait();
      expect(await Promise.race([waiter.resumed, delay(20, "still waiting")])).toBe("still waiting");
      decision.resolve('{"state":"approved"}');
      expect(await waiter.resumed).toBeTypeOf("number");
      await approval.decide();
      await approval.outcome();
      expect(asked).toEqual(["POST /create", "GET /wait/a1", "POST /decide/a1", "POST /outcome/a1"]);
    } finally {
      server.close();
    }
  });

  test("anything but an approval is a failure and not a figure", async ({ expect }) => {
    const { server, url } = await serving(Promise.resolve('{"state":"expired"}'));
    try {
      const waiter = await (await peerAt(url).create()).wait();
      await expect(waiter.resumed).rejects.toThrow("expired");
    } finally {
      server.close();
    }
  });

  test("why one could not be started is said in its own sentence", ({ expect }) => {
    const said =
      "file:///peers/x.mjs:3\n  throw new Error(…)\n\nError: Postgres is not installed: do this.\n    at x\n";
    expect(reasonOf(said)).toBe("Postgres is not installed: do this.");
    expect(reasonOf("killed\n")).toBe("killed");
    expect(reasonOf("")).toBe("it ended without a word");
  });
});

describe("comparing", () => {
  const rounds = (name: string, subject: Rounds["subject"], mode: Rounds["mode"], of: number[]): Rounds => ({
    name,
    subject,
    mode,
    clients: 1,
    rounds: of.map(round),
  });
  const found = [
    rounds("engine s", "engine", "start", [4, 40, 400]),
    rounds("floor s", "floor", "start", [2, 20, 200]),
    rounds("engine w", "engine", "workerd", [1, 1, 1]),
    rounds("floor w", "floor", "workerd", [1, 2, 0.5]),
    rounds("peer", "peer", null, [8, 80, 800]),
  ];

  test("each engine is beside its own floor and beside every peer, round by round", ({ expect }) => {
    const ratios = ratiosOf(found);
    expect(ratios.map(({ engine, other }) => `${engine} : ${other}`)).toEqual([
      "engine s : floor s",
      "engine s : peer",
      "engine w : floor w",
      "engine w : peer",
    ]);
    expect(ratios[0]?.resume.p50).toEqual({ median: 2, low: 2, high: 2 });
    expect(ratios[1]?.durable.median).toBe(0.5);
  });

  test("somebody is ahead where every round says so", ({ expect }) => {
    expect(verdict({ median: 2, low: 1.1, high: 3 })).toBe("BEHIND");
    expect(verdict({ median: 0.5, low: 0.4, high: 0.9 })).toBe("ahead");
    expect(verdict({ median: 1.5, low: 0.9, high: 3 })).toBe("even");
  });

  test("a peer that was not run is named with the reason", ({ expect }) => {
    const notRun = [{ name: "Restate", reason: "npm has not installed it." }];
    const text = roundtripPart({ lines: [], ratios: [], durable: {}, notRun });
    expect(text).toContain("Not run: Restate: npm has not installed it.");
  });

  test("growth is told against the fewest pending, for the engine and the floor", ({ expect }) => {
    const ratio = { median: 1, low: 1, high: 1 };
    const cell = (pending: number, ms: number): Cell => ({
      mode: "workerd",
      what: { work: "create" },
      clients: 1,
      pending,
      engine: summarise([ms], 1_000),
      floor: summarise([1], 1_000),
      latency: ratio,
      throughput: ratio,
    });
    const [engine, floor] = growthOf([cell(10_000, 6), cell(0, 2), cell(1_000, 3)]);
    expect(engine).toMatchObject({ subject: "engine", from: 2 });
    expect(engine?.levels.map(({ pending, times }) => [pending, times])).toEqual([
      [0, 1],
      [1_000, 1.5],
      [10_000, 3],
    ]);
    expect(floor?.levels.map(({ times }) => times)).toEqual([1, 1, 1]);
    expect(growthOf([cell(0, 1)])).toEqual([]);
  });
});
