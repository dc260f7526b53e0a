import type { FeedbackLabel } from "../schemas/feedback.ts";
import type { GateRate, RateRow, Rates } from "../schemas/metrics.ts";
import type { State } from "../schemas/action.ts";
import type { Timings } from "../schemas/timings.ts";
import { wilson, type Share } from "./interval.ts";

/**
 * How often the gates were wrong, by what people have said afterwards, and how often what ran went well. What nobody has spoken of
 * counts as not wrong, so the two rates of gates are the least they can be: `labelled` says how many were spoken of at all.
 */

/** One action as the rates see it. */
export type RatedAction = Pick<Timings, "decidedAt" | "decision" | "via" | "finishedAt" | "labels"> & {
  readonly type: string;
  readonly class: string;
  /** The agent that asked. */
  readonly agent: string;
  readonly state: State;
  /** What its contract would have said, where it only watched. */
  readonly would?: "allow" | "gate" | "deny" | undefined;
};

/** An effect that no claim stands behind. */
export type Bypassed = { readonly type: string; readonly class: string };

type Span = Pick<Rates, "window" | "from" | "to" | "complete">;

/** `actions` may hold more than the workload, which is those decided from `from` on (epoch ms). */
export function ratesOf(
  actions: readonly RatedAction[],
  bypasses: readonly Bypassed[],
  from: number,
  span: Span,
): Rates {
  const decided = actions.filter(({ decidedAt }) => decidedAt !== null && decidedAt >= from);
  const by = (nameOf: (one: Bypassed) => string): RateRow[] => {
    const names = [...new Set([...decided, ...bypasses].map(nameOf))].toSorted((a, b) => a.localeCompare(b));
    const own = Map.groupBy(decided, nameOf);
    const around = Map.groupBy(bypasses, nameOf);
    return names.map((name) => rowOf(name, own.get(name) ?? [], around.get(name)?.length ?? 0));
  };
  return {
    ...span,
    all: rowOf("all", decided, bypasses.length),
    byType: by(({ type }) => type),
    byClass: by((one) => one.class),
  };
}

function rowOf(name: string, workload: readonly RatedAction[], bypasses: number): RateRow {
  const approved = workload.filter(({ decision }) => decision === "approved");
  const ended = workload.filter(({ finishedAt }) => finishedAt !== null);
  const stands = ended.filter(({ state }) => state === "executed");
  return {
    name,
    actions: workload.length,
    agents: new Set(workload.map(({ agent }) => agent)).size,
    types: new Set(workload.map(({ type }) => type)).size,
    needlessGates: gateRate(
      approved.filter(({ via }) => via !== "policy"),
      ["needless_gate"],
    ),
    missedGates: gateRate(
      approved.filter(({ via }) => via === "policy"),
      ["missed_gate", "harm"],
    ),
    success: plain(wilson(stands.length, ended.length)),
    rollback: plain(wilson(ended.filter(({ state }) => undone.has(state)).length, ended.length)),
    bypasses,
    ...watchedOf(workload),
  };
}

/** Nothing where no contract only watched. */
function watchedOf(workload: readonly RatedAction[]): Pick<RateRow, "watched"> {
  const said = workload.flatMap(({ would }) => would ?? []);
  const count = (outcome: (typeof said)[number]): number => said.filter((one) => one === outcome).length;
  return said.length === 0
    ? {}
    : { watched: { allow: count("allow"), gate: count("gate"), deny: count("deny") } };
}

const undone: ReadonlySet<State> = new Set<State>(["rolling_back", "rolled_back", "rollback_failed"]);

function gateRate(decided: readonly RatedAction[], wrong: readonly FeedbackLabel[]): GateRate {
  const spokenOf = decided.filter(({ labels = [] }) => labels.length > 0);
  const hits = spokenOf.filter(({ labels = [] }) => labels.some((label) => wrong.includes(label)));
  return { ...plain(wilson(hits.length, decided.length)), labelled: spokenOf.length };
}

const plain = ({ share, low, high, hits, trials }: Share): Share => ({ share, low, high, hits, trials });
