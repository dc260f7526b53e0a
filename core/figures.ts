import type { Figures, MetricsWindow, ReviewerFigures, StageFigures } from "../schemas/metrics.ts";
import {
  bucketSeconds,
  histogramOf,
  percentiles,
  waitsOf,
  type Stage,
  type TimedAction,
} from "./queue-time.ts";

const hourMs = 3_600_000;
export const windowMs: Readonly<Record<MetricsWindow, number>> = {
  "1h": hourMs,
  "24h": 24 * hourMs,
  "7d": 7 * 24 * hourMs,
  "30d": 30 * 24 * hourMs,
};

/** What is known beside the actions. `complete`: they are all that the window holds. */
export type Surroundings = {
  readonly window: MetricsWindow;
  /** Epoch ms: the end of the window. */
  readonly now: number;
  readonly complete: boolean;
  readonly deadLetters: number;
  /** Messages to people that were not sent in the window. */
  readonly suppressed: Figures["suppressed"];
};

/** The on-call's figures over every action that is open, or was when the window began. */
export function figuresOf(actions: readonly TimedAction[], around: Surroundings): Omit<Figures, "rates"> {
  const { window, now, complete, deadLetters, suppressed } = around;
  const from = now - windowMs[window];
  const inWindow = (at: number | null): boolean => at !== null && at >= from;
  const stage = (name: Stage): StageFigures => stageFigures(name, actions, from, now);
  const decided = actions.filter(({ decidedAt }) => inWindow(decidedAt));
  const gone = actions.filter(({ state, leftAt }) => state === "expired" && inWindow(leftAt));
  const waited = actions.filter(({ state, decidedAt, leftAt }) =>
    state === "pending" ? true : inWindow(decidedAt ?? leftAt),
  );
  return {
    window,
    from: new Date(from).toISOString(),
    to: new Date(now).toISOString(),
    complete,
    pending: pendingOf(
      actions.filter(({ state }) => state === "pending"),
      now,
    ),
    queueTime: {
      notified: stage("notified"),
      seen: stage("seen"),
      firstVote: stage("firstVote"),
      decided: stage("decided"),
      claimed: stage("claimed"),
      finished: stage("finished"),
    },
    requested: actions.filter(({ createdAt }) => inWindow(createdAt)).length,
    decided: decidedOf(decided),
    expired: {
      pending: gone.filter(({ decidedAt }) => decidedAt === null).length,
      approved: gone.filter(({ decidedAt }) => decidedAt !== null).length,
    },
    escalated: waited.filter(({ escalations }) => escalations > 0).length,
    underFiveSeconds: quickOf(decided),
    missingContext: missingOf(decided),
    reviewers: reviewersOf(actions, from),
    deadLetters,
    suppressed,
  };
}

function stageFigures(
  stage: Stage,
  actions: readonly TimedAction[],
  from: number,
  now: number,
): StageFigures {
  const waits = waitsOf(stage, actions, from, now);
  const [p50 = null, p95 = null, p99 = null] = percentiles(waits, [0.5, 0.95, 0.99]);
  const of = (outcome: (typeof waits)[number]["outcome"]): number =>
    waits.filter((wait) => wait.outcome === outcome).length;
  const bounds = [...bucketSeconds.map((seconds) => seconds * 1_000), null];
  const counts = histogramOf(waits);
  return {
    reached: of("reached"),
    waiting: of("waiting"),
    left: of("left"),
    p50,
    p95,
    p99,
    histogram: bounds.map((leMs, at) => ({ leMs, count: counts[at] ?? 0 })),
  };
}

