import { describe, test } from "vitest";
import type { Step } from "../../core/machine/step.ts";
import type { ProblemCode } from "../../schemas/problem.ts";
import {
  cast,
  contractOf,
  driftedPreconditions,
  otherDigest,
  payloadOf,
  preconditions,
  seat,
} from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";

const single = contractOf({ rollback: { window: "1m" } });
const pending = (): Play => new Play(payloadOf(single, { preconditions })).request();
const approved = (): Play => pendingWith((play) => play.vote(cast.alice, "approve"));
const executing = (): Play =>
  pendingWith(
    (play) => play.vote(cast.alice, "approve"),
    (play) => play.claim(),
  );
const executed = (): Play =>
  pendingWith(
    (play) => play.vote(cast.alice, "approve"),
    (play) => play.claim(),
    (play) => play.report(),
  );

function pendingWith(...moves: ((play: Play) => unknown)[]): Play {
  const play = pending();
  for (const move of moves) move(play);
  return play;
}

type Case = { says: string; at: () => Play; tries: (play: Play) => Step; code: ProblemCode; field?: string };

const cases: readonly Case[] = [
  {
    says: "the agent's owner votes",
    at: pending,
    tries: (play) => play.vote(cast.omar, "approve"),
    code: "not_eligible",
  },
  {
    says: "somebody votes whom no seat names",
    at: pending,
    tries: (play) => play.vote(cast.dave, "approve"),
    code: "not_eligible",
  },
  {
    says: "somebody votes who has left",
    at: pending,
    tries: (play) => play.vote(cast.zoe, "deny"),
    code: "not_eligible",
  },
  {
    says: "somebody votes whom the directory does not know",
    at: pending,
    tries: (play) => play.vote(cast.mallory, "approve"),
    code: "not_eligible",
  },
  {
    says: "an agent votes",
    at: pending,
    tries: (play) => play.vote(cast.demo, "approve"),
    code: "not_eligible",
  },
  {
    says: "a service votes under a person's id",
    at: pending,
    tries: (play) => play.vote({ kind: "service", id: cast.alice.id }, "approve"),
    code: "not_eligible",
  },
  {
    says: "a vote names another digest (P1)",
    at: pending,
    tries: (play) => play.vote(cast.alice, "approve", { digest: otherDigest }),
    code: "digest_mismatch",
  },
  {
    says: "a denial gives no reason",
    at: pending,
    tries: (play) => play.vote(cast.alice, "deny", { reason: null }),
    code: "reason_required",
    field: "/reason",
  },
  {
    says: "somebody else cancels it",
    at: pending,
    tries: (play) => play.stop("cancel", cast.alice),
    code: "forbidden",
  },
  {
    says: "another agent of the same owner cancels it",
    at: pending,
    tries: (play) => play.stop("cancel", cast.other),
    code: "forbidden",
  },
  {
    says: "another agent supersedes it",
    at: pending,
    tries: (play) => play.supersede(cast.other),
    code: "forbidden",
  },
  {
    says: "the owner supersedes it",
    at: pending,
    tries: (play) => play.supersede(cast.omar),
    code: "forbidden",
  },
  {
    says: "somebody who did not approve it revokes it",
    at: approved,
    tries: (play) => play.stop("revoke", cast.bob),
    code: "forbidden",
  },
  {
    says: "the requester revokes it",
    at: approved,
    tries: (play) => play.stop("revoke", cast.demo),
    code: "forbidden",
  },
  { says: "a person claims it", at: approved, tries: (play) => play.claim(cast.alice), code: "out_of_scope" },
  {
    says: "an agent claims it whose role classes do not cover it",
    at: approved,
    tries: (play) => play.claim(cast.rogue, {}, { outOfScope: "not yours" }),
    code: "out_of_scope",
  },
  {
    says: "a claim names another digest (P1)",
    at: approved,
    tries: (play) => play.claim(cast.demo, { digest: otherDigest }),
    code: "digest_mismatch",
  },
  {
    says: "a claim does not say what it observes",
    at: approved,
    tries: (play) => play.claim(cast.demo, { preconditions: null }),
    code: "invalid_body",
    field: "/preconditions",
  },
  {
    says: "it is claimed twice (P3)",
    at: executing,
    tries: (play) => play.claim(cast.other),
    code: "leased",
  },
  {
    says: "a heartbeat has an old fence",
    at: executing,
    tries: (play) => play.heartbeat({ ...play.grip, fence: 0 }),
    code: "fenced",
  },
  {
    says: "a heartbeat has another lease",
    at: executing,
    tries: (play) => play.heartbeat({ ...play.grip, lease: "lease-9" }),
    code: "fenced",
  },
  {
    says: "another agent renews the lease",
    at: executing,
    tries: (play) => play.heartbeat(play.grip, cast.other),
    code: "fenced",
  },
  {
    says: "a report has an old fence",
    at: executing,
    tries: (play) => play.report({}, { ...play.grip, fence: 0 }),
    code: "fenced",
  },
  {
    says: "another agent reports under the lease",
    at: executing,
    tries: (play) => play.report({}, play.grip, cast.other),
    code: "fenced",
  },
  {
    says: "another agent repeats the report",
    at: executed,
    tries: (play) => play.report({}, play.grip, cast.other),
    code: "fenced",
  },
  {
    says: "an outsider rolls it back",
    at: executed,
    tries: (play) => play.rollback(cast.dave),
    code: "forbidden",
  },
  {
    says: "the requester rolls it back",
    at: executed,
    tries: (play) => play.rollback(cast.demo),
    code: "forbidden",
  },
  {
    says: "somebody who did not approve it rolls it back",
    at: executed,
    tries: (play) => play.rollback(cast.bob),
    code: "forbidden",
  },
  {
    says: "the rollback window is over",
    at: () => executed().wait(60_000),
    tries: (play) => play.rollback(),
    code: "wrong_state",
  },
];

