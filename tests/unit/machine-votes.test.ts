import { describe, test } from "vitest";
import type { Situation } from "../../core/machine/command.ts";
import { unborn } from "../../core/machine/fold.ts";
import { countWithVote } from "../../core/machine/guards.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import { cast, contractOf, createdAt, digest, directoryOf, payloadOf, seat } from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";

const { alice, bob, carol, erin, omar } = cast;
const both = { all: [seat("security", 1, "group:security"), seat("dba", 1, "group:dba")] };
const twoDenials = { denials: 2, veto: [] };
const play = (parts: Parameters<typeof contractOf>[0]): Play =>
  new Play(payloadOf(contractOf(parts))).request();

describe("votes", () => {
  test("of one person in two hats fill one seat (P24)", ({ expect }) => {
    const game = play({ rule: both });
    game.vote(alice, "approve");
    expect(game.place).toBe("pending");
    expect(game.state.seats.map(({ filled }) => filled)).toEqual([1, 0]);
    game.vote(bob, "approve");
    expect(game.place).toBe("approved");
    expect(game.state.decidedBy).toEqual([alice.id, bob.id]);
  });

  test("may change while it is pending, and the latest counts", ({ expect }) => {
    const game = play({ rule: both, deny: twoDenials });
    game.vote(alice, "approve");
    game.vote(alice, "withdraw");
    game.vote(bob, "approve");
    expect(game.place).toBe("pending");
    game.vote(bob, "deny");
    game.vote(bob, "approve");
    game.vote(alice, "approve");
    expect(game.place).toBe("approved");
    expect(game.state.votes).toHaveLength(2);
    expect(game.events.filter(({ type }) => type === "voted")).toHaveLength(6);
  });

  test("twice by the same person count once", ({ expect }) => {
    const game = play({ rule: seat("reviewer", 2, "group:dba") });
    game.vote(alice, "approve");
    game.vote(alice, "approve");
    expect(game.place).toBe("pending");
  });

  test("end it with the first terminal one, and the later one comes too late (P22)", ({ expect }) => {
    const game = play({});
    game.vote(alice, "approve");
    expect(game.vote(bob, "deny").refusal?.code).toBe("wrong_state");
    expect(game.events.filter(({ type }) => type === "approved")).toHaveLength(1);
    const denied = play({});
    denied.vote(bob, "deny");
    expect(denied.vote(alice, "approve").refusal?.code).toBe("wrong_state");
    expect(denied.place).toBe("denied");
  });

  test("deny by a veto although more denials are asked for", ({ expect }) => {
    const game = play({ deny: { denials: 3, veto: [erin.id] } });
    game.vote(bob, "deny");
    expect(game.place).toBe("pending");
    game.vote(erin, "deny");
    expect(game.place).toBe("denied");
  });

  test("of one human do not suffice for critical, whatever its rule says", ({ expect }) => {
    const game = play({ risk: "critical", separationOfDuties: { owner: false } });
    game.vote(alice, "approve");
    expect(game.place).toBe("pending");
    expect(game.vote(omar, "approve").refusal?.code).toBe("not_eligible");
    game.vote(bob, "approve");
    expect(game.place).toBe("approved");
  });

  test("of the owner count where the contract lets them, below critical (P27)", ({ expect }) => {
    const game = play({ separationOfDuties: { owner: false } });
    game.vote(omar, "approve");
    expect(game.place).toBe("approved");
  });

  test("are looked at for denials before approvals in the same step", ({ expect }) => {
    const game = play({ rule: both, deny: twoDenials });
    game.vote(bob, "deny");
    game.vote(alice, "approve");
    game.contract = { ...game.payload.contract, deny: { denials: 1, veto: [] } };
    game.vote(carol, "approve");
    expect(game.place).toBe("denied");
    expect(game.state.decidedBy).toEqual([bob.id]);
  });
});

