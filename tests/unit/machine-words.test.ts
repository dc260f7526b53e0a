import { describe, test } from "vitest";
import { refusals } from "../../core/machine/refusals.ts";
import type { Step } from "../../core/machine/step.ts";
import { transitions } from "../../core/machine/transitions.ts";
import { limits } from "../../schemas/limits.ts";
import type { ProblemCode } from "../../schemas/problem.ts";
import { cast, contractOf, driftedPreconditions, payloadOf, preconditions } from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";

/** What a refusal says to whoever is refused: its code, and a sentence that says why or what to do next. */

const { alice, bob, carol, dave, erin, omar, zoe, mallory, demo, other, operator } = cast;
const glass = { breakGlass: { by: [erin.id] } };
const contract = contractOf({ rollback: { window: "1m" }, ...glass });
const twice = contractOf({ idempotent: true, maxAttempts: 2 });

function played(
  moves: readonly ((play: Play) => unknown)[],
  parts: Parameters<typeof payloadOf>[1] = {},
): Play {
  const play = new Play(payloadOf(contract, parts)).request();
  for (const move of moves) move(play);
  return play;
}
const approve = (play: Play): unknown => play.vote(alice, "approve");
const claim = (play: Play): unknown => play.claim();
const report = (play: Play): unknown => play.report();
const broken = (play: Play): unknown => play.breakGlass(erin);
const pending = (): Play => played([]);
const approved = (parts: Parameters<typeof payloadOf>[1] = {}): Play => played([approve], parts);
const executed = (): Play => played([approve, claim, report]);
const retried = (): Play => {
  const play = new Play(payloadOf(twice, { preconditions })).request();
  for (const move of [approve, claim]) move(play);
  play.wait(10_000).tick();
  return play;
};

type Row = readonly [play: () => Play, tries: (play: Play) => Step, code: ProblemCode, says: string];

