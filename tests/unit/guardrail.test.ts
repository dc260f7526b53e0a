import * as fc from "fast-check";
import { describe, test } from "vitest";
import { agreed, isIncident, learn, refused, type Learnt } from "../../core/guardrail/learn.ts";
import { compareLevels, guardrailFaults, initialGuardrail, levelWithin } from "../../core/guardrail/level.ts";
import {
  levels,
  signalKinds,
  type Guardrail,
  type GuardrailState,
  type Signal,
} from "../../schemas/guardrail.ts";

const dayMs = 24 * 60 * 60_000;
const start = Date.parse("2026-01-01T00:00:00Z");
const guardrail: Guardrail = {
  floor: "allow",
  ceiling: "deny",
  start: "rule",
  coolOff: "7d",
  cleanRuns: 100,
  harmPerThousand: 50,
};

type Learner = (guardrail: Guardrail, state: GuardrailState, signal: Signal, now: number) => Learnt;

/** What people may do between two signals; they are the only ones that loosen. */
type Turn = { kind: Signal["kind"]; afterMs: number; people: "agree" | "refuse" | "wait" };

const bounds = fc
  .tuple(fc.nat(levels.length - 1), fc.nat(levels.length - 1), fc.nat(levels.length - 1))
  .map((picks) => picks.toSorted((a, b) => a - b).map((pick) => levels[pick]!));
const settings: fc.Arbitrary<Guardrail> = fc
  .record({
    bounds,
    coolOff: fc.constantFrom("1h", "1d", "7d"),
    cleanRuns: fc.integer({ min: 10, max: 40 }),
    harmPerThousand: fc.integer({ min: 50, max: 500 }),
  })
  .map(({ bounds: [floor, begin, ceiling], ...rest }) => ({
    floor: floor!,
    start: begin!,
    ceiling: ceiling!,
    ...rest,
  }));
const turns: fc.Arbitrary<Turn[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 12, arbitrary: fc.constant("clean" as const) },
      { weight: 1, arbitrary: fc.constantFrom(...signalKinds) },
    ),
    afterMs: fc.oneof(fc.nat(3 * 60 * 60_000), fc.nat(3 * dayMs)),
    people: fc.constantFrom("agree", "refuse", "wait", "wait"),
  }),
  { minLength: 200, maxLength: 400 },
);

/** Plays one history and names the first rule that it breaks; counts what happened, so that a test shows it saw something. */
function play(
  learner: Learner,
  rules: Guardrail,
  history: readonly Turn[],
  seen: Map<string, number>,
): string | null {
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  let state = initialGuardrail(rules);
  let now = start;
  let tightened = -Infinity;
  for (const [index, { kind, afterMs, people }] of history.entries()) {
    now += afterMs;
    const before = state;
    const learnt = learner(rules, before, { kind, action: `act_${index}`, at: now }, now);
    state = learnt.state;
    const step = compareLevels(state.level, before.level);
    if (step < 0) return "loosened by itself";
    if (step > 1) return "tightened by more than one step";
    if (step !== 0 && now - tightened < dayMs) return "moved twice in a day";
    if ((step === 0) !== (learnt.change === null)) return "a move and its event do not go together";
    const room = before.level !== rules.ceiling;
    const free = now - tightened >= dayMs;
    if (isIncident({ kind }) && room && free && step !== 1) return "an incident did not tighten at once";
    if (isIncident({ kind }) && state.proposed !== null) return "a proposal outlived an incident";
    if (levelWithin(state.level, rules) !== state.level) return "left its bounds";
    if (step > 0) {
      count("tightened");
      const justLoosened = before.changedAt !== null && now - before.changedAt < dayMs;
      if (justLoosened) count("tightened what people had just loosened");
      tightened = now;
    }
    if (learnt.proposal !== null) {
      count("proposed");
      const { to, evidence } = learnt.proposal;
      const isNext = levelWithin(to, rules) === to && compareLevels(to, state.level) === -1;
      if (!isNext) return "proposed out of bounds";
      if (evidence.tally.clean < rules.cleanRuns) return "proposed without the runs for it";
      if (evidence.harm.high * 1_000 > rules.harmPerThousand) return "proposed against its own figures";
      if (before.coolUntil !== null && now < before.coolUntil) return "proposed while it cooled off";
    }
    if (state.proposed !== null && people === "agree") {
      count("agreed");
      state = agreed(state, state.proposed.level, `act_${index}`, now).state;
    } else if (state.proposed !== null && people === "refuse") {
      count("refused");
      state = refused(state);
    }
  }
  return null;
}