describe("votes when the directory changes", () => {
  const groups = { dba: [alice, bob], security: [alice, carol], oncall: [erin] };
  const aliceOut = directoryOf({ groups: { ...groups, security: [carol], dba: [bob] } });

  test("lapse for an approver who has lost the group, and the log says so", ({ expect }) => {
    const game = play({ rule: both });
    game.vote(alice, "approve");
    game.directory = aliceOut;
    game.vote(bob, "approve");
    expect(game.place).toBe("pending");
    expect(game.events.at(-2)).toMatchObject({ type: "lapsed", data: { person: alice.id } });
    expect(game.state.counted).toEqual([bob.id]);
  });

  test("do not lapse for whoever denied", ({ expect }) => {
    const game = play({ rule: both, deny: twoDenials });
    game.vote(alice, "deny");
    game.directory = aliceOut;
    game.vote(carol, "deny");
    expect(game.place).toBe("denied");
  });

  test("lapse for whoever has become the agent's owner", ({ expect }) => {
    const game = play({ rule: both });
    game.vote(alice, "approve");
    game.directory = directoryOf({ groups, owner: alice });
    game.vote(bob, "approve");
    expect(game.place).toBe("pending");
  });

  // Found by the search: it used to be approved by whichever vote came next, and the denier was named as who approved it.
  test("are closed by an approval only, and never by a denial or a withdrawal", ({ expect }) => {
    const game = play({ rule: both, deny: { denials: 3, veto: [] } });
    game.vote(alice, "approve");
    game.directory = aliceOut;
    game.vote(bob, "approve");
    game.directory = directoryOf({ groups });
    expect(game.vote(carol, "deny").state.state).toBe("pending");
    expect(game.vote(carol, "withdraw").state.state).toBe("pending");
    expect(game.vote(carol, "approve").state.state).toBe("approved");
  });

  // Found by the search: it was shown among the counted ones although it filled nothing.
  test("do not count for a denial whose caster only a later version named, and names no more", ({
    expect,
  }) => {
    const game = play({ deny: { denials: 3, veto: [] } });
    game.contract = { ...game.payload.contract, rule: seat("anyone", 1, "group:security") };
    game.vote(carol, "deny");
    expect(game.state.counted).toEqual([carol.id]);
    game.contract = game.payload.contract;
    game.vote(bob, "deny");
    expect(game.state.counted).toEqual([bob.id]);
  });
});

describe("what a vote leaves in the log", () => {
  const votedBy = (game: Play) => game.events.findLast(({ type }) => type === "voted")?.data;

  test("is who it counts as and which selectors of the pinned rule named them, and no others", ({
    expect,
  }) => {
    const game = play({ rule: both });
    game.contract = { ...game.payload.contract, rule: seat("any", 1, "group:dba", "group:oncall") };
    game.vote(bob, "approve");
    expect(votedBy(game)).toMatchObject({ selectors: ["group:dba"], identity: bob.id });
    game.vote(erin, "approve");
    // Whom the version in force alone names fills nothing of the pinned one.
    expect(votedBy(game)).toMatchObject({ selectors: [], identity: erin.id });
    game.vote(carol, "approve");
    expect(votedBy(game)).toMatchObject({ selectors: ["group:security"] });
  });

  test("is a turn on call by the version in force as well, as long as that names the voter", ({ expect }) => {
    const game = play({ rule: seat("dba", 2, "group:dba") });
    const turns = { primary: { people: [bob.id], until: game.now + 1 } };
    game.directory = { ...directoryOf({ groups: { dba: [alice, bob] } }), onCall: turns };
    game.contract = { ...game.payload.contract, rule: seat("dba", 2, "group:dba", "oncall:primary") };
    game.vote(bob, "approve");
    expect(votedBy(game)).toMatchObject({ selectors: ["group:dba", "oncall:primary"] });
    game.vote(alice, "approve");
    expect(votedBy(game)).toMatchObject({ selectors: ["group:dba"] });
  });

  test("counts the latest word alone where somebody has changed their mind", ({ expect }) => {
    const game = play({ rule: both, deny: twoDenials });
    game.vote(bob, "approve");
    game.vote(bob, "deny");
    expect(votedBy(game)).toMatchObject({
      seats: [{ filled: 0 }, { filled: 0 }],
      counted: [bob.id],
    });
    game.vote(bob, "withdraw");
    expect(votedBy(game)).toMatchObject({ seats: [{ filled: 0 }, { filled: 0 }], counted: [] });
  });

  test("is no lapse of what was withdrawn, denied or has lapsed already", ({ expect }) => {
    const groups = { dba: [alice, bob], security: [alice, carol], oncall: [erin] };
    const nobody = directoryOf({ groups: { ...groups, dba: [bob], security: [] } });
    const lapses = (game: Play): number => game.events.filter(({ type }) => type === "lapsed").length;
    for (const [decision, times] of [
      ["approve", 1],
      ["deny", 0],
      ["withdraw", 0],
    ] as const) {
      const game = play({ rule: both, deny: { denials: 3, veto: [] } });
      game.vote(alice, decision);
      game.directory = nobody;
      game.vote(bob, "approve");
      game.vote(bob, "withdraw");
      expect(lapses(game), decision).toBe(times);
    }
  });
});

