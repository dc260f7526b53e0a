import { setTimeout as delay } from "node:timers/promises";
import { afterEach, test } from "vitest";
import { Dice } from "../support/dice.ts";
import { proven } from "../support/proof.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { keptTimes, startSoaked, type Soaked } from "../support/soak/engine.ts";
import { SoakLoad } from "../support/soak/load.ts";
import { mega, type Sample, trendOf, verdictOn, type Verdict } from "../support/soak/trend.ts";

/**
 * Mixed load on plain workerd beside thousands that wait: memory is flat, an action costs its rows and no more, and all that was
 * acknowledged is there. `HOLDPOINT_SOAK_MINUTES` says how long, `HOLDPOINT_SOAK_PENDING` beside how many.
 */

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_000);
const minutes = Number(process.env["HOLDPOINT_SOAK_MINUTES"] ?? 1);
const pending = Number(process.env["HOLDPOINT_SOAK_PENDING"] ?? 100);
/** The control needs no longer than it takes to see a leak. */
const controlMinutes = Math.min(minutes, 3);
/** What the making of ten thousand has left free in the process would take in all that the control keeps. */
const few = Math.min(pending, 400);
/** It takes its time, so that it is only made where somebody says how much. */
const isUnasked = process.env["HOLDPOINT_SOAK_MINUTES"] === undefined;
const minuteMs = 60_000;
/** Something begins so often. */
const everyMs = 100;
/** Ten seconds apart, or closer where the soak is short. */
const sampleMs = (long: number): number => Math.min(10_000, (long * minuteMs) / 40);

const open: { end: () => Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ end }) => end()));
});

type Soak = {
  readonly verdict: Verdict;
  readonly samples: readonly Sample[];
  readonly load: SoakLoad;
  readonly engine: Soaked;
  readonly receiver: Receiver;
};

async function soaked(leaks: boolean, long: number, waiting: number): Promise<Soak> {
  const engine = await startSoaked({ leaks });
  const receiver = await startReceiver();
  open.push(engine, { end: () => receiver.close() });
  const { secret } = await engine.cast.operator.post<{ secret: string }>("/v1/webhooks", {
    url: receiver.url,
  });
  receiver.setSecrets(secret);
  const load = new SoakLoad(engine.cast, new Dice(seed));
  await load.prepare();
  await load.pending(waiting, (made) => console.log(`soak: ${made} of ${waiting} wait`));
  const started = performance.now();
  const done = load.run(everyMs, long * minuteMs).then(() => true);
  const samples: Sample[] = [];
  for (let over = false; !over; over = await Promise.race([done, delay(sampleMs(long), false)])) {
    const { calls, finished, sent } = load;
    const at = (performance.now() - started) / 1_000;
    samples.push({ at, ...engine.look(), calls, finished, sent });
  }
  return { verdict: verdictOn(samples), samples, load, engine, receiver };
}

function told({ verdict, samples, load }: Soak, what: string): void {
  const { grown, allowed, rows } = verdict;
  const step = Math.max(1, Math.floor(samples.length / 20));
  const some = samples.filter((_, nth) => nth % step === 0).map(({ memory }) => mega(memory));
  console.log(
    `${what}: ${load.finished} lives, ${load.calls} calls; grew by ${mega(grown)}, allowed ${mega(allowed)}`,
  );
  console.log(`memory: ${some.join(", ")}`);
  console.log(`disk for each action: ${rows.map((bytes) => bytes.toFixed(0)).join(", then ")}`);
  console.log(`files: ${samples[0]?.files} to ${samples.at(-1)?.files}`);
}

test.skipIf(isUnasked)(
  `${minutes} minutes of mixed load beside ${pending} that wait leave memory flat, and lose nothing`,
  { timeout: (2 * minutes + 10) * minuteMs + pending * 200 },
  async ({ expect }) => {
    const soak = await soaked(false, minutes, pending);
    const { verdict, load, engine, receiver, samples } = soak;
    told(
      soak,
      `soak: HOLDPOINT_SEED=${seed} HOLDPOINT_SOAK_MINUTES=${minutes} HOLDPOINT_SOAK_PENDING=${pending}`,
    );
    expect(load.faults.slice(0, 5)).toEqual([]);
    expect((await load.lost()).slice(0, 5)).toEqual([]);
    // Nothing is left in an outbox: each that was asked for was told of, to whatever end it came.
    await receiver.until(({ processed }) => {
      const heard = new Map<string, number>();
      for (const { verified } of processed) {
        const { id, seq } = verified?.data ?? {};
        heard.set(String(id), Math.max(Number(seq), heard.get(String(id)) ?? 0));
      }
      return [...load.acked].every(([id, { seq }]) => (heard.get(id) ?? 0) >= seq);
    }, 5 * minuteMs);
    // workerd says so itself where a busy machine has kept an alarm waiting.
    const said = engine.errors().split("\n");
    expect(said.filter((line) => line !== "" && !line.includes("warning: NOSENTRY"))).toEqual([]);
    expect(verdict.faults).toEqual([]);
    const [first, last] = [samples[0]!, samples.at(-1)!];
    const notes =
      `${pending} pending, ${load.finished} lives and ${load.calls} calls in ${minutes} minutes; memory ${mega(first.memory)} to ` +
      `${mega(last.memory)}, trend ${mega(verdict.grown)} where ${mega(verdict.allowed)} is noise; ` +
      `${verdict.rows.map((bytes) => Math.round(bytes)).join(" then ")} bytes on disk an action`;
    proven({ part: "soak", trials: minutes, seed, notes });
  },
);

test.skipIf(isUnasked)(
  "the control, an engine that keeps every body, is seen to grow",
  { timeout: (4 * controlMinutes + 10) * minuteMs + 2 * few * 200 },
  async ({ expect }) => {
    const soak = await soaked(true, controlMinutes, few);
    told(soak, "the control");
    expect(soak.verdict.faults).toContainEqual(expect.stringContaining("memory grew by"));
    // By as much as it keeps, and not as an engine does that has just been started.
    const { slope, seconds, warm } = trendOf(soak.samples);
    const young = trendOf((await soaked(false, controlMinutes, few)).samples);
    const kept = (soak.samples.at(-1)!.sent - warm[0]!.sent) * keptTimes;
    console.log(
      `it keeps ${mega(kept)}, and grew by ${mega((slope - young.slope) * seconds)} more than the engine as it is`,
    );
    expect((slope - young.slope) * seconds).toBeGreaterThan(kept / 2);
    proven({ part: "soak", seed, controls: { found: 1, of: 1 } });
  },
);
