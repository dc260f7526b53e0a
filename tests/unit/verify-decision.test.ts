import { describe, test } from "vitest";
import { verdictOf, verifyBundle, type Finding } from "../../core/evidence/verify.ts";
import type { Event } from "../../schemas/event.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import { cast, contractOf, directoryOf, payloadOf, seat } from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";
import { Dice } from "../support/dice.ts";
import { storyOf, type Life } from "../support/evidence.ts";
import { bundleIn, checkpointAt, Tree } from "../support/evidence-bundle.ts";

/**
 * The decision is worked out again from the entries alone. Here the log itself is true and signed, and what it says was made up:
 * an engine that was changed, or whoever held its key before anybody kept a checkpoint.
 */

function judged({ payload, events }: Pick<Life, "payload"> & { events: readonly Event[] }): Finding[] {
  const story = storyOf([{ payload, events: numbered(events) }], new Dice(1), { rotated: false, erases: 0 });
  const tree = new Tree(story.lines);
  const bundle = bundleIn(story, tree, story.told[0]!, checkpointAt(story, tree, story.lines.length), null);
  return verifyBundle(JSON.parse(JSON.stringify(bundle)), { kept: [], keys: [] }, tools);
}
const numbered = (events: readonly Event[]): Event[] =>
  events.map((event, index) => ({ ...event, seq: index + 1 }));
const faultsOf = (findings: readonly Finding[]): string =>
  findings
    .filter(({ status }) => status === "failed")
    .map(({ check, says }) => `${check}: ${says}`)
    .join("\n");
const proven = (findings: readonly Finding[], check: string): string =>
  findings.find((one) => one.check === check && one.status === "proven")?.says ?? "";

const both = contractOf({
  rule: { all: [seat("security", 1, "group:security"), seat("dba", 1, "group:dba")] },
  onChange: "pin",
  rollback: { window: "1m" },
});

/** Approved by carol and bob, run and reported. */
function done(contract = both): Play {
  const play = new Play(payloadOf(contract)).request();
  play.wait(1_000).vote(cast.carol, "approve");
  play.wait(1_000).vote(cast.bob, "approve");
  play.wait(1_000).claim();
  play.wait(1_000).heartbeat();
  play.wait(1_000).report();
  return play;
}

type Change = (event: Event) => Event | Event[];
const changed = (play: Play, change: Change): Life => ({
  payload: play.payload,
  events: play.events.flatMap(change),
});
const dropped =
  (which: (event: Event) => boolean): Change =>
  (event) =>
    which(event) ? [] : event;
/** An event as these tests write one: loosely, because they make what no machine makes. */
type Loose = Omit<Event, "data"> & {
  data: { by: string[]; counted: string[]; expiresAt: number; dueAt: number };
};
/** A change of one type of event. */
const of =
  (type: Event["type"], change: (event: Loose) => object): Change =>
  (event) =>
    event.type === type ? (change(event as Loose) as Event) : event;

