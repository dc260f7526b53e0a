import { describe, test } from "vitest";
import { eligibility, ownerOf, type Eligibility, type EligibilityFacts } from "../../core/eligibility.ts";
import { frozenUntil } from "../../core/freeze.ts";
import { switchFor } from "../../core/kill-switch.ts";
import { staffingFaults } from "../../core/policy/rule-check.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Schedule } from "../../schemas/schedule.ts";
import { cast, contractOf, createdAt, directoryOf, payloadOf, seat } from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";

const { alice, bob, carol, erin, omar } = cast;
const noon = Date.UTC(2026, 0, 1, 12);
const schedule = (...people: string[]): Schedule => ({
  id: "primary",
  timeZone: "UTC",
  rotations: [{ people, starts: "2026-01-01T00:00", every: "12h" }],
  overrides: [],
});

const base = directoryOf({ groups: { dba: [alice, bob], security: [carol] } });
const withParts = (parts: Partial<Directory>): Directory => ({ ...base, ...parts });

const facts: EligibilityFacts = {
  person: alice.id,
  requester: { kind: "agent", id: cast.demo.id, owner: omar.id },
  digestOk: true,
  directory: base,
  contract: contractOf({ rule: seat("one", 1, "oncall:primary", "owner-of-target", "manager-of-requester") }),
  target: { resource: "orders-db" },
  now: noon,
  payloadAuthors: [],
};
const ask = (change: Partial<EligibilityFacts>): Eligibility => eligibility({ ...facts, ...change });
const named = (answer: Eligibility): readonly string[] => (answer.eligible ? answer.voter.selectors : []);

describe("oncall:NAME", () => {
  const directory = withParts({ schedules: { primary: schedule(alice.id, bob.id) } });

  test("names whoever has the turn, to the millisecond", ({ expect }) => {
    expect(named(ask({ directory, now: noon - 1 }))).toEqual(["oncall:primary"]);
    expect(named(ask({ directory, now: noon }))).toEqual([]);
    expect(named(ask({ directory, person: bob.id, now: noon }))).toEqual(["oncall:primary"]);
  });

  test("names nobody who is inactive or excluded, whatever the schedule says", ({ expect }) => {
    const everyone = withParts({ schedules: { primary: schedule(omar.id) } });
    expect(ask({ directory: everyone, person: omar.id }).eligible).toBe(false);
    const gone = withParts({ schedules: { primary: schedule(cast.zoe.id) } });
    expect(ask({ directory: gone, person: cast.zoe.id }).eligible).toBe(false);
  });

  test("of a vote that is judged again is as it was, unless the schedule has them no more", ({ expect }) => {
    const again = { now: noon, namedThen: ["oncall:primary"] };
    expect(named(ask({ directory, ...again }))).toEqual(["oncall:primary"]);
    expect(
      named(ask({ directory: withParts({ schedules: { primary: schedule(bob.id) } }), ...again })),
    ).toEqual([]);
    expect(named(ask({ directory: base, ...again }))).toEqual([]);
    const fed = withParts({ onCall: { primary: { people: [bob.id], until: noon - 1 } } });
    expect(named(ask({ directory: fed, ...again }))).toEqual(["oncall:primary"]);
    // Only turns are remembered: what comes with a group is looked up anew.
    const contract = contractOf({ rule: seat("one", 1, "group:security") });
    expect(named(ask({ directory, contract, namedThen: ["group:security"] }))).toEqual([]);
  });

  test("that was never theirs is not given by remembering another", ({ expect }) => {
    const other = { now: noon, namedThen: ["oncall:secondary", "owner-of-target", "manager-of-requester"] };
    expect(named(ask({ directory, ...other }))).toEqual([]);
  });
});