const rows: Readonly<Record<string, Row>> = {
  "a vote of somebody whom no seat names": [
    pending,
    (play) => play.vote(dave, "approve"),
    "not_eligible",
    "You cannot decide here: no seat of this rule names this person.",
  ],
  "a vote of a service under a person's id": [
    pending,
    (play) => play.vote({ kind: "service", id: alice.id }, "approve"),
    "not_eligible",
    "Only people decide.",
  ],
  "glass broken by somebody without the right": [
    pending,
    (play) => play.breakGlass(dave),
    "not_eligible",
    "You cannot break the glass: the policy gives you no right to.",
  ],
  "glass broken by the owner of the agent": [
    pending,
    (play) =>
      play.breakGlass(
        omar,
        {},
        { contract: { ...contract, breakGlass: { by: [omar.id], perPersonPerDay: 1 } } },
      ),
    "not_eligible",
    "You cannot break the glass: owns the agent that asks.",
  ],
  "glass that nobody may break": [
    () => new Play(payloadOf(contractOf({}))).request(),
    (play) => play.breakGlass(erin),
    "not_eligible",
    "You cannot break the glass: the policy lets nobody break it for this type.",
  ],
  "glass broken by whom the owner lends a group": [
    pending,
    (play) => {
      const loan = { from: omar.id, to: erin.id, groups: ["dba"], until: play.now + 1 };
      play.directory = { ...staff, delegations: [loan] };
      return play.breakGlass(erin);
    },
    "not_eligible",
    "You cannot break the glass: you count as one with somebody who may not decide here.",
  ],
  "glass broken by a service under a person's id": [
    pending,
    (play) => play.breakGlass({ kind: "service", id: erin.id }),
    "not_eligible",
    "Only people break the glass.",
  ],
  "glass broken over a denial": [
    () => {
      const play = new Play(payloadOf(contractOf({ deny: { denials: 2, veto: [] }, ...glass }))).request();
      play.vote(bob, "deny");
      play.contract = { ...play.payload.contract, deny: { denials: 1, veto: [] } };
      return play;
    },
    (play) => play.breakGlass(erin),
    "wrong_state",
    "Enough people have denied it by the rules of now, and no glass is broken over a denial.",
  ],
  "a review where no glass is broken": [
    approved,
    (play) => play.review(bob),
    "wrong_state",
    "Nobody has broken the glass here, so there is nothing to review.",
  ],
  "a second review": [
    () => played([broken, (play) => play.review(bob)]),
    (play) => play.review(alice),
    "wrong_state",
    "It has been reviewed already; the action says by whom.",
  ],
  "a review of one's own": [
    () => played([broken]),
    (play) => play.review(erin),
    "not_eligible",
    "You cannot review this: somebody else than who broke the glass reviews it.",
  ],
  "a review by a machine": [
    () => played([broken]),
    (play) => play.review(operator, { operator: true }),
    "not_eligible",
    "You cannot review this: only people review.",
  ],
  "a review by somebody who has left": [
    () => played([broken]),
    (play) => play.review(zoe, { operator: true }),
    "not_eligible",
    "You cannot review this: you are no active person of this workspace's directory.",
  ],
  "a review by somebody unknown": [
    () => played([broken]),
    (play) => play.review(mallory, { operator: true }),
    "not_eligible",
    "You cannot review this: you are no active person of this workspace's directory.",
  ],
  "a review by the owner of the agent": [
    () => played([broken]),
    (play) => play.review(omar, { operator: true }),
    "not_eligible",
    "You cannot review this: you asked for it, own the agent that did, or count as one with somebody who does.",
  ],
  "a review by somebody without a seat": [
    () => played([broken]),
    (play) => play.review(carol),
    "not_eligible",
    "You cannot review this: it is for those who could have voted, and operators.",
  ],
  "a claim by a person": [
    approved,
    (play) => play.claim(alice),
    "out_of_scope",
    "Only an agent claims: use an agent's key.",
  ],
  "a claim by an agent that it is not for": [
    approved,
    (play) => play.claim(other, {}, { outOfScope: "Its role classes do not cover db.migrate." }),
    "out_of_scope",
    "Its role classes do not cover db.migrate.",
  ],
  "a claim of what drifted": [
    () => approved({ preconditions }),
    (play) => play.claim(demo, { preconditions: driftedPreconditions }),
    "wrong_state",
    "What you observe is not what was approved, so it was cancelled. Ask again with the preconditions of now.",
  ],
  "a claim whose voter has left": [
    () => {
      const play = approved();
      play.directory = { ...staff, groups: {} };
      return play;
    },
    (play) => play.claim(),
    "wrong_state",
    "A voter who counted no longer does, so it was cancelled. Ask again.",
  ],
  "a claim of a type that is gone": [
    () => {
      const play = approved();
      play.contract = null;
      return play;
    },
    (play) => play.claim(),
    "wrong_state",
    "The policy in force no longer lets this run, so it was cancelled.",
  ],
  "a vote on a type that is gone": [
    () => {
      const play = pending();
      play.contract = null;
      return play;
    },
    (play) => play.vote(alice, "approve"),
    "wrong_state",
    "The policy in force no longer lets this run, so it was cancelled.",
  ],
  "glass broken for a type that is gone": [
    () => {
      const play = pending();
      play.contract = null;
      return play;
    },
    (play) => play.breakGlass(erin),
    "wrong_state",
    "The policy in force no longer lets this run, so it was cancelled.",
  ],
  "a second claim of what drifted": [
    retried,
    (play) => play.claim(demo, { preconditions: driftedPreconditions }),
    "wrong_state",
    "What you observe is not what was approved. Ask again with the preconditions of now.",
  ],
  "a level of escalation out of turn": [
    pending,
    (play) => play.do({ type: "escalate", actor: cast.engine, level: 2 }),
    "wrong_state",
    "It has escalated that far already, or no further level is named.",
  ],
  "a rollback after its window": [
    () => executed().wait(60_000),
    (play) => play.rollback(),
    "wrong_state",
    "Its rollback window is over. Ask for a new action that undoes it.",
  ],
  "a vote that comes too late": [
    approved,
    (play) => play.vote(bob, "deny"),
    "wrong_state",
    "deny came too late: the action is approved. It is approved and not yet claimed; to stop it, revoke it.",
  ],
};

