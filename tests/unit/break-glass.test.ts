import { describe, test } from "vitest";
import { seatsOf } from "../../core/quorum.ts";
import type { Actor } from "../../schemas/event.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Contract, Rule } from "../../schemas/policy.ts";
import type { Payload } from "../../schemas/stored.ts";
import { cast, contractOf, createdAt, directoryOf, otherDigest, payloadOf, seat } from "../model/cast.ts";
import { Play } from "../model/play.ts";

const { alice, bob, carol, dave, erin, omar, zoe, mallory, demo, operator, engine } = cast;

/** Every rule of up to two levels over these seats, and some deeper ones: single seats, `all`, `any`, each in each. */
function* ruleShapes(): Generator<Rule> {
  const single: Rule[] = [
    seat("one", 1, "group:dba"),
    seat("two", 2, "group:security"),
    seat("mixed", 1, "group:dba", "person:alice", "group:right"),
  ];
  yield* single;
  const pairs: Rule[][] = single.flatMap((left, at) => single.slice(at + 1).map((right) => [left, right]));
  for (const parts of [...single.map((one) => [one]), ...pairs, single]) {
    yield { all: parts };
    yield { any: parts };
    yield { all: [{ any: parts }, seat("last", 1, "group:right")] };
    yield { any: [{ all: parts }, seat("last", 1, "group:right")] };
    yield { all: [{ any: [{ all: parts }] }] };
  }
}

const groups = {
  dba: [alice, bob, omar],
  security: [alice, carol, omar],
  right: [erin, omar, carol, dave, zoe, bob],
};
const until = createdAt + 3_600_000;
const lends = (from: Actor, to: Actor): { directory: Directory } => ({
  directory: directoryOf({ groups, delegations: [{ from: from.id, to: to.id, groups: ["dba"], until }] }),
});

/** Both ids are one human's. */
function sameHuman(one: Actor, other: Actor): Directory {
  const directory = directoryOf({ groups });
  const declared = { ...directory.people[one.id]!, sameAs: [other.id] };
  return { ...directory, people: { ...directory.people, [one.id]: declared } };
}

type Attempt = {
  /** Who tries. All but the last of those below sit where the right is. */
  readonly who: Actor;
  readonly directory?: Directory;
  readonly requester?: Payload["requester"];
};
const asked = { kind: "agent", id: demo.id, owner: omar.id } as const;

/** Everybody who must never be the one, each by what keeps them out. */
const keptOut: Readonly<Record<string, Attempt>> = {
  "the agent's owner": { who: omar },
  "who owns the agent now": { who: bob, directory: directoryOf({ groups, owner: bob }) },
  "who owned it when it asked": { who: omar, directory: directoryOf({ groups, owner: bob }) },
  "the human it acts for": { who: carol, requester: { ...asked, onBehalfOf: carol.id } },
  "who acts for the owner": { who: erin, ...lends(omar, erin) },
  "for whom the owner acts": { who: erin, ...lends(erin, omar) },
  "who acts for the human it acts for": {
    who: erin,
    requester: { ...asked, onBehalfOf: carol.id },
    ...lends(carol, erin),
  },
  "the owner by another id": { who: erin, directory: sameHuman(erin, omar) },
  "whose other id the owner's is": { who: erin, directory: sameHuman(omar, erin) },
  "who has left": { who: zoe },
  "who is in no directory": { who: mallory },
  "who has no such right": { who: alice },
  "the agent itself": { who: demo },
  "an agent by a person's name": { who: { kind: "agent", id: erin.id } },
  "a service": { who: operator },
  "a service by a person's name": { who: { kind: "service", id: erin.id } },
  "the engine": { who: engine },
};

const terms: Readonly<Record<string, Partial<Contract>>> = {
  "separation of duties on": {},
  "separation of duties off": { separationOfDuties: { owner: false } },
  pinned: { onChange: "pin", separationOfDuties: { owner: false } },
  critical: { risk: "critical" },
};

function playOf(rule: Rule, parts: Partial<Contract>, { directory, requester }: Partial<Attempt> = {}): Play {
  const contract = contractOf({ rule, breakGlass: { by: ["group:right"] }, ...parts });
  const play = new Play(payloadOf(contract, requester === undefined ? {} : { requester }));
  play.directory = directory ?? directoryOf({ groups });
  return play.request();
}

const rules = [...ruleShapes()];