describe("a denial", () => {
  const groups = { dba: [alice, bob], security: [alice, carol] };

  test("stands under the version it was asked by, and under another as long as that names its caster", ({
    expect,
  }) => {
    const game = play({ deny: twoDenials });
    game.vote(alice, "deny");
    game.contract = { ...game.payload.contract, deny: { denials: 1, veto: [] } };
    game.directory = directoryOf({ groups: { ...groups, dba: [bob] } });
    expect(game.vote(bob, "approve").state.state).toBe("approved");
    const named = play({ deny: twoDenials });
    named.vote(alice, "deny");
    named.contract = { ...named.payload.contract, deny: { denials: 1, veto: [] } };
    expect(named.vote(bob, "approve").state.state).toBe("denied");
  });

  test("of somebody who had only a turn on call, by a rule that is not the pinned one, stands for nothing", ({
    expect,
  }) => {
    const game = play({ deny: { denials: 3, veto: [] } });
    const until = game.now + 1;
    game.directory = { ...directoryOf({ groups }), onCall: { primary: { people: [carol.id], until } } };
    game.contract = { ...game.payload.contract, rule: seat("any", 1, "group:dba", "oncall:primary") };
    game.vote(carol, "deny");
    expect(game.state.counted).toEqual([carol.id]);
    game.contract = game.payload.contract;
    game.vote(bob, "deny");
    expect(game.state.counted).toEqual([bob.id]);
  });
});

describe("a vote that is told twice", () => {
  const command = {
    type: "vote",
    actor: bob,
    decision: "approve",
    digest,
    reason: null,
    via: "api",
  } as const;
  const two = contractOf({ rule: seat("dba", 2, "group:dba") });
  const one = contractOf({});
  const facts = { contract: null, directory: staff, operator: false, outOfScope: null, judge };
  const until = createdAt + 5;
  const turn = { ...staff, onCall: { primary: { people: [bob.id], until } } };
  const state = (payload: Payload): ActionState => ({ ...unborn(payload), seq: 1, seats: [] });

  test("is counted anew wherever the contract, the directory, the time or the votes are others", ({
    expect,
  }) => {
    const payload = payloadOf(one);
    const there = state(payload);
    const asked = { payload, state: there, facts: { ...facts, contract: one }, now: createdAt, command };
    const approves = (change: Partial<Situation>): boolean => countWithVote({ ...asked, ...change }).approved;
    expect(approves({})).toBe(true);
    expect(approves({ payload: payloadOf(two) })).toBe(false);
    expect(approves({})).toBe(true);
    expect(approves({ facts: { ...facts, contract: two } })).toBe(false);
    expect(approves({})).toBe(true);
    const onCall = contractOf({ rule: seat("turn", 1, "oncall:primary") });
    const called = { payload: payloadOf(onCall), facts: { ...facts, contract: onCall, directory: turn } };
    expect(approves({ ...called, now: until - 1 })).toBe(true);
    expect(approves({ ...called, now: until })).toBe(false);
    const votes = [
      { person: alice.id, decision: "approve" as const, reason: null, at: 0, via: "api" as const },
    ];
    const more = { payload: payloadOf(two), facts: { ...facts, contract: two } };
    const kept = votes.map((vote) => ({ ...vote, selectors: [], identity: alice.id, lapsed: false }));
    expect(approves(more)).toBe(false);
    expect(approves({ ...more, state: { ...there, votes: kept } })).toBe(true);
  });
});