describe("a refusal", () => {
  for (const { says, at, tries, code, field } of cases) {
    test(`says ${code} when ${says}, and changes nothing`, ({ expect }) => {
      const play = at();
      const before = play.state;
      const { refusal, events } = tries(play);
      expect(refusal?.code).toBe(code);
      expect(refusal?.errors?.map(({ pointer }) => pointer)).toEqual(
        field === undefined ? undefined : [field],
      );
      expect({ ...play.state, seq: 0, at: 0, lateEvents: 0 }).toEqual({
        ...before,
        seq: 0,
        at: 0,
        lateEvents: 0,
      });
      expect(events.every(({ type }) => type === "fenced_report")).toBe(true);
    });
  }

  test("of a stale report keeps what it said, as evidence", ({ expect }) => {
    const play = executing();
    const { events } = play.report(
      { outcome: "failed", effect: "partial", summary: "half of it", evidence: { rows: 3 } },
      { lease: "lease-1", fence: 0 },
    );
    expect(events).toMatchObject([
      {
        type: "fenced_report",
        reason: "half of it",
        actor: cast.demo,
        data: { fence: 0, outcome: "failed", effect: "partial", evidence: { rows: 3 } },
      },
    ]);
  });

  test("says when a claim comes before its time, and takes it at that time", ({ expect }) => {
    const play = new Play(payloadOf(single, { notBefore: "2026-01-01T12:05:00.000Z" })).request();
    play.vote(cast.alice, "approve");
    play.wait(299_999);
    expect(play.claim().refusal).toMatchObject({
      code: "wrong_state",
      detail: expect.stringContaining("2026-01-01T12:05:00.000Z"),
    });
    expect(play.wait(1).claim().refusal).toBeNull();
  });

  test("says that no rollback was agreed: by the contract, or by the request", ({ expect }) => {
    const contract = contractOf({});
    for (const payload of [payloadOf(contract), payloadOf(single, { rollbackPlan: null })]) {
      const play = new Play(payload).request();
      play.vote(cast.alice, "approve");
      play.claim();
      play.report();
      expect(play.rollback().refusal).toMatchObject({
        code: "wrong_state",
        detail: expect.stringContaining("No rollback was agreed"),
      });
    }
  });
});

describe("a claim that finds the world changed", () => {
  const changes: Record<string, { change: (play: Play) => void; detail: string }> = {
    "drifted preconditions": { change: () => undefined, detail: "drift" },
    "a voter out of the group (P20)": {
      change: (play) => void (play.directory = { ...staff, groups: {} }),
      detail: "quorum_lost",
    },
    "a tightened rule (P7)": {
      change: (play) => void (play.contract = { ...single, rule: seat("reviewer", 2, "group:dba") }),
      detail: "quorum_lost",
    },
    "a disabled type": {
      change: (play) => void (play.contract = { ...single, mode: "disabled" }),
      detail: "policy",
    },
    "a type that is gone": { change: (play) => void (play.contract = null), detail: "policy" },
    "a policy that denies it": {
      change: (play) => void (play.contract = { ...single, decide: [{ then: "deny" }] }),
      detail: "policy",
    },
  };
  for (const [name, { change, detail }] of Object.entries(changes)) {
    test(`cancels it and says so: ${name}`, ({ expect }) => {
      const play = approved();
      change(play);
      const { refusal } = play.claim(
        cast.demo,
        detail === "drift" ? { preconditions: driftedPreconditions } : {},
      );
      expect(refusal?.code).toBe("wrong_state");
      expect(play.place).toBe(`cancelled{${detail}}`);
      expect(play.events.at(-1)).toMatchObject({ type: "cancelled", actor: cast.engine });
    });
  }

  test("is not helped by a loosened rule, or by an owner let in since", ({ expect }) => {
    const play = pending();
    play.contract = {
      ...single,
      rule: seat("anyone", 1, "group:security"),
      separationOfDuties: { owner: false },
    };
    expect(play.vote(cast.carol, "approve").refusal).toBeNull();
    expect(play.vote(cast.omar, "approve").refusal).toBeNull();
    expect(play.place).toBe("pending");
  });

  test("goes by the version it was asked under where the contract pins it, unless the type is disabled or gone", ({
    expect,
  }) => {
    const pin = contractOf({ onChange: "pin" });
    const play = new Play(payloadOf(pin)).request();
    play.contract = { ...pin, rule: seat("reviewer", 2, "group:dba") };
    play.vote(cast.alice, "approve");
    expect(play.claim().refusal).toBeNull();
    const stopped = new Play(payloadOf(pin)).request();
    stopped.contract = { ...pin, mode: "disabled" };
    stopped.vote(cast.alice, "approve");
    expect(stopped.place).toBe("cancelled{policy}");
  });
});
