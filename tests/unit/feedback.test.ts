import { describe, test } from "vitest";
import { signalAfter } from "../../core/guardrail/signal.ts";
import { timingsOf } from "../../core/timings.ts";
import { wasClaimedAt } from "../../core/claimed.ts";
import type { FeedbackLabel } from "../../schemas/feedback.ts";
import { limits } from "../../schemas/limits.ts";
import type { Detail, State } from "../../schemas/action.ts";
import type { Event } from "../../schemas/event.ts";
import type { ActionSignal } from "../../schemas/stored.ts";
import { cast, contractOf, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

const guardrail = { floor: "allow", ceiling: "deny" } as const;
const say = (
  play: Play,
  label: FeedbackLabel,
  actor: (typeof cast)[keyof typeof cast] = cast.dave,
): ReturnType<Play["do"]> => play.do({ type: "feedback", actor, label, incident: null, note: null });

function ran(contract = contractOf({ guardrail })): Play {
  const play = new Play(payloadOf(contract)).request();
  play.vote(cast.alice, "approve");
  play.claim();
  play.report();
  return play;
}

describe("what is said of an action", () => {
  test("counts once a person and label, and is refused once its log holds as much as is kept", ({
    expect,
  }) => {
    const play = ran();
    for (let count = 0; count < limits.feedback - 1; count += 1) expect(say(play, "harm").refusal).toBeNull();
    expect(say(play, "harm", cast.alice).refusal).toBeNull();
    expect(play.state.feedback?.said).toEqual([
      { by: cast.dave.id, label: "harm" },
      { by: cast.alice.id, label: "harm" },
    ]);
    const before = play.state;
    expect(say(play, "needless_gate").refusal).toMatchObject({ code: "conflict" });
    expect(play.state).toBe(before);
  });

  test("is carried to the figures by its labels alone", ({ expect }) => {
    const play = ran();
    expect(timingsOf(play.payload, play.state).labels).toBeUndefined();
    say(play, "harm");
    say(play, "needless_gate");
    say(play, "harm", cast.alice);
    expect(timingsOf(play.payload, play.state).labels).toEqual(["harm", "needless_gate"]);
  });
});

describe("what a guardrail learns of an action", () => {
  test("is kept where the contract has a guardrail, and nowhere else", ({ expect }) => {
    const [guarded, plain] = [ran(), ran(contractOf({}))];
    say(guarded, "harm");
    say(plain, "harm");
    expect(guarded.state.signals?.map(({ kind }) => kind)).toEqual(["clean", "harm"]);
    expect(plain.state.signals).toBeUndefined();
  });

  test("is one incident, however often and by however many it is said", ({ expect }) => {
    const play = ran(contractOf({ guardrail, rollback: {} }));
    say(play, "harm");
    say(play, "harm", cast.alice);
    say(play, "missed_gate", cast.bob);
    play.rollback();
    play.claim();
    play.report();
    expect(play.state.state).toBe("rolled_back");
    expect(play.state.signals?.map(({ kind }) => kind)).toEqual(["clean", "harm"]);
  });

  const event = (type: "executed" | "failed" | "rolled_back", detail: Detail | null): Event => {
    const state: State = type;
    const data = {
      lease: "l",
      fence: 1,
      effect: "none",
      evidence: null,
      startupMs: null,
      reported: true,
      late: false,
    } as const;
    return { seq: 7, at: 9, type, state, detail, actor: cast.demo, reason: null, data };
  };
  const told = (before: ActionSignal[], next: Event): string | null =>
    signalAfter(before, next)?.kind ?? null;

  test("says nothing of a failure without effect, and much of one that left something or nobody knows", ({
    expect,
  }) => {
    expect(told([], event("failed", "none"))).toBeNull();
    expect(told([], event("failed", "partial"))).toBe("unclearFailure");
    expect(told([], event("failed", "unknown"))).toBe("unclearFailure");
    expect(told([], event("rolled_back", null))).toBe("rolledBack");
    expect(told([{ kind: "unclearFailure", seq: 5, at: 1 }], event("executed", null))).toBeNull();
    expect(told([], event("executed", null))).toBe("clean");
  });

  test("needs no run: a word on what still waits is heard", ({ expect }) => {
    const pending = new Play(payloadOf(contractOf({ guardrail }))).request();
    say(pending, "missed_gate");
    expect(pending.state.signals).toEqual([{ kind: "missedGate", seq: 2, at: pending.state.at }]);
  });
});

describe("an effect was under a claim", () => {
  const at = (minutes: number): string => new Date(minutes * 60_000).toISOString();
  const log = [
    { type: "requested", at: at(0) },
    { type: "claimed", at: at(10) },
    { type: "lease_lost", at: at(20) },
    { type: "claimed", at: at(30) },
    { type: "executed", at: at(40) },
    { type: "rollback_started", at: at(50) },
    { type: "rollback_claimed", at: at(60) },
  ];

  test.for([
    [0, false],
    [8.99, false],
    [9, true],
    [20.99, true],
    [21, false],
    [25, false],
    [29, true],
    [40.5, true],
    [41, false],
    [55, false],
    [59, true],
    [500, true],
  ] as const)("at minute %f: %s", ([minute, claimed], { expect }) => {
    expect(wasClaimedAt(log, minute * 60_000)).toBe(claimed);
  });

  test("is no without any", ({ expect }) => {
    expect(wasClaimedAt(log.slice(0, 1), 0)).toBe(false);
  });
});