describe("P23 a new feature broke the emergency override; someone without the right used it:", () => {
  for (const [name, parts] of Object.entries(terms)) {
    test(`break-glass is tried against every rule shape and every excluded person (${name})`, ({
      expect,
    }) => {
      let tried = 0;
      for (const rule of rules) {
        for (const [kind, attempt] of Object.entries(keptOut)) {
          const play = playOf(rule, parts, attempt);
          const before = play.state;
          const { refusal, events } = play.breakGlass(attempt.who);
          expect(refusal?.code, kind).toBe("not_eligible");
          expect(events, kind).toEqual([]);
          expect(play.state, kind).toBe(before);
          tried += 1;
        }
      }
      expect(tried).toBe(rules.length * Object.keys(keptOut).length);
      expect(rules.length).toBeGreaterThan(30);
    });

    test(`and works for who has it whatever the rule, skipping the quorum and nothing else (${name})`, ({
      expect,
    }) => {
      for (const rule of rules) {
        const said = JSON.stringify(rule);
        const play = playOf(rule, parts);
        expect(play.breakGlass(erin).refusal, said).toBeNull();
        const broken = play.events.find((event) => event.type === "broke_glass");
        expect(broken?.data.skipped.map((one) => one.seat)).toEqual(seatsOf(rule).map((one) => one.seat));
        expect(broken?.data.told).not.toContain(erin.id);
        expect(broken?.data.told.length, said).toBeGreaterThan(0);
        expect(play.claim(demo, { digest: otherDigest }).refusal?.code, said).toBe("digest_mismatch");
        expect(play.claim().refusal, said).toBeNull();
        expect(play.place).toBe("executing");
      }
    });
  }

  test("what stops an approval stops it too: the digest, the deadline, a denial, the kill switch", ({
    expect,
  }) => {
    for (const rule of rules) {
      const other = playOf(rule, {});
      expect(other.breakGlass(erin, { digest: otherDigest }).refusal?.code).toBe("digest_mismatch");
      const late = playOf(rule, {}).wait(600_000);
      expect(late.breakGlass(erin).refusal?.code).toBe("wrong_state");
      expect(late.place).toBe("expired{pending}");
      const denied = playOf(rule, {});
      denied.vote(alice, "deny");
      denied.vote(bob, "deny");
      expect(denied.breakGlass(erin).refusal?.code).toBe("wrong_state");
      expect(denied.place).toBe("denied");
      const off = playOf(rule, {});
      expect(
        off.breakGlass(erin, {}, { contract: { ...off.payload.contract, mode: "disabled" } }).refusal,
      ).toMatchObject({ code: "wrong_state" });
      expect(off.place).toBe("cancelled{policy}");
    }
  });

  test("with tighten, the version in force must grant the right as well, when it is broken and when it is claimed", ({
    expect,
  }) => {
    for (const rule of rules) {
      const play = playOf(rule, {});
      const { breakGlass: _, ...none } = play.payload.contract;
      expect(play.breakGlass(erin, {}, { contract: none }).refusal?.code).toBe("not_eligible");
      play.breakGlass(erin);
      const moved: Contract = { ...play.payload.contract, breakGlass: { by: [dave.id], perPersonPerDay: 3 } };
      expect(play.claim(demo, {}, { contract: moved }).refusal?.code).toBe("wrong_state");
      expect(play.place).toBe("cancelled{quorum_lost}");
    }
  });
});

describe("a review", () => {
  const broken = (): Play => {
    const play = playOf(seat("reviewer", 1, "group:dba"), {});
    play.breakGlass(erin);
    return play;
  };

  test("is due after 72 hours, is called overdue once, and is still taken then", ({ expect }) => {
    const play = broken();
    play.claim();
    play.report();
    play.wait(72 * 3_600_000 - 1).tick();
    expect(play.events.at(-1)?.type).toBe("executed");
    play.wait(1).tick();
    expect(play.events.at(-1)?.type).toBe("review_overdue");
    play.wait(1_000).tick();
    expect(play.events.filter(({ type }) => type === "review_overdue")).toHaveLength(1);
    expect(play.review(bob).refusal).toBeNull();
    expect(play.place).toBe("executed");
    expect(play.state.deadlines.review).toBeNull();
  });

  test("is not for who broke it, who is kept out, or who had no seat; an operator may", ({ expect }) => {
    const play = broken();
    for (const who of [erin, omar, dave, zoe, mallory, demo, operator]) {
      expect(play.review(who).refusal?.code, who.id).toBe("not_eligible");
    }
    for (const who of [erin, omar, operator]) {
      expect(play.review(who, { operator: true }).refusal?.code, who.id).toBe("not_eligible");
    }
    play.directory = lends(erin, bob).directory;
    expect(play.review(bob).refusal?.code).toBe("not_eligible");
    play.directory = sameHuman(bob, erin);
    expect(play.review(bob).refusal?.code).toBe("not_eligible");
    expect(play.review(dave, { operator: true }).refusal).toBeNull();
    expect(play.review(alice).refusal?.code).toBe("wrong_state");
  });
});

describe("breaking the glass", () => {
  const both: Rule = { all: [seat("security", 1, "group:security"), seat("dba", 1, "group:dba")] };
  const said = (play: Play): { skipped: string[]; told: string[] } | null => {
    const event = play.events.find(({ type }) => type === "broke_glass");
    if (event?.type !== "broke_glass") return null;
    return { skipped: event.data.skipped.map((one) => one.seat), told: event.data.told };
  };

  test("goes round the seats that are open, and tells whoever could have filled one of them", ({
    expect,
  }) => {
    const play = playOf(both, {});
    play.vote(carol, "approve");
    play.breakGlass(erin);
    expect(said(play)).toEqual({ skipped: ["dba"], told: [alice.id, bob.id] });
  });

  test("goes round every seat where only a second human is missing", ({ expect }) => {
    const play = playOf(seat("one", 1, "group:dba"), { risk: "critical" });
    play.vote(alice, "approve");
    expect(play.place).toBe("pending");
    play.breakGlass(erin);
    expect(said(play)).toEqual({ skipped: ["one"], told: [alice.id, bob.id] });
  });

  test("tells also whom only the version in force would have asked, and not who broke it", ({ expect }) => {
    const play = playOf(seat("one", 1, "group:dba"), {});
    play.contract = { ...play.payload.contract, rule: seat("one", 1, "group:security", erin.id) };
    play.breakGlass(erin);
    expect(said(play)?.told).toEqual([alice.id, bob.id, carol.id]);
  });

  test("is for nobody who owns the agent, although the contract lets owners decide", ({ expect }) => {
    const play = playOf(seat("one", 1, "group:dba"), { separationOfDuties: { owner: false } });
    expect(play.breakGlass(omar).refusal?.detail).toBe(
      "You cannot break the glass: owns the agent that asks.",
    );
    expect(play.vote(omar, "approve").refusal).toBeNull();
  });
});
