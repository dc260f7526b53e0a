import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { ActionChanged } from "../../schemas/message.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import { copiesOf, copiesTo } from "../../workers/evidence-copies.ts";
import { consumeEvents } from "../../workers/queue.ts";
import { Dice } from "../support/dice.ts";
import { classesOf } from "./clocked-lives.ts";
import { day } from "./erasing.ts";
import { objects, rowsOf } from "./lived.ts";
import { limitOf, MovedClock, toleranceMs, type Driven, type Life, type Without } from "./moved-clock.ts";

/**
 * Actions with lives of their own, under a clock that is moved through some two years: everything that is due goes in time, nothing
 * goes early, and what is held stays. `HOLDPOINT_CLOCKED_LIVES` says how many there are, `HOLDPOINT_SEED` which.
 */

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_000);
const count = Number(process.env["HOLDPOINT_CLOCKED_LIVES"] ?? 30);
const controls = 8;

beforeEach(() => {
  // Ahead of the real clock, so that no alarm goes off but when it is driven.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * day });
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  const answer = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  vi.spyOn(queue, "send").mockImplementation(async (message) => {
    await consumeEvents([v.parse(ActionChanged, message)], env);
    return answer;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function driven(name: string, lives: number, without: Without = null): Promise<Driven> {
  const workspace = `${name}-${seed}`;
  await env.REGISTRY.getByName("engine/registry").ensureWorkspace(workspace, Date.now());
  return new MovedClock(workspace, new Dice(seed), without).drive(lives);
}

/** What the engine says of when each class went, against when it was to. @returns how late each went, in ms; faults are added. */
function heard(lives: readonly Life[], faults: string[]): Record<RetentionClass, number[]> {
  const late: Record<RetentionClass, number[]> = { ephemeral: [], operational: [], compliance: [] };
  for (const life of lives) {
    for (const name of classesOf(life)) {
      const at = life.goneAt.get(name);
      const wait = at === undefined ? Infinity : at - limitOf(life, name);
      late[name].push(wait);
      if (wait < 0) faults.push(`${life.id}: ${name} went ${-wait} ms early`);
      if (wait > toleranceMs[name]) faults.push(`${life.id}: ${name} went ${wait} ms late`);
    }
  }
  return late;
}

test(
  `of ${count} actions everything due goes in time and nothing early, and what is held stays`,
  { timeout: 120_000 + count * 3_000 },
  async ({ expect }) => {
    const workspace = `clock-${seed}`;
    const { lives, faults: seen, sums } = await driven("clock", count);
    const faults = [...seen];
    const late = heard(lives, faults);
    const worst = retentionClasses.map((name) => {
      const inTime = late[name].filter((ms) => ms >= 0 && ms <= toleranceMs[name]).length;
      return [name, `${inTime} of ${late[name].length} in time, the last ${Math.max(...late[name])} ms late`];
    });
    console.log(`moved clock: HOLDPOINT_SEED=${seed} HOLDPOINT_CLOCKED_LIVES=${count}`, {
      ...sums,
      ...Object.fromEntries(worst),
    });
    expect(lives).toHaveLength(count);
    expect(faults.slice(0, 5), `${faults.length} faults with HOLDPOINT_SEED=${seed}`).toEqual([]);

    // One line for each class that went, and nothing of anybody in any row or copy.
    const { ledger, board } = objects(workspace);
    const classes = lives.reduce((sum, life) => sum + classesOf(life).length, 0);
    expect(await ledger.count("erased")).toBe(classes);
    expect((await board.list({ limit: 100 })).items).toEqual([]);
    expect((await copiesTo(env)?.list({ prefix: copiesOf(workspace) }))?.objects).toEqual([]);
    for (const stub of [board, ledger, ...lives.map((life) => life.stub)]) {
      expect(await rowsOf(stub)).not.toContain("mark-");
    }
  },
);

describe("the control", () => {
  test("without alarms and without the sweep finds every value there after its time", async ({ expect }) => {
    const { lives, faults } = await driven("clock-still", controls, "alarms and sweep");
    expect(lives).toHaveLength(controls);
    for (const { id, mark } of lives) {
      const own = faults.filter((fault) => fault.startsWith(id));
      for (const part of [
        id,
        ...["context", "reason", "more", "migration"].map((word) => `${mark}-${word}`),
      ]) {
        expect(own).toContainEqual(expect.stringContaining(`: ${part} (`));
      }
    }
  });

  test("without holds finds what was to be held gone", async ({ expect }) => {
    const { lives, faults } = await driven("clock-unheld", controls, "holds");
    const bitten = lives.filter((life) => limitOf(life, "operational") > life.dueAt.operational + day);
    for (const { mark } of bitten) {
      expect(faults).toContainEqual(
        expect.stringMatching(new RegExp(`${mark}-reason .*although it is held`, "u")),
      );
    }
    expect(bitten.length).toBeGreaterThan(0);
  });
});
