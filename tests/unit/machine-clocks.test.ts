import { describe, test } from "vitest";
import { foldAll } from "../../core/machine/fold.ts";
import { cast, contractOf, createdAt, payloadOf, seat } from "../model/cast.ts";
import { Play } from "../model/play.ts";

const { alice, bob, demo, engine, other } = cast;
const single = contractOf({ rollback: { window: "1m" } });
const twice = contractOf({ idempotent: true, maxAttempts: 2, rollback: { window: "1m" } });
const pending = (contract = single): Play => new Play(payloadOf(contract)).request();

function executing(contract = single): Play {
  const play = pending(contract);
  play.vote(alice, "approve");
  play.claim();
  return play;
}

describe("a deadline is half-open", () => {
  const cases = {
    pendingTtl: { at: pending, ms: 600_000, before: "pending", after: "expired{pending}" },
    approvalTtl: { at: () => voted(pending()), ms: 60_000, before: "approved", after: "expired{approved}" },
    leaseTtl: { at: executing, ms: 10_000, before: "executing", after: "failed{unknown}" },
    "leaseTtl of a rollback": {
      at: undoing,
      ms: 10_000,
      before: "rolling_back",
      after: "rollback_failed{unknown}",
    },
    "the time to claim a rollback": {
      at: unclaimed,
      ms: 60_000,
      before: "rolling_back",
      after: "rollback_failed{unknown}",
    },
  } as const;
  for (const [clock, { at, ms, before, after }] of Object.entries(cases)) {
    test(`${clock}: a millisecond before it is ${before}, at it ${after}, whoever comes first`, ({
      expect,
    }) => {
      const early = at().wait(ms - 1);
      early.tick();
      expect(early.place).toBe(before);
      const due = at().wait(ms);
      due.tick();
      expect(due.place).toBe(after);
      // No alarm ran: whatever is said to it finds it over.
      const visited = at().wait(ms);
      expect(visited.do({ type: "create", actor: demo }).refusal?.code).toBe("wrong_state");
      expect(visited.place).toBe(after);
      expect(due.tick().events).toEqual([]);
    });
  }
});

function voted(play: Play): Play {
  play.vote(alice, "approve");
  return play;
}
function unclaimed(): Play {
  const play = executing();
  play.report();
  play.rollback();
  return play;
}
function undoing(): Play {
  const play = unclaimed();
  play.claim();
  return play;
}

describe("clocks", () => {
  test("never approve", ({ expect }) => {
    const play = new Play(payloadOf(contractOf({ rule: seat("reviewer", 2, "group:dba") }))).request();
    play.vote(alice, "approve");
    play.wait(86_400_000).tick();
    expect(play.place).toBe("expired{pending}");
  });

  test("remind once and escalate level by level, each at its time", ({ expect }) => {
    const play = new Play(
      payloadOf(
        contractOf({ clocks: { remindAfter: "2m", escalateAfter: ["3m", "5m"], pendingTtl: "10m" } }),
      ),
    ).request();
    for (const ms of [120_000, 1, 60_000, 120_000, 60_000]) play.wait(ms).tick();
    expect(play.events.map(({ type, at }) => [type, at - createdAt])).toEqual([
      ["requested", 0],
      ["reminded", 120_000],
      ["escalated", 180_001],
      ["escalated", 300_001],
    ]);
    expect(play.events.slice(2).map(({ data }) => data)).toMatchObject([{ level: 1 }, { level: 2 }]);
  });

  test("do not go back: an event carries the time of the one before it when the clock is behind", ({
    expect,
  }) => {
    const play = pending().wait(5_000);
    play.vote(alice, "approve");
    play.wait(-60_000);
    play.claim();
    expect(play.state.at).toBe(createdAt + 5_000);
    expect(play.state.deadlines.lease).toBe(createdAt + 15_000);
  });

  test("let a heartbeat renew the lease, and not past executionMax", ({ expect }) => {
    const play = executing();
    for (const ms of [9_000, 9_000, 6_000]) play.wait(ms).heartbeat();
    expect(play.state.lease?.expiresAt).toBe(createdAt + 25_000);
    play.wait(1_000).tick();
    expect(play.place).toBe("failed{unknown}");
  });

  test("start an approval's age at notBefore, and end everything at notAfter", ({ expect }) => {
    const [notBefore, notAfter] = ["2026-01-01T12:05:00.000Z", "2026-01-01T12:05:30.000Z"];
    const play = new Play(payloadOf(single, { notBefore, notAfter })).request();
    play.vote(alice, "approve");
    expect(play.state.deadlines.approval).toBe(Date.parse(notAfter));
    const open = new Play(payloadOf(single, { notBefore })).request();
    open.vote(alice, "approve");
    expect(open.state.deadlines.approval).toBe(Date.parse(notBefore) + 60_000);
  });

  // Found by the search: the window used to start when the alarm ran, so a late one let a rollback start late.
  test("end a rollback window by when the lease was lost, however late that is noticed", ({ expect }) => {
    const late = executing().wait(50_000);
    late.tick();
    const inTime = executing().wait(10_000);
    inTime.tick();
    expect(late.state.deadlines).toEqual(inTime.state.deadlines);
    late.wait(20_000);
    expect(late.rollback().refusal?.code).toBe("wrong_state");
  });
});