function pendingOf(pending: readonly TimedAction[], now: number): Figures["pending"] {
  const ageOf = ({ createdAt }: TimedAction): number => Math.max(now - createdAt, 0);
  const oldest = (some: readonly TimedAction[]): number =>
    some.reduce((most, action) => Math.max(most, ageOf(action)), 0);
  const by = (namesOf: (action: TimedAction) => readonly string[]): Figures["pending"]["byType"] => {
    const named = pending.flatMap((action) => namesOf(action).map((name) => ({ name, action })));
    return [...Map.groupBy(named, ({ name }) => name)]
      .map(([name, some]) => ({
        name,
        count: some.length,
        oldestMs: oldest(some.map(({ action }) => action)),
      }))
      .toSorted((a, b) => b.oldestMs - a.oldestMs || a.name.localeCompare(b.name));
  };
  return {
    count: pending.length,
    oldestMs: pending.length === 0 ? null : oldest(pending),
    byType: by(({ type }) => [type]),
    byRisk: by(({ risk }) => [risk]),
    byGroup: by(({ groups }) => groups),
  };
}

function decidedOf(decided: readonly TimedAction[]): Figures["decided"] {
  const byPeople = decided.filter(({ via }) => via !== "policy");
  const byVia: Record<string, number> = {};
  for (const { via } of byPeople) if (via !== null) byVia[via] = (byVia[via] ?? 0) + 1;
  return {
    approved: byPeople.filter(({ decision }) => decision === "approved").length,
    denied: byPeople.filter(({ decision }) => decision === "denied").length,
    byPolicy: decided.length - byPeople.length,
    byVia,
  };
}

const quickMs = 5_000;

/**
 * Whether people decided it in under five seconds since it was first opened, or where nobody opened it before voting, since
 * they were told, or else since it was asked for. Null where it was not theirs to decide, or is not decided.
 */
export function isQuick(action: TimedAction): boolean | null {
  const { decidedAt, via, seen, notifiedAt, createdAt } = action;
  if (decidedAt === null || via === "policy") return null;
  const opened = Object.values(seen).filter((at) => at <= decidedAt);
  // A notice that was acknowledged only after the decision is not what made anybody decide.
  const told = notifiedAt !== null && notifiedAt <= decidedAt ? notifiedAt : createdAt;
  return decidedAt - (opened.length > 0 ? Math.min(...opened) : told) < quickMs;
}

const shareOf = (count: number, of: number): { count: number; of: number; share: number | null } => ({
  count,
  of,
  share: of === 0 ? null : count / of,
});

function quickOf(decided: readonly TimedAction[]): Figures["underFiveSeconds"] {
  const verdicts = decided.map(isQuick).filter((quick) => quick !== null);
  return shareOf(verdicts.filter(Boolean).length, verdicts.length);
}

function missingOf(decided: readonly TimedAction[]): Figures["missingContext"] {
  const denied = decided.filter(({ decision, via }) => decision === "denied" && via !== "policy");
  return shareOf(denied.filter(({ missingContext }) => missingContext).length, denied.length);
}

/** Whoever decides most comes first. */
function reviewersOf(actions: readonly TimedAction[], from: number): ReviewerFigures[] {
  const votes = actions.flatMap(({ votes: cast, seen }) =>
    cast
      .filter(({ decision, at }) => decision !== "withdraw" && at >= from)
      .map((vote) => ({ ...vote, openedAt: seen[vote.person] })),
  );
  const figures = [...Map.groupBy(votes, ({ person }) => person)].map(([person, own]): ReviewerFigures => {
    const reviews = own.flatMap(({ at, openedAt }) =>
      openedAt === undefined || openedAt > at ? [] : [at - openedAt],
    );
    return {
      person,
      decisions: own.length,
      approved: own.filter(({ decision }) => decision === "approve").length,
      denied: own.filter(({ decision }) => decision === "deny").length,
      review: {
        timed: reviews.length,
        totalMs: reviews.reduce((sum, ms) => sum + ms, 0),
        medianMs: reviews.toSorted((a, b) => a - b)[Math.ceil(reviews.length / 2) - 1] ?? null,
      },
    };
  });
  return figures.toSorted((a, b) => b.decisions - a.decisions || a.person.localeCompare(b.person));
}