describe("a refusal of", () => {
  for (const [name, [make, tries, code, says]] of Object.entries(rows)) {
    test(`${name} says: ${says}`, ({ expect }) => {
      expect(tries(make()).refusal).toEqual({ code, detail: says });
    });
  }

  test("a claim in a freeze says until when it lasts, as `until` and in words", ({ expect }) => {
    const play = approved();
    const frozen = { name: "year-end", because: "quiet days", until: play.now + 86_400_000 };
    expect(play.claim(demo, {}, { frozen }).refusal).toEqual({
      code: "frozen",
      detail:
        "Nothing of its kind starts during the freeze year-end: quiet days. Claim it after its end, if its approval lasts as long.",
      until: "2026-01-02T12:00:00.000Z",
    });
    // A freeze delays nothing that has been stopped, and no emergency.
    const stopped = approved();
    stopped.contract = { ...contract, mode: "disabled" };
    expect(stopped.claim(demo, {}, { frozen }).state).toMatchObject({ state: "cancelled", detail: "policy" });
    expect(played([broken]).claim(demo, {}, { frozen }).refusal).toBeNull();
  });

  test("a field points at it, with what is wrong with it", ({ expect }) => {
    const denial = pending().vote(alice, "deny", { reason: null }).refusal;
    const detail = "Say why, in `reason`: the agent mends its request by it.";
    expect(denial).toEqual({ code: "reason_required", detail, errors: [{ pointer: "/reason", detail }] });
  });

  test("a word on the action is for people of the directory and services", ({ expect }) => {
    const say = (actor: (typeof cast)[keyof typeof cast], play = pending()) =>
      play.do({ type: "feedback", actor, label: "harm", incident: null, note: null }).refusal?.code ?? null;
    expect([dave, operator].map((who) => say(who))).toEqual([null, null]);
    expect([zoe, mallory, demo, cast.engine].map((who) => say(who))).toEqual(
      Array.from({ length: 4 }, () => "forbidden"),
    );
  });

  test("broken glass that is not accounted for asks for reason and incident", ({ expect }) => {
    const enough = "x".repeat(20);
    const attempt = (reason: string, incident: string) =>
      pending().breakGlass(erin, { reason, incident }).refusal?.code ?? null;
    expect(attempt(enough, "INC-1")).toBeNull();
    expect(attempt(enough.slice(1), "INC-1")).toBe("invalid_body");
    expect(attempt(` ${enough.slice(1)} `, "INC-1")).toBe("invalid_body");
    expect(attempt(enough, " ")).toBe("invalid_body");
  });
});

describe("every guard that a command needs", () => {
  const needed = new Set(
    Object.values(transitions).flatMap((row) => Object.values(row).flatMap(({ needs }) => needs)),
  );

  test("has a refusal, and every refusal that is not of a situation is a sentence", ({ expect }) => {
    expect(Object.keys(refusals).toSorted()).toEqual([...needed].toSorted());
    for (const [guard, saying] of Object.entries(refusals)) {
      expect(saying.code, guard).not.toBe("");
      if (typeof saying.detail === "string") expect(saying.detail, guard).toMatch(/^[A-Z].{20,}\.$/u);
    }
  });

  test("says how much is too much", ({ expect }) => {
    expect(refusals.accounted?.detail).toContain("at least 20 characters");
    expect(refusals.feedbackRoom?.detail).toContain(`${limits.feedback} times`);
  });
});

describe("whoever may", () => {
  test("cancel is the agent that asked and its owner", ({ expect }) => {
    expect(pending().stop("cancel", omar).refusal).toBeNull();
    expect(pending().stop("cancel", demo).refusal).toBeNull();
    expect(pending().stop("cancel", bob).refusal?.code).toBe("forbidden");
  });

  test("revoke is who approved it, the owner and an operator", ({ expect }) => {
    for (const who of [alice, omar]) expect(approved().stop("revoke", who).refusal, who.id).toBeNull();
    expect(approved().stop("revoke", dave, { operator: true }).refusal).toBeNull();
    expect(approved().stop("revoke", dave).refusal?.code).toBe("forbidden");
  });

  test("roll back is who approved it, the owner and whoever is on call", ({ expect }) => {
    for (const who of [alice, omar, erin]) expect(executed().rollback(who).refusal, who.id).toBeNull();
    const nobody = executed();
    nobody.directory = { ...staff, groups: {} };
    expect(nobody.rollback(erin).refusal?.code).toBe("forbidden");
  });
});

describe("a level of escalation", () => {
  test("is begun one after the other, as far as there are levels", ({ expect }) => {
    const two = contractOf({
      notify: ["group:dba"],
      escalateTo: [["group:security"], ["group:oncall"]],
      clocks: { escalateAfter: ["5m", "8m"], pendingTtl: "10m" },
    });
    const play = new Play(payloadOf(two)).request();
    const goes = (level: number): boolean =>
      play.do({ type: "escalate", actor: cast.engine, level }).refusal === null;
    expect(goes(2)).toBe(false);
    expect(goes(1)).toBe(true);
    expect(goes(1)).toBe(false);
    expect(goes(2)).toBe(true);
    expect(goes(3)).toBe(false);
  });
});

describe("an action of the engine's own", () => {
  test("is run by the engine, and any other by an agent", ({ expect }) => {
    const own = played([approve], { type: "holdpoint.policy.publish" });
    expect(own.claim(demo).refusal?.code).toBe("out_of_scope");
    expect(own.claim(cast.engine).refusal).toBeNull();
    expect(approved().claim(cast.engine).refusal?.code).toBe("out_of_scope");
  });
});
