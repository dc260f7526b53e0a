import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type Build, buildWithPoints, mistakes } from "../support/crash/build.ts";
import { crashAt, judged, openStage, reachedBy } from "../support/crash/campaign.ts";
import { faultsOf } from "../support/crash/judge.ts";
import { type Life, lives, type Stage } from "../support/crash/lives.ts";
import { nameOf, type Point } from "../support/crash/points.ts";
import { Dice } from "../support/dice.ts";
import { proven } from "../support/proof.ts";

/**
 * I11, P17: in a test build every `await` of the objects and the Worker has a number before it and one after it. Whole lives are lived
 * on an engine that is killed the moment it comes to one of them, by clients that send again what was not answered.
 * `HOLDPOINT_CRASH_POINTS` says at how many of the points that the lives come to: `all`, which more than a hundred means as well, or
 * so many. `HOLDPOINT_SEED` says which.
 */
const wanted = process.env["HOLDPOINT_CRASH_POINTS"] ?? "4";
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Engines that are killed beside each other: much of the time is waiting for what a dead one has held. */
const isAll = wanted === "all" || Number(wanted) > 100;
const lanes = isAll ? 2 : 1;
/** A place that depends on who comes first is not come to each time. */
const tries = 4;

const folder = mkdtempSync(join(tmpdir(), "holdpoint-points-"));
let build: Build;

beforeAll(async () => {
  build = await buildWithPoints(join(folder, "build"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pointOf = (n: number): Point => {
  const point = build.points[n];
  if (point === undefined) throw new Error(`there is no point ${n}`);
  return point;
};

const dice = new Dice(seed);
const names = Object.keys(lives);
/** A few points are of one life, because each has to be lived once to see what it comes to. */
const lived = isAll ? names : [dice.pick(names)];

/** All of them, in an order that is the seed's. */
function shuffled(reached: readonly number[]): number[] {
  const left = reached.toSorted((a, b) => a - b);
  return reached.map(() => left.splice(dice.below(left.length), 1)[0] ?? 0);
}

/** A point, and a life that comes to it. */
type Target = [n: number, life: string];

const lifeOf = (name: string): Life => {
  const life = lives[name];
  if (life === undefined) throw new Error(`there is no life ${name}`);
  return life;
};

/** Crashes at each until there are `enough`. @returns those that were not come to */
async function crashAll(stage: Stage, points: Iterable<Target>, enough: () => boolean): Promise<Target[]> {
  const missed: Target[] = [];
  for (const [n, name] of points) {
    let crashed = false;
    for (let attempt = 0; attempt < tries && !crashed; attempt += 1) {
      crashed = await crashAt(stage, n, lifeOf(name), attempt % 2 === 1);
    }
    if (!crashed) missed.push([n, name]);
    if (enough()) break;
  }
  return missed;
}

/**
 * Crashes at what only the first life on new data comes to, such as the making of the key that signs grants: each on data of its own.
 * @returns the points that were not come to there either
 */
async function crashAnew(points: Iterable<Target>, judge: (stage: Stage) => Promise<void>): Promise<Point[]> {
  const missed: Point[] = [];
  for (const [n, name] of points) {
    const { stage, close } = await openStage(build);
    try {
      if (!(await crashAt(stage, n, lifeOf(name), false))) missed.push(pointOf(n));
      await judge(stage);
    } finally {
      await close();
    }
  }
  return missed;
}

/** A vote is acknowledged, and the engine dies at the very next thing that it is asked. */
async function votedAndCrashed(stage: Stage): Promise<void> {
  const { demo, bob, auditor } = stage.cast;
  const action = await stage.command("create", (key) => demo.asks({ type: "crash.run" }, { key }));
  await stage.command("vote", (key) => bob.approves(action, { key }));
  stage.expected.push({ id: action.id, log: ["requested", "voted"], cards: 0 });
  const door = build.points.find(({ what }) => what.startsWith("await router.fetch("));
  await stage.engine.arm(door?.n ?? -1);
  await stage.reads(auditor, `/v1/actions/${action.id}`);
  await stage.engine.crashed;
}

describe(`a crash at ${wanted} of the points before and after each await that lives come to`, () => {
  test(
    "loses nothing that was acknowledged, does nothing twice, tells everybody, and leaves evidence that verifies",
    { timeout: 3_600_000 },
    async ({ expect }) => {
      console.log(`crash points: ${wanted}, HOLDPOINT_SEED=${seed}`);
      const began = performance.now();
      const first = await openStage(build);
      const some = Object.fromEntries(Object.entries(lives).filter(([name]) => lived.includes(name)));
      const reached = await reachedBy(first.stage, some);
      const order = shuffled([...reached.keys()]).map((n): Target => [n, reached.get(n) ?? ""]);
      const more = await Promise.all(Array.from({ length: lanes - 1 }, () => openStage(build)));
      const stages = [first, ...more];
      try {
        await votedAndCrashed(first.stage);
        const queue = order.values();
        const total = (): number => stages.reduce((sum, { stage }) => sum + stage.engine.crashes.length, 0);
        const before = total();
        const enough = (): boolean => !isAll && total() - before >= Number(wanted);
        const firstOnly = (
          await Promise.all(stages.map(({ stage }) => crashAll(stage, queue, enough)))
        ).flat();
        for (const { stage } of stages) expect(await judged(stage)).toEqual([]);
        // Of some points it is left to chance whether they are come to; of all of them it is not.
        const missed = await crashAnew(isAll ? firstOnly : [], async (stage) => {
          expect(await judged(stage)).toEqual([]);
        });
        const crashes = total() - before + (isAll ? firstOnly.length - missed.length : 0);
        const repeats = stages.reduce((sum, { stage }) => sum + stage.engine.repeats, 0);
        const acks = stages.reduce((sum, { stage }) => sum + stage.acks.length, 0);
        const notes =
          `${build.points.length} points, ${reached.size} of them in ${lived.join(", ")}, ${firstOnly.length} of those not come to again by later lives, ` +
          `${acks} commands acknowledged, ${repeats} calls sent again`;
        console.log(
          `crash points: ${crashes} crashes; ${notes}; ${Math.round((performance.now() - began) / 1_000)} s`,
        );
        if (missed.length > 0) console.log(missed.map(nameOf).join("\n"));
        if (isAll) expect([crashes, missed.map(nameOf)]).toEqual([order.length, []]);
        proven({ part: "crash-points", trials: crashes, seed, notes });
      } finally {
        for (const { close } of stages) await close();
      }
    },
  );
});

describe("the judge finds", () => {
  test("an answer that is sent before it is written, which that of the product is not", async ({
    expect,
  }) => {
    const broken = await buildWithPoints(join(folder, "broken"), mistakes.answersFirst);
    const { stage, close } = await openStage(broken);
    try {
      await votedAndCrashed(stage);
      expect(await faultsOf(stage)).toContainEqual(expect.stringContaining("vote act_"));
      proven({ part: "crash-points", controls: { found: 1, of: 1 } });
    } finally {
      await close();
    }
  });
});