describe("over generated histories", () => {
  const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

  test("no step of its own loosens, an incident tightens at once, and a day sees one change", ({
    expect,
  }) => {
    console.log(`guardrail histories: seed ${seed}`);
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(settings, turns, (rules, history) => {
        expect(play(learn, rules, history, seen)).toBeNull();
      }),
      { numRuns: 1_000, seed },
    );
    console.log("guardrail histories:", Object.fromEntries(seen));
    // Histories in which nothing happens would prove nothing.
    for (const what of ["tightened", "proposed", "agreed", "refused"]) {
      expect(seen.get(what)).toBeGreaterThan(50);
    }
    expect(seen.get("tightened what people had just loosened")).toBeGreaterThan(0);
  });

  const broken: Record<string, { learner: Learner; finds: string }> = {
    "one that takes its own proposals": {
      learner: (rules, state, signal, now) => {
        const learnt = learn(rules, state, signal, now);
        return learnt.proposal === null
          ? learnt
          : agreed(learnt.state, learnt.proposal.to, signal.action, now);
      },
      finds: "loosened by itself",
    },
    "one without a day between changes": {
      learner: (rules, state, signal, now) => learn(rules, { ...state, tightenedAt: null }, signal, now),
      finds: "moved twice in a day",
    },
    "one that waits for a second incident": {
      learner: (rules, state, signal, now) =>
        isIncident(signal) && state.tally.incidents === 0
          ? { state: { ...state, tally: { ...state.tally, incidents: 1 } }, change: null, proposal: null }
          : learn(rules, state, signal, now),
      finds: "an incident did not tighten at once",
    },
    "one that does not cool off": {
      learner: (rules, state, signal, now) => {
        const learnt = learn(rules, { ...state, coolUntil: null }, signal, now);
        return {
          ...learnt,
          state: { ...learnt.state, coolUntil: learnt.state.coolUntil ?? state.coolUntil },
        };
      },
      finds: "proposed while it cooled off",
    },
    "one that forgets its ceiling": {
      learner: (rules, state, signal, now) => learn({ ...rules, ceiling: "deny" }, state, signal, now),
      finds: "left its bounds",
    },
  };
  test.for(Object.keys(broken))("%s is found", (name, { expect }) => {
    const { learner, finds } = broken[name]!;
    const found = new Set<string>();
    for (const [rules, history] of fc.sample(fc.tuple(settings, turns), { numRuns: 300, seed })) {
      const fault = play(learner, rules, history, new Map());
      if (fault !== null) found.add(fault);
    }
    expect([...found]).toContain(finds);
  });
});

describe("good and bad news in turn", () => {
  test("move a level once a day and never back", ({ expect }) => {
    let state = initialGuardrail(guardrail);
    const moves: number[] = [];
    for (let hour = 0; hour < 24 * 30; hour++) {
      const kind = hour % 2 === 0 ? "harm" : "clean";
      const now = start + hour * 60 * 60_000;
      const { change, state: after } = learn(guardrail, state, { kind, action: "act_x", at: now }, now);
      if (change !== null) moves.push(now);
      expect(compareLevels(after.level, state.level)).toBeGreaterThanOrEqual(0);
      state = after;
    }
    expect(state.level).toBe("deny");
    expect(moves).toEqual([start, start + dayMs]);
  });
});

describe("bounds", () => {
  test("that cross, or leave the start outside, cannot be published", ({ expect }) => {
    expect(guardrailFaults({ ...guardrail, floor: "deny", ceiling: "one" }, false)).toEqual([
      { pointer: "/floor", detail: "is tighter than the ceiling, one" },
    ]);
    expect(guardrailFaults({ ...guardrail, ceiling: "one" }, false)).toEqual([
      { pointer: "/start", detail: "is rule, which is not between allow and one" },
    ]);
  });

  test("never let a critical contract below its rule", ({ expect }) => {
    expect(guardrailFaults(guardrail, true)).toEqual([
      { pointer: "/floor", detail: "must be rule or tighter for risk critical" },
    ]);
    expect(guardrailFaults({ ...guardrail, floor: "rule" }, true)).toEqual([]);
  });
});
