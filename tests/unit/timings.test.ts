import fc from "fast-check";
import * as v from "valibot";
import { describe, test } from "vitest";
import { figuresOf } from "../../core/figures.ts";
import type { Command } from "../../core/machine/command.ts";
import { engine } from "../../core/machine/emissions.ts";
import { foldAll, unborn } from "../../core/machine/fold.ts";
import { step } from "../../core/machine/step.ts";
import type { TimedAction, Wait } from "../../core/queue-time.ts";
import { timingsOf } from "../../core/timings.ts";
import type { Event, EventType } from "../../schemas/event.ts";
import { Policy } from "../../schemas/policy.ts";
import type { Payload } from "../../schemas/stored.ts";
import { bruteForce } from "../support/percentiles.ts";
import { starterDirectory, starterPolicy } from "../support/starter.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
const contract = v.parse(Policy, starterPolicy()).contracts.find(({ type }) => type === "host.shell")!;
const directory = starterDirectory();
const start = Date.parse("2026-01-01T00:00:00.000Z");
const minute = 60_000;

const payloadAt = (createdAt: number): Payload => ({
  id: `act_${createdAt}`,
  workspace: "default",
  type: "host.shell",
  contract,
  contractVersion: "c",
  policyVersion: "p",
  requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
  target: { resource: "prod-db-1", segment: "prod-hosts" },
  args: { argv: ["uptime"] },
  reason: "It does not answer",
  context: null,
  preconditions: null,
  rollbackPlan: null,
  notBefore: null,
  notAfter: null,
  supersedes: null,
  callback: null,
  digest: "d",
  decision: { outcome: "gate", because: "rule host.shell" },
  createdAt,
});

const agent = { kind: "agent", id: "agent:demo" } as const;
const bob = { kind: "person", id: "person:bob" } as const;
const vote = (decision: "approve" | "deny", reason: string | null = null): Command => ({
  type: "vote",
  actor: bob,
  decision,
  digest: "d",
  reason,
  via: "slack",
});

const commands = {
  approve: vote("approve"),
  deny: vote("deny", "no"),
  cancel: { type: "cancel", actor: agent, reason: "not needed" },
  claim: { type: "claim", actor: agent, digest: "d", preconditions: null, leaseId: "lease" },
  report: {
    type: "report",
    actor: agent,
    lease: "lease",
    fence: 1,
    outcome: "succeeded",
    effect: "none",
    summary: "done",
    evidence: null,
    startupMs: null,
  },
  tick: { type: "tick", actor: engine },
} as const satisfies Record<string, Command>;

type Move = { what: keyof typeof commands; afterMs: number };
/** Mostly what becomes of an action, at any pace, up to and past its deadlines. */
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    what: fc.constantFrom("approve", "claim", "report", "deny", "cancel", "tick", "tick"),
    afterMs: fc.integer({ min: 1, max: 20 * minute }),
  }),
  { maxLength: 5 },
);

/** The log of one action that is asked for and then meets these commands. */
function logOf(payload: Payload, made: readonly Move[]): Event[] {
  const facts = { contract, directory, operator: false, outOfScope: null, judge };
  let { state, events } = step(
    payload,
    unborn(payload),
    { type: "create", actor: agent },
    facts,
    payload.createdAt,
  );
  const log = [...events];
  let now = payload.createdAt;
  for (const { what, afterMs } of made) {
    now += afterMs;
    ({ state, events } = step(payload, state, commands[what], facts, now));
    log.push(...events);
  }
  return log;
}

/** What a clock ends, it ends at its deadline, however late somebody looked. */
const whenTrue = (event: Event | undefined): number | null =>
  event === undefined ? null : event.type === "expired" ? event.data.dueAt : event.at;

const first = (log: readonly Event[], ...types: EventType[]): number | null =>
  whenTrue(log.find(({ type }) => types.includes(type)));