describe("owner-of-target", () => {
  const owners = [
    { targets: ["orders-*"], owner: alice.id },
    { targets: ["orders-db", "*"], owner: "group:security" },
  ];

  test("is the first entry that matches, a person or a group", ({ expect }) => {
    expect(ownerOf({ owners }, { resource: "orders-db" })).toBe(alice.id);
    expect(ownerOf({ owners }, { resource: "web" })).toBe("group:security");
    expect(ownerOf({}, { resource: "web" })).toBeNull();
    const directory = withParts({ owners });
    expect(named(ask({ directory }))).toEqual(["owner-of-target"]);
    expect(named(ask({ directory, person: carol.id }))).toEqual([]);
    expect(named(ask({ directory, person: carol.id, target: { resource: "web" } }))).toEqual([
      "owner-of-target",
    ]);
  });

  test("may be lent with its group, and ends with the loan", ({ expect }) => {
    const lent = { from: carol.id, to: erin.id, groups: ["security"], until: noon + 1 };
    const directory = withParts({ owners, delegations: [lent] });
    const target = { resource: "web" };
    expect(named(ask({ directory, person: erin.id, target }))).toEqual(["owner-of-target"]);
    expect(named(ask({ directory, person: erin.id, target, now: noon + 1 }))).toEqual([]);
  });

  test("T17 is looked up in linear time, however the globs are written", ({ expect }) => {
    // Read the ordinary way this takes longer than anybody can wait.
    const targets = Array.from({ length: 64 }, () => `${"*a".repeat(60)}*b`);
    const resource = "a".repeat(200);
    expect(
      ownerOf({ owners: Array.from({ length: 20 }, () => ({ targets, owner: alice.id })) }, { resource }),
    ).toBeNull();
    expect(
      switchFor([{ scope: "*a".repeat(60), reason: "x", by: "x", at: 0 }], "a".repeat(119)),
    ).not.toBeNull();
    expect(
      switchFor([{ scope: `${"*a".repeat(59)}*b`, reason: "x", by: "x", at: 0 }], "a".repeat(120)),
    ).toBeNull();
    const freeze = {
      name: "f",
      timeZone: "UTC",
      types: targets,
      from: "2026-01-01T00:00",
      until: "2027-01-01T00:00",
      because: "x",
    };
    expect(frozenUntil({ freezes: [freeze] }, { type: resource, class: "c", risk: "low" }, noon)).toBeNull();
  });
});

describe("manager-of-requester", () => {
  test("is one step up, also where managers go in a circle", ({ expect }) => {
    const people = { ...base.people };
    for (const [id, manager] of [
      [omar.id, alice.id],
      [alice.id, bob.id],
      [bob.id, omar.id],
    ] as const) {
      people[id] = { ...people[id]!, manager };
    }
    const directory = withParts({ people });
    expect(named(ask({ directory }))).toEqual(["manager-of-requester"]);
    expect(named(ask({ directory, person: bob.id }))).toEqual([]);
    // Omar manages whoever manages his manager, and still owns the agent.
    expect(ask({ directory, person: omar.id }).eligible).toBe(false);
    const oneself = withParts({
      people: { ...people, [omar.id]: { ...people[omar.id]!, manager: omar.id } },
    });
    expect(ask({ directory: oneself, person: omar.id }).eligible).toBe(false);
  });
});

test("T19 a name of the prototype is no schedule and nobody's turn", ({ expect }) => {
  const contract = contractOf({ rule: seat("one", 1, "oncall:constructor") });
  const directory = withParts({ schedules: {}, onCall: {} });
  expect(ask({ contract, directory, namedThen: ["oncall:constructor"] }).eligible).toBe(false);
  expect(staffingFaults(contract, directory)).not.toEqual([]);
});

describe("staffing (P25)", () => {
  const rule = { all: [seat("pager", 1, "oncall:primary"), seat("owner", 1, "owner-of-target")] };
  const contract = contractOf({ rule });
  const owners = [{ targets: ["*"], owner: "group:security" }];

  test("counts everybody of a schedule, and every owner", ({ expect }) => {
    const directory = withParts({ schedules: { primary: schedule(alice.id, bob.id) }, owners });
    expect(staffingFaults(contract, directory)).toEqual([]);
  });

  test("finds a schedule that is not there, and targets that are nobody's", ({ expect }) => {
    expect(staffingFaults(contract, base).map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(["/rule/all/0/from/0", "/rule/all/1/from/0"]),
    );
    // One person in both seats is one person.
    const one = withParts({ schedules: { primary: schedule(carol.id) }, owners });
    expect(staffingFaults(contract, one).map(({ pointer }) => pointer)).toEqual(["/rule"]);
  });
});