describe("the decision, worked out again", () => {
  test("is proven where people, clocks and runs are as they should be", ({ expect }) => {
    const findings = judged(done());
    expect(faultsOf(findings)).toBe("");
    expect(verdictOf(findings)).toBe("proven");
    expect(proven(findings, "quorum")).toContain("Approved by person:carol and person:bob");
    expect(proven(findings, "transitions")).toContain("it leads to executed");
  });

  test.for<[string, Change, RegExp]>([
    [
      "nobody voted",
      dropped(({ type }) => type === "voted"),
      /quorum: It was approved without a vote that closes it/u,
    ],
    [
      "one of two votes is missing",
      (event) =>
        event.type === "voted" && event.actor.id === "person:carol"
          ? []
          : event.type === "voted"
            ? { ...event, data: { ...event.data, counted: ["person:bob"] } }
            : event.type === "approved"
              ? { ...event, data: { ...event.data, by: ["person:bob"] } }
              : event,
      /quorum: It was approved, and the votes do not fill the seats/u,
    ],
    [
      "one person sits on two seats",
      (event) =>
        event.type === "voted"
          ? {
              ...event,
              actor: cast.carol,
              data: {
                ...event.data,
                person: "person:carol",
                selectors: ["group:dba", "group:security"],
                identity: "person:carol",
                counted: ["person:carol"],
              },
            }
          : event.type === "approved"
            ? { ...event, actor: cast.carol, data: { ...event.data, by: ["person:carol"] } }
            : event,
      /quorum: It was approved, and the votes do not fill the seats/u,
    ],
    [
      "the agent's owner voted",
      (event) =>
        event.type === "voted" && event.actor.id === "person:bob"
          ? {
              ...event,
              actor: cast.omar,
              data: {
                ...event.data,
                person: "person:omar",
                identity: "person:omar",
                counted: ["person:carol", "person:omar"],
              },
            }
          : event.type === "approved"
            ? { ...event, actor: cast.omar, data: { ...event.data, by: ["person:carol", "person:omar"] } }
            : event,
      /separation: person:omar owns the agent that asks/u,
    ],
    [
      "a vote was turned into a denial",
      of("voted", (event) => ({ ...event, data: { ...event.data, decision: "deny" } })),
      /quorum: A denial needs a reason/u,
    ],
    [
      "somebody counts who has not voted",
      of("voted", (event) => ({
        ...event,
        data: { ...event.data, counted: [...event.data.counted, "person:erin"] },
      })),
      /quorum: person:erin counts, and has not voted/u,
    ],
    [
      "others are named than those who decided",
      of("approved", (event) => ({ ...event, data: { ...event.data, by: ["person:bob"] } })),
      /quorum: Those who are said to have decided are not those whose votes count/u,
    ],
    [
      "it was approved by a policy that asks people",
      of("approved", (event) => ({ ...event, actor: cast.engine, data: { via: "policy", by: [] } })),
      /quorum: The policy decides at once and by itself, or not at all/u,
    ],
    [
      "the glass was said to be broken",
      of("approved", (event) => ({ ...event, data: { via: "break_glass", by: [event.actor.id] } })),
      /quorum: It was approved past the approvers, and nobody broke the glass/u,
    ],
    [
      "it was voted on after its time",
      (event) => (event.seq === 1 ? event : { ...event, at: event.at + 3_600_000 }),
      /clocks: It came at .*, and "pending" had ended at/u,
    ],
    [
      "it was claimed after the approval had aged",
      (event) => (event.type === "claimed" || event.seq > 5 ? { ...event, at: event.at + 60_000 } : event),
      /clocks: It came at .*, and "approved" had ended at/u,
    ],
    [
      "the lease is longer than its contract",
      of("claimed", (event) => ({ ...event, data: { ...event.data, expiresAt: event.data.expiresAt + 1 } })),
      /clocks: The time of the lease is not that of its contract/u,
    ],
    [
      "it was reported after the lease",
      (event) => (event.type === "executed" ? { ...event, at: event.at + 60_000 } : event),
      /clocks: It came at .*, and "executing" had ended at/u,
    ],
    [
      "it was claimed twice",
      (event) =>
        event.type === "claimed"
          ? [event, { ...event, data: { ...event.data, lease: "lease-2", fence: 2 } }]
          : event,
      /execution: It was claimed a second time, and its contract does not allow that/u,
    ],
    [
      "another executor reported",
      of("executed", (event) => ({ ...event, actor: cast.other })),
      /execution: It was reported by somebody who did not hold the lease/u,
    ],
    [
      "the fence did not grow",
      of("claimed", (event) => ({ ...event, data: { ...event.data, fence: 0 } })),
      /execution: Its fence is 0/u,
    ],
    [
      "a person executed",
      of("claimed", (event) => ({
        ...event,
        actor: cast.bob,
        data: { ...event.data, executor: "person:bob" },
      })),
      /execution: A person does not execute/u,
    ],
    [
      "it ran without an approval",
      dropped(({ type }) => type === "approved"),
      /transitions: "claimed" cannot follow when it is pending/u,
    ],
    [
      "it ran after it was denied",
      of("approved", (event) => ({
        ...event,
        type: "denied",
        state: "denied",
        data: { via: "votes", by: event.data.by },
      })),
      /transitions: "claimed" cannot follow when it is denied/u,
    ],
    [
      "it was rolled back twice",
      (event) => {
        const start = {
          ...event,
          type: "rollback_started" as const,
          state: "rolling_back" as const,
          actor: cast.omar,
          data: {},
        };
        return event.type === "executed"
          ? [event, start, { ...event, state: "rolled_back", type: "rolled_back" }, start]
          : event;
      },
      /transitions: "rollback_started" cannot follow when it is rolled_back/u,
    ],
  ])("fails where %s", ([, change, reason], { expect }) => {
    const findings = judged(changed(done(), change));
    expect(verdictOf(findings)).toBe("failed");
    expect(faultsOf(findings)).toMatch(reason);
  });

  test("critical takes two humans, whatever its rule says", ({ expect }) => {
    const critical = contractOf({ risk: "critical", onChange: "pin" });
    const play = done(contractOf({ onChange: "pin" }));
    expect(play.place).toBe("executed");
    const findings = judged({
      payload: payloadOf(critical),
      events: play.events.filter((event) => event.actor.id !== "person:carol"),
    });
    expect(faultsOf(findings)).toMatch(/quorum: It was approved, and the votes do not fill the seats/u);
  });

  test("a denial that ends it by the contract, and did not, is found", ({ expect }) => {
    const play = new Play(
      payloadOf(contractOf({ deny: { denials: 2, veto: [] }, rule: seat("dba", 2, "group:dba") })),
    ).request();
    play.vote(cast.alice, "deny");
    const once = contractOf({ rule: seat("dba", 2, "group:dba") });
    const findings = judged({ payload: payloadOf(once), events: play.events });
    expect(faultsOf(findings)).toMatch(
      /quorum: This denial ends the action by its contract, and it went on/u,
    );
  });

  test("who broke the glass may do so by the contract, says why, and does not review it", ({ expect }) => {
    const contract = contractOf({
      breakGlass: { by: [cast.erin.id], reviewDue: "5m" },
      rule: seat("dba", 2, "group:dba"),
    });
    const play = new Play(payloadOf(contract)).request();
    play.wait(1_000).breakGlass(cast.erin);
    play.wait(1_000).review(cast.bob);
    expect(faultsOf(judged(play))).toBe("");
    expect(
      faultsOf(
        judged(
          changed(
            play,
            of("reviewed", (event) => ({
              ...event,
              actor: cast.erin,
              data: { ...event.data, person: "person:erin" },
            })),
          ),
        ),
      ),
    ).toMatch(/may not review/u);
    expect(
      faultsOf(
        judged(
          changed(
            play,
            of("broke_glass", (event) => ({ ...event, reason: null })),
          ),
        ),
      ),
    ).toMatch(/says why/u);
    const others = payloadOf(contractOf({ rule: seat("dba", 2, "group:dba") }));
    expect(faultsOf(judged({ payload: others, events: play.events }))).toMatch(
      /lets nobody break the glass/u,
    );
  });

  test("what ends by the clock ends at its time, and not before", ({ expect }) => {
    const play = new Play(payloadOf(both)).request();
    play.wait(600_000).tick();
    expect(play.place).toBe("expired{pending}");
    expect(faultsOf(judged(play))).toBe("");
    const early = changed(
      play,
      of("expired", (event) => ({ ...event, data: { dueAt: event.data.dueAt - 1 } })),
    );
    expect(faultsOf(judged(early))).toMatch(/clocks: It ends at .* what does not end then/u);
  });

  test("a rollback has a plan that was agreed to, its window, and one that may start it", ({ expect }) => {
    const play = done();
    play.wait(1_000).rollback();
    play.claim(cast.other);
    play.report({}, undefined, cast.other);
    expect(play.place).toBe("rolled_back");
    expect(faultsOf(judged(play))).toBe("");
    const unplanned = { ...play.payload, rollbackPlan: null };
    expect(faultsOf(judged({ payload: unplanned, events: play.events }))).toMatch(
      /execution: It was rolled back without a plan/u,
    );
    const late = changed(play, (event) => (event.seq > 7 ? { ...event, at: event.at + 60_000 } : event));
    expect(faultsOf(judged(late))).toMatch(/clocks: It was rolled back after the time for that was over/u);
  });

  test("what only watches lets everything through, and says so; a list that cannot allow has not allowed", ({
    expect,
  }) => {
    const allowed = contractOf({ decide: [{ then: "allow" }] });
    const play = new Play(payloadOf(allowed)).request();
    expect(faultsOf(judged(play))).toBe("");
    const never = { ...payloadOf(contractOf({})), decision: { outcome: "allow", because: "so" } as const };
    expect(faultsOf(judged({ payload: never, events: play.events }))).toMatch(
      /The contract's list cannot come to/u,
    );
    const watching = contractOf({ mode: "shadow" });
    const decision = {
      outcome: "allow",
      because: "so",
      mode: "shadow",
      would: { outcome: "gate", because: "so" },
    } as const;
    expect(faultsOf(judged({ payload: { ...payloadOf(watching), decision }, events: play.events }))).toBe("");
  });

  test("where memberships changed between two votes it says that it cannot tell", ({ expect }) => {
    const play = new Play(payloadOf(both)).request();
    play.directory = directoryOf({ groups: { dba: [cast.carol, cast.bob], security: [], oncall: [] } });
    play.vote(cast.carol, "approve");
    play.directory = staff;
    play.vote(cast.bob, "approve");
    expect(play.place).toBe("approved");
    const findings = judged(play);
    expect(verdictOf(findings)).toBe("proven");
    expect(proven(findings, "quorum")).toBe("");
    expect(findings.map(({ says }) => says).join("\n")).toContain(
      "where somebody's membership changed between two votes",
    );
  });
});
