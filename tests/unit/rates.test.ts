import * as fc from "fast-check";
import { describe, test } from "vitest";
import { wilson } from "../../core/interval.ts";
import { ratesText } from "../../core/prometheus-rates.ts";
import { ratesOf, type RatedAction } from "../../core/rates.ts";
import { timingsOf } from "../../core/timings.ts";
import { feedbackLabels, type FeedbackLabel } from "../../schemas/feedback.ts";
import type { Rates } from "../../schemas/metrics.ts";
import type { Event } from "../../schemas/event.ts";
import { cast, contractOf, createdAt, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

/** One life of an action: what was done to it, in order; whatever does not fit where it stands is refused and changes nothing. */
type Life = {
  type: "db.migrate" | "host.shell" | "cache.flush";
  outcome: "gate" | "allow" | "deny";
  agent: "agent:demo" | "agent:other";
  steps: ("approve" | "deny" | "cancel" | "claim" | "succeed" | "fail" | "rollback" | FeedbackLabel)[];
  afterMinutes: number;
};

const step = fc.constantFrom(
  "approve" as const,
  "approve" as const,
  "deny" as const,
  "cancel" as const,
  "claim" as const,
  "claim" as const,
  "succeed" as const,
  "succeed" as const,
  "fail" as const,
  "rollback" as const,
  ...feedbackLabels,
);
const life: fc.Arbitrary<Life> = fc.record({
  type: fc.constantFrom("db.migrate", "host.shell", "cache.flush"),
  outcome: fc.constantFrom("gate", "gate", "allow", "deny"),
  agent: fc.constantFrom("agent:demo", "agent:other"),
  steps: fc.oneof(
    fc.array(step, { maxLength: 8 }),
    fc
      .array(step, { maxLength: 5 })
      .map((rest) => ["approve", "claim", "succeed", ...rest] as const)
      .map((all) => [...all]),
  ),
  afterMinutes: fc.nat(60 * 48),
});

const classOf = { "db.migrate": "change", "host.shell": "change", "cache.flush": "routine" } as const;

/** Lives it, and keeps its log. */
function lived({ type, outcome, agent, steps, afterMinutes }: Life): {
  log: Event[];
  rated: RatedAction;
  life: Life;
} {
  const contract = contractOf({
    type,
    class: classOf[type],
    decide: outcome === "gate" ? [] : [{ then: outcome }],
    rollback: {},
  });
  const at = createdAt + afterMinutes * 60_000;
  const play = new Play(payloadOf(contract, { createdAt: at }));
  play.now = at;
  play.request();
  const doing: Record<Life["steps"][number], () => unknown> = {
    approve: () => play.vote(cast.alice, "approve"),
    deny: () => play.vote(cast.alice, "deny"),
    cancel: () => play.stop("cancel", cast.demo),
    claim: () => play.claim(),
    succeed: () => play.report(),
    fail: () => play.report({ outcome: "failed", effect: "partial" }),
    rollback: () => play.rollback(),
    needless_gate: () => say("needless_gate"),
    missed_gate: () => say("missed_gate"),
    harm: () => say("harm"),
  };
  const say = (label: FeedbackLabel): unknown =>
    play.do({ type: "feedback", actor: cast.dave, label, incident: null, note: null });
  for (const one of steps) {
    play.wait(1_000);
    doing[one]();
  }
  const rated = {
    ...timingsOf(play.payload, play.state),
    type,
    class: contract.class,
    agent,
    state: play.state.state,
  };
  return { log: play.events, rated, life: { type, outcome, agent, steps, afterMinutes } };
}

type Lived = ReturnType<typeof lived>;

/** Counted from the logs alone, one event after the other, with nothing of the machine's state. */
function bruteForce(all: readonly Lived[], from: number): Record<string, [number, number] | number> {
  const count = {
    actions: 0,
    labelled: 0,
    approved: 0,
    needless: 0,
    through: 0,
    missed: 0,
    ended: 0,
    good: 0,
    undone: 0,
  };
  const agents = new Set<string>();
  for (const {
    log,
    life: { agent },
  } of all) {
    const decision = log.find(({ type }) => type === "approved" || type === "denied");
    if (decision === undefined || decision.at < from) continue;
    count.actions += 1;
    agents.add(agent);
    const said = log.flatMap((event) => (event.type === "feedback" ? [event.data.label] : []));
    if (decision.type === "approved") {
      if (said.length > 0) count.labelled += 1;
      if (decision.data.via === "policy") {
        count.through += 1;
        if (said.includes("missed_gate") || said.includes("harm")) count.missed += 1;
      } else {
        count.approved += 1;
        if (said.includes("needless_gate")) count.needless += 1;
      }
    }
    const runs = log.filter(({ type }) => type === "executed" || type === "failed");
    if (runs.length === 0) continue;
    count.ended += 1;
    const undone = log.some(({ type }) => type === "rollback_started");
    if (undone) count.undone += 1;
    else if (runs.at(-1)?.type === "executed") count.good += 1;
  }
  const { actions, labelled, approved, needless, through, missed, ended, good, undone } = count;
  return {
    actions,
    agents: agents.size,
    labelled,
    needlessGates: [needless, approved],
    missedGates: [missed, through],
    success: [good, ended],
    rollback: [undone, ended],
  };
}

describe("rates", () => {
  const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const now = createdAt + 60 * 48 * 60_000 + 60_000;
  const from = now - 24 * 3_600_000;
  const span = {
    window: "24h",
    from: new Date(from).toISOString(),
    to: new Date(now).toISOString(),
    complete: true,
  } as const;

  test("equal a count over the logs of generated lives, by type, by class and of all", ({ expect }) => {
    console.log(`rates: seed ${seed}`);
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(life, { maxLength: 60 }), (lives) => {
        const all = lives.map(lived);
        const rates = ratesOf(
          all.map(({ rated }) => rated),
          [],
          from,
          span,
        );
        const held = (row: (typeof rates)["all"], some: readonly Lived[]): void => {
          const { needlessGates, missedGates, success, rollback } = row;
          const share = ({ hits, trials }: { hits: number; trials: number }): [number, number] => [
            hits,
            trials,
          ];
          expect({
            actions: row.actions,
            agents: row.agents,
            labelled: needlessGates.labelled + missedGates.labelled,
            needlessGates: share(needlessGates),
            missedGates: share(missedGates),
            success: share(success),
            rollback: share(rollback),
          }).toEqual(bruteForce(some, from));
          for (const rate of [needlessGates, missedGates, success, rollback]) {
            expect(rate).toMatchObject(wilson(rate.hits, rate.trials));
          }
          for (const [name, { hits }] of Object.entries({ needlessGates, missedGates, success, rollback })) {
            seen.set(name, (seen.get(name) ?? 0) + hits);
          }
        };
        held(rates.all, all);
        for (const row of rates.byType) {
          held(
            row,
            all.filter((one) => one.life.type === row.name),
          );
        }
        for (const row of rates.byClass) {
          held(
            row,
            all.filter((one) => classOf[one.life.type] === row.name),
          );
        }
        expect(rates.byType.reduce((sum, { actions }) => sum + actions, 0)).toBe(rates.all.actions);
      }),
      { numRuns: 600, seed },
    );
    console.log("rates: hits", Object.fromEntries(seen));
    // Lives in which nothing is ever wrong would prove nothing.
    for (const name of ["needlessGates", "missedGates", "success", "rollback"]) {
      expect(seen.get(name)).toBeGreaterThan(50);
    }
  });

  const counters: Record<string, (all: readonly RatedAction[]) => Rates> = {
    "over the wrong day": (all) => ratesOf(all, [], from - 24 * 3_600_000, span),
    "with what policy let through among the gates": (all) =>
      ratesOf(
        all.map((one) => ({ ...one, via: one.via === "policy" ? "api" : one.via })),
        [],
        from,
        span,
      ),
    "deaf to what is said": (all) =>
      ratesOf(
        all.map((one) => ({ ...one, labels: [] })),
        [],
        from,
        span,
      ),
  };
  test.for(Object.keys(counters))("%s differ from that count", (name, { expect }) => {
    const all = fc.sample(life, { numRuns: 300, seed }).map(lived);
    const { needlessGates, missedGates, success, rollback, actions } = counters[name]!(
      all.map(({ rated }) => rated),
    ).all;
    const pairs = Object.entries({ needlessGates, missedGates, success, rollback });
    const found = {
      actions,
      ...Object.fromEntries(pairs.map(([rate, { hits, trials }]) => [rate, [hits, trials]])),
    };
    const { agents: _, labelled: __, ...counted } = bruteForce(all, from);
    expect(found).not.toEqual(counted);
  });

  test("count bypasses apart, also of a type that nothing was decided of", ({ expect }) => {
    const bypasses = [
      { type: "db.migrate", class: "change" },
      { type: "db.migrate", class: "change" },
    ];
    const rates = ratesOf([], bypasses, from, span);
    expect(rates.all).toMatchObject({ actions: 0, bypasses: 2, success: { share: null, low: 0, high: 1 } });
    expect(rates.byType).toMatchObject([{ name: "db.migrate", actions: 0, bypasses: 2 }]);
    expect(rates.byClass).toMatchObject([{ name: "change", bypasses: 2 }]);
  });

  test("show no series for a rate of nothing, and the counter of bypasses always", ({ expect }) => {
    const text = ratesText(ratesOf([], [], from, span), []);
    expect(text).toBe(
      "# HELP holdpoint_bypasses_total Effects reported that no claim stands behind.\n# TYPE holdpoint_bypasses_total counter\nholdpoint_bypasses_total 0\n",
    );
  });
});