describe("a claim", () => {
  const agreed = (): Play => {
    const play = new Play(
      payloadOf(contractOf({ rollback: { window: "1m" }, idempotent: true, maxAttempts: 2 })),
    ).request();
    play.vote(alice, "approve");
    return play;
  };
  const frozen = { name: "sale", until: noon + 3_600_000, because: "The sale is on" };

  test("in a freeze is refused with its end, and nothing changes", ({ expect }) => {
    const play = agreed();
    const before = play.state;
    const { refusal, events } = play.claim(cast.demo, {}, { frozen });
    expect(refusal).toMatchObject({
      code: "frozen",
      until: "2026-01-01T13:00:00.000Z",
      detail: expect.stringContaining("The sale is on"),
    });
    expect(events).toEqual([]);
    expect(play.state).toEqual(before);
    expect(play.claim(cast.demo, {}, { frozen: null }).refusal).toBeNull();
  });

  test("of a second attempt waits for the end of a freeze, too", ({ expect }) => {
    const play = agreed();
    play.claim();
    play.wait(10_000).tick();
    expect(play.claim(cast.demo, {}, { frozen }).refusal?.code).toBe("frozen");
    expect(play.claim().refusal).toBeNull();
  });

  test("of a rollback is let through a freeze", ({ expect }) => {
    const play = agreed();
    play.claim();
    play.report();
    play.rollback();
    expect(play.claim(cast.demo, {}, { frozen }).refusal).toBeNull();
    expect(play.place).toBe("rolling_back");
  });

  test("of what policy has stopped is cancelled in a freeze, too", ({ expect }) => {
    const play = agreed();
    play.contract = { ...play.payload.contract, mode: "disabled" };
    expect(play.claim(cast.demo, {}, { frozen }).refusal?.code).toBe("wrong_state");
    expect(play.place).toBe("cancelled{policy}");
  });
});

describe("a turn on call that is over (P20)", () => {
  const rota = (...people: string[]): Directory => ({
    ...staff,
    schedules: { primary: schedule(...people) },
  });
  const contract = contractOf({
    rule: seat("pager", 2, "oncall:primary"),
    clocks: { pendingTtl: "1d", approvalTtl: "1d" },
  });
  const start = (): Play => {
    const play = new Play(payloadOf(contract)).request();
    // The turns are twelve hours; it is asked for at noon, in the second.
    play.directory = rota(alice.id, bob.id);
    return play;
  };

  test("keeps its vote through the handover, to the quorum and to the claim", ({ expect }) => {
    const play = start();
    expect(play.vote(alice, "approve").refusal?.code).toBe("not_eligible");
    play.vote(bob, "approve");
    play.wait(12 * 3_600_000);
    expect(play.vote(alice, "approve").refusal).toBeNull();
    expect(play.place).toBe("approved");
    expect(play.state.counted).toEqual([alice.id, bob.id].toReversed());
    play.wait(11 * 3_600_000);
    expect(play.claim().refusal).toBeNull();
  });

  test("lapses when they are taken out of the schedule, before the quorum and at the claim", ({ expect }) => {
    const play = start();
    play.vote(bob, "approve");
    play.directory = rota(alice.id, carol.id);
    play.wait(12 * 3_600_000);
    play.vote(alice, "approve");
    expect(play.events.map(({ type }) => type)).toContain("lapsed");
    expect(play.place).toBe("pending");
    play.directory = rota(alice.id, bob.id);
    play.vote(bob, "approve");
    expect(play.place).toBe("pending");
  });

  test("counts for a tighter version that was in force at the vote (P7)", ({ expect }) => {
    const play = new Play(payloadOf(contractOf({ clocks: { approvalTtl: "1d" } }))).request();
    play.directory = rota(alice.id, bob.id);
    play.contract = contractOf({ rule: seat("pager", 1, "oncall:primary") });
    play.vote(bob, "approve");
    expect(play.place).toBe("approved");
    play.wait(12 * 3_600_000);
    expect(play.claim().refusal).toBeNull();
  });

  test("does not count for a version that asks for it only since", ({ expect }) => {
    const play = new Play(payloadOf(contractOf({ clocks: { approvalTtl: "1d" } }))).request();
    play.directory = rota(alice.id, bob.id);
    play.vote(bob, "approve");
    play.wait(12 * 3_600_000);
    play.contract = contractOf({ rule: seat("pager", 1, "oncall:primary") });
    expect(play.claim().refusal?.code).toBe("wrong_state");
    expect(play.place).toBe("cancelled{quorum_lost}");
  });
});

describe("a rollback", () => {
  test("is started by whoever is on call this moment where the rule names that rota, and by nobody else on it", ({
    expect,
  }) => {
    const rule = { any: [seat("dba", 1, "group:dba"), seat("duty", 1, "oncall:web")] };
    const played = (): Play => {
      const play = new Play(payloadOf(contractOf({ rollback: { window: "1m" }, rule })));
      const onCall = { web: { people: [cast.carol.id], until: createdAt + 30_000 } };
      play.directory = { ...staff, onCall };
      play.request();
      play.vote(cast.alice, "approve");
      play.claim();
      play.report();
      return play;
    };
    expect(played().rollback(cast.bob).refusal?.code).toBe("forbidden");
    expect(played().rollback(cast.carol).refusal).toBeNull();
    expect(played().wait(30_000).rollback(cast.carol).refusal?.code).toBe("forbidden");
    expect(played().rollback(cast.erin).refusal, "the group of that name, as before").toBeNull();
  });
});
