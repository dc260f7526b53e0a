import { describe, test } from "vitest";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { replay } from "../../core/policy/replay.ts";
import { joined } from "../../core/policy/tally.ts";
import type { Recorded } from "../../schemas/replay.ts";
import {
  actionsOf,
  changedFrom,
  directoryNow,
  outcomeOf,
  policyOf,
  randomFrom,
  worldFrom,
} from "../support/recorded.ts";
const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20261123);

/** Ids of what comes out differently, by the oracle. */
const changedBy = (candidate: Parameters<typeof outcomeOf>[0], actions: ReturnType<typeof actionsOf>) =>
  actions
    .filter(({ facts, was }) => outcomeOf(candidate, facts) !== was)
    .map(({ recorded: { id }, facts, was }) => ({ id, was, would: outcomeOf(candidate, facts) }));

const named = (found: ReturnType<typeof replay>) =>
  found.changed.map(({ id, was, would }) => ({ id, was: was.outcome, would: would.outcome }));

describe(`a replay (seed ${seed})`, () => {
  test("of 10,000 recorded actions names exactly the outcomes that a brute force finds changed", ({
    expect,
  }) => {
    const random = randomFrom(seed);
    const world = worldFrom(random, 12);
    const actions = actionsOf(random, world, 10_000);
    const recorded = actions.map((one) => one.recorded);
    // Nothing changes under the policy they were made under.
    expect(named(replay(policyOf(world), directoryNow, recorded, judge))).toEqual([]);
    let all = 0;
    for (let round = 0; round < 5; round += 1) {
      const candidate = changedFrom(random, world);
      const found = replay(policyOf(candidate), directoryNow, recorded, judge);
      const expected = changedBy(candidate, actions);
      expect(named(found)).toEqual(expected);
      expect(found.replayed).toBe(10_000);
      const differing = found.counts.filter(({ was, would }) => was !== would);
      expect(differing.reduce((sum, { count }) => sum + count, 0)).toBe(expected.length);
      expect(found.counts.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
      all += expected.length;
    }
    console.log(`seed ${seed}: ${all} changed outcomes of 50,000, every one named`);
    expect(all).toBeGreaterThan(1_000);
  });

  test("is wrong as soon as the agent or the sums of then are left out, so the comparison sees that", ({
    expect,
  }) => {
    const random = randomFrom(seed + 1);
    const world = worldFrom(random, 4);
    const actions = actionsOf(random, world, 400);
    const candidate = changedFrom(random, world);
    const expected = changedBy(candidate, actions);
    const without = (part: Partial<Recorded>) =>
      named(
        replay(
          policyOf(candidate),
          directoryNow,
          actions.map(({ recorded }) => ({ ...recorded, ...part })),
          judge,
        ),
      );
    expect(without({})).toEqual(expected);
    expect(without({ agent: null })).not.toEqual(expected);
    expect(without({ sums: {} })).not.toEqual(expected);
  });

  test("in pages comes to the same as in one", ({ expect }) => {
    const random = randomFrom(seed + 2);
    const world = worldFrom(random, 4);
    const recorded = actionsOf(random, world, 250).map((one) => one.recorded);
    const candidate = policyOf(changedFrom(random, world));
    const whole = replay(candidate, directoryNow, recorded, judge);
    const pages = [recorded.slice(0, 100), recorded.slice(100, 101), [], recorded.slice(101)]
      .map((page) => replay(candidate, directoryNow, page, judge))
      .reduce(joined);
    expect({ ...pages, counts: new Set(pages.counts.map((one) => JSON.stringify(one))) }).toEqual({
      ...whole,
      counts: new Set(whole.counts.map((one) => JSON.stringify(one))),
    });
  });

  test("counts what is not kept any more and what a kill switch refused, and judges neither", ({
    expect,
  }) => {
    const random = randomFrom(seed + 3);
    const world = worldFrom(random, 1);
    const [first, second] = actionsOf(random, world, 2).map((one) => one.recorded);
    const stopped: Recorded = {
      ...second!,
      decision: { outcome: "deny", because: "everything is stopped", stoppedBy: "*" },
    };
    const nothing = { ...policyOf(world), contracts: [] };
    const found = replay(nothing, directoryNow, [null, first!, stopped], judge);
    expect(found).toMatchObject({ replayed: 1, notReplayable: 1, stopped: 1 });
    expect(found.changed).toMatchObject([
      {
        id: first!.id,
        would: { outcome: "refuse", because: `the policy has no action type ${first!.type}` },
      },
    ]);
  });

  test("judges at the guardrail's level of then, and a shadowed action by what happened to it", ({
    expect,
  }) => {
    const random = randomFrom(seed + 4);
    const world = worldFrom(random, 1);
    const [shape] = world.shapes;
    const quiet = { ...world, shapes: [{ ...shape!, deny: 1_000, total: 10_000, allow: 0, most: 1_000 }] };
    const [action] = actionsOf(random, quiet, 1).map((one) => one.recorded);
    const policy = policyOf(quiet);
    const guarded = policyOf(quiet);
    guarded.contracts[0]!.guardrail = {
      floor: "allow",
      ceiling: "deny",
      start: "rule",
      coolOff: "7d",
      cleanRuns: 100,
      harmPerThousand: 50,
    };
    const measured: Recorded = { ...action!, decision: { outcome: "gate", because: "rule" } };
    const sums = { "sum(args.amount) by agent over 86400000ms": "1" };
    const at = (level: Recorded["level"]) =>
      named(replay(guarded, directoryNow, [{ ...measured, sums, level }], judge))[0]?.would ?? "gate";
    expect([at("allow"), at(null), at("deny")]).toEqual(["allow", "gate", "deny"]);
    const shadowed: Recorded = {
      ...measured,
      sums,
      decision: {
        outcome: "allow",
        because: "shadow",
        mode: "shadow",
        would: { outcome: "gate", because: "rule" },
      },
    };
    expect(named(replay(policy, directoryNow, [shadowed], judge))).toEqual([
      { id: action!.id, was: "allow", would: "gate" },
    ]);
  });
});