describe("a lost lease", () => {
  test("is resolved once by the late report of who held it", ({ expect }) => {
    const play = executing();
    play.wait(10_000).tick();
    expect(play.report({ summary: "it went well" }, play.grip, other).refusal?.code).toBe("fenced");
    expect(play.report({ summary: "it went well" }).refusal).toBeNull();
    expect(play.place).toBe("executed");
    expect(play.events.at(-1)).toMatchObject({ data: { late: true, reported: true } });
    const again = play.report({ outcome: "failed", effect: "partial" });
    expect(again).toMatchObject({ events: [], refusal: null, answerSeq: play.state.seq });
  });

  test("is claimed again where the contract says that twice is as good as once, as often as it says", ({
    expect,
  }) => {
    const play = executing(twice);
    play.wait(10_000);
    expect(play.claim(other).refusal).toBeNull();
    expect(play.state).toMatchObject({ state: "executing", fence: 2, attempts: 2 });
    expect(play.report({}, { lease: "lease-1", fence: 1 }).refusal?.code).toBe("fenced");
    // Both attempts together have executionMax.
    expect(play.state.deadlines.execution).toBe(createdAt + 25_000);
    play.wait(10_000).tick();
    expect(play.place).toBe("failed{unknown}");
  });

  // Found by the search: neither the kill switch nor a voter's leaving kept an action from being handed out once more.
  test("is not claimed again when the type is disabled or the quorum is lost since", ({ expect }) => {
    const play = executing(twice).wait(10_000);
    play.contract = { ...twice, mode: "disabled" };
    expect(play.claim().refusal).toMatchObject({
      code: "wrong_state",
      detail: expect.stringContaining("policy"),
    });
    play.contract = twice;
    play.directory = { ...play.directory, groups: {} };
    expect(play.claim().refusal).toMatchObject({
      code: "wrong_state",
      detail: expect.stringContaining("voter"),
    });
    expect(play.claim(demo, { preconditions: { schemaVersion: "9" } }).refusal?.code).toBe("wrong_state");
    expect(play.place).toBe("executing");
    play.wait(15_000).tick();
    expect(play.place).toBe("failed{unknown}");
  });
});

describe("a failure with an effect", () => {
  const automatic = contractOf({ rollback: { window: "1m", auto: "failed" } });

  test("is rolled back by the engine where the contract says so", ({ expect }) => {
    for (const effect of ["partial", "unknown"] as const) {
      const play = executing(automatic);
      play.report({ outcome: "failed", effect });
      expect(play.place).toBe("rolling_back");
      expect(play.events.slice(-2)).toMatchObject([
        { type: "failed", detail: effect },
        { type: "rollback_started", actor: engine },
      ]);
      expect(play.events.at(-1)?.seq).toBe(play.state.seq);
      // The executor whose answer was lost reports again while it is being undone.
      expect(play.report({ outcome: "failed", effect })).toMatchObject({
        refusal: null,
        answerSeq: play.state.seq - 1,
      });
    }
  });

  test("is not rolled back by the engine without an effect, or without a plan", ({ expect }) => {
    const harmless = executing(automatic);
    harmless.report({ outcome: "failed", effect: "none" });
    expect(harmless.place).toBe("failed{none}");
    const unplanned = new Play(payloadOf(automatic, { rollbackPlan: null })).request();
    unplanned.vote(bob, "approve");
    unplanned.claim();
    unplanned.report({ outcome: "failed", effect: "partial" });
    expect(unplanned.place).toBe("failed{partial}");
  });

  test("is rolled back under a lease and a fence of its own", ({ expect }) => {
    const play = undoing();
    expect(play.state.lease).toMatchObject({ purpose: "rollback", fence: 2 });
    expect(play.report({}, { lease: "lease-1", fence: 1 })).toMatchObject({ refusal: null, events: [] });
    play.report();
    expect(play.place).toBe("rolled_back");
    expect(play.state).toEqual(foldAll(play.payload, play.events));
  });
});
