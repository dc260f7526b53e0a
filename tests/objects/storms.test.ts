import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, test, vi } from "vitest";
import { Dice } from "../support/dice.ts";
import { proven } from "../support/proof.ts";
import { day } from "./erasing.ts";
import { Storm, type Weather } from "./storm.ts";
import { StormQueues } from "./storm-queues.ts";
import { StormReceivers } from "./storm-receivers.ts";
import { verdictOn, type Verdict } from "./storm-verdict.ts";
import { openWorkspace } from "./workspace.ts";

/**
 * Clock jumps, alarm storms, outages of ten minutes and queues that deliver everything five times: nothing is stuck and nothing is
 * wrong. `HOLDPOINT_STORMS` says how many lives, `HOLDPOINT_SEED` which.
 */

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_000);
const count = Number(process.env["HOLDPOINT_STORMS"] ?? 8);
/** As many as stand in one storm. */
const together = 100;

const usual: Omit<Weather, "lives"> = {
  rounds: 40,
  outages: ["platform", "disk", "queue", "board"],
  sweeps: true,
  clears: false,
  shadowed: false,
  calm: "whole",
};

beforeEach(() => {
  // Ahead of the real clock, so that no alarm goes off but when it is driven.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * day });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Blown = Verdict & {
  readonly sums: Record<string, number>;
  /** What the controls that stood beside it did wrong. */
  readonly shadows: Record<"twice" | "back" | "boardBack", number>;
};

async function blown(name: string, weather: Weather, from = seed, callersClock = false): Promise<Blown> {
  const workspace = await openWorkspace(`${name}-${from}`);
  const post = async (path: string, body: object): Promise<{ id: string }> => {
    const answer = await workspace.call("service:operator", "POST", path, body);
    return v.parse(v.looseObject({ id: v.string() }), answer.body);
  };
  const receivers = new StormReceivers(new Dice(from + 1));
  const queues = new StormQueues(new Dice(from + 2));
  intercept(queues, receivers);
  const names = ["well", "moody"];
  const endpoints = await Promise.all(
    names.map((one) => post("/v1/webhooks", { url: `https://${one}.example.com/in` })),
  );
  const { id: secretId } = await post("/v1/webhooks/secrets", {});
  const subscribers = endpoints.map(({ id }) => ({ id, events: [], active: true }));
  const place = {
    workspace: workspace.name,
    dice: new Dice(from),
    subscribers,
    secretId,
    slow: weather.calm === "whole",
    callersClock,
  };
  const storm = new Storm(place, queues, weather);
  await storm.blow();
  const sinks = new Map(endpoints.map(({ id }, nth) => [`webhook:${id}`, names[nth] ?? ""]));
  const verdict = await verdictOn(storm, receivers, sinks);
  const shadows = { ...receivers.shadows, boardBack: storm.board.shadowBack };
  return { ...verdict, sums: { ...storm.sums, ...queues.sums, ...receivers.sums }, shadows };
}

/** What actions and consumers hand on goes through these queues, and what leaves the engine to these receivers. */
function intercept(queues: StormQueues, receivers: StormReceivers): void {
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  const answer = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  vi.spyOn(queue, "send").mockImplementation(async (message) => {
    queues.take(message);
    return answer;
  });
  vi.spyOn(queue, "sendBatch").mockImplementation(async (messages) => {
    queues.take(...[...messages].map(({ body }) => body));
    return answer;
  });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) =>
    receivers.answer(new Request(url).url, init ?? {}),
  );
}

test(
  `of ${count} actions in storms none is stuck and none is wrong`,
  { timeout: 120_000 + count * 3_000 },
  async ({ expect }) => {
    const sums: Record<string, number> = {};
    for (let from = 0; from < count; from += together) {
      const weather = { ...usual, lives: Math.min(together, count - from), shadowed: from === 0 };
      const { faults, shadows, ...one } = await blown("storm", weather, seed + from);
      expect(faults.slice(0, 5), `${faults.length} faults with HOLDPOINT_SEED=${seed}`).toEqual([]);
      // The controls: consumers that keep what comes twice, or that take what comes last for the newest.
      if (from === 0) for (const wrong of Object.values(shadows)) expect(wrong).toBeGreaterThan(0);
      for (const [name, value] of Object.entries({ ...one.sums, delivered: one.delivered, dead: one.dead })) {
        sums[name] = name === "most" ? Math.max(sums[name] ?? 0, value) : (sums[name] ?? 0) + value;
      }
    }
    console.log(`storms: HOLDPOINT_SEED=${seed} HOLDPOINT_STORMS=${count}`, sums);
    const notes = `${sums["copies"]} copies of ${sums["messages"]} messages`;
    proven({ part: "storms", trials: count, seed, controls: { found: 3, of: 3 }, notes });
  },
);

test(
  "the controls without a sweep, with alarms that clear themselves, and by a caller's clock are noticed",
  {
    timeout: 180_000,
  },
  async ({ expect }) => {
    const short: Weather = { ...usual, lives: 10, rounds: 4, outages: [], sweeps: false, calm: "short" };
    const overdueIn = async (name: string, weather: Weather): Promise<number> =>
      (await blown(name, weather)).faults.filter((fault) => fault.includes("overdue for more than")).length;
    // Where the platform runs no alarm at all, the sweep does; and where nobody sweeps, alarms do.
    const swept: Weather = { ...short, outages: ["platform"], sweeps: true };
    expect(await overdueIn("sweep-alone", swept)).toBe(0);
    expect(await overdueIn("no-sweep", { ...swept, sweeps: false })).toBeGreaterThan(0);
    expect(await overdueIn("alarms-alone", short)).toBe(0);
    expect(await overdueIn("clears", { ...short, clears: true })).toBeGreaterThan(0);
    const hurried = await blown("hurried", { ...short, lives: 4, rounds: 3, sweeps: true }, seed, true);
    expect(hurried.faults).toEqual(expect.arrayContaining([expect.stringContaining(", and it was ")]));
    proven({ part: "storms", seed, controls: { found: 3, of: 3 } });
  },
);
