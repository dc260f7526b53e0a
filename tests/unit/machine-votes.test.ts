import { describe, test } from "vitest";
import { cast, contractOf, directoryOf, payloadOf, seat } from "../model/cast.ts";
import { Play } from "../model/play.ts";

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