/** The wait for a decision, from the events and nothing else. */
function waitIn(log: readonly Event[], from: number, now: number): Wait[] {
  const asked = log[0]!.at;
  const decided = first(log, "approved", "denied");
  const gone = first(log, "cancelled", "expired");
  const end = decided ?? gone ?? now;
  const outcome = decided !== null ? "reached" : gone !== null ? "left" : "waiting";
  return end < from ? [] : [{ ms: end - asked, outcome }];
}

const timed = (payload: Payload, log: readonly Event[]): TimedAction => {
  const state = foldAll(payload, log);
  return {
    ...timingsOf(payload, state),
    type: payload.type,
    risk: contract.risk,
    groups: [],
    state: state.state,
    notifiedAt: null,
    seen: {},
  };
};

describe("timings", () => {
  test("give the percentiles that a brute-force computation over the event logs gives", ({ expect }) => {
    const outcomes = { reached: 0, waiting: 0, left: 0 };
    const action = fc.record({
      createdAt: fc.integer({ min: start, max: start + 120 * minute }),
      made: moves,
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (asked) => {
        const logs = asked.map(({ createdAt, made }) => {
          const payload = payloadAt(createdAt);
          return { payload, log: logOf(payload, made) };
        });
        const now = Math.max(start, ...logs.map(({ log }) => log.at(-1)!.at));
        const around = {
          window: "1h",
          now,
          complete: true,
          deadLetters: 0,
          suppressed: { budget: 0, coalesced: 0 },
        } as const;
        const { decided } = figuresOf(
          logs.map(({ payload, log }) => timed(payload, log)),
          around,
        ).queueTime;
        const waits = logs.flatMap(({ log }) => waitIn(log, now - 60 * minute, now));
        for (const { outcome } of waits) outcomes[outcome] += 1;
        expect([decided.p50, decided.p95, decided.p99]).toEqual(
          [0.5, 0.95, 0.99].map((share) => bruteForce(waits, share)),
        );
        expect(decided.reached + decided.waiting + decided.left).toBe(waits.length);
      }),
      { numRuns: 300 },
    );
    for (const [outcome, count] of Object.entries(outcomes)) expect(count, outcome).toBeGreaterThan(100);
  });

  test("keep the first of each step, whatever follows", ({ expect }) => {
    const payload = payloadAt(start);
    const log = logOf(payload, [
      { what: "approve", afterMs: 1_000 },
      { what: "claim", afterMs: 2_000 },
      { what: "report", afterMs: 3_000 },
    ]);
    expect(timed(payload, log)).toMatchObject({
      createdAt: start,
      firstVoteAt: start + 1_000,
      decidedAt: start + 1_000,
      claimedAt: start + 3_000,
      finishedAt: start + 6_000,
      leftAt: null,
      decision: "approved",
      via: "slack",
      votes: [{ person: "person:bob", decision: "approve", at: start + 1_000, via: "slack" }],
    });
  });

  test.for([
    ["Missing context: which host?", true],
    ["  missing context", true],
    ["It is missing context", false],
    ["no", false],
  ] as const)(
    "a denial that says %j counts as asked without enough to go on: %s",
    ([reason, counts], { expect }) => {
      const payload = payloadAt(start);
      const facts = { contract, directory, operator: false, outOfScope: null, judge };
      const asked = step(payload, unborn(payload), { type: "create", actor: agent }, facts, start);
      const denied = step(payload, asked.state, vote("deny", reason), facts, start + 1);
      expect(timed(payload, [...asked.events, ...denied.events])).toMatchObject({
        decision: "denied",
        missingContext: counts,
      });
    },
  );

  test("hold no word of anybody's", ({ expect }) => {
    const payload = payloadAt(start);
    const log = logOf(payload, [{ what: "deny", afterMs: 1 }]);
    expect(JSON.stringify(timingsOf(payload, foldAll(payload, log)))).not.toMatch(/"no"|answer|uptime/u);
  });
});
