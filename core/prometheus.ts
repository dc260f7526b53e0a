import type { Counters } from "../schemas/counters.ts";
import { suppressions, type Suppression } from "../schemas/notice.ts";
import { bucketSeconds, percentiles, stages, waitsOf, type TimedAction } from "./queue-time.ts";

/** The answer's type: the text exposition format 0.0.4. */
export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/** What a scrape shows. `recent`: every action that is open, or was in the last hour; `deadLetters`: how many there are. */
export type Scraped = {
  readonly counters: Counters;
  readonly recent: readonly TimedAction[];
  readonly deadLetters: number;
  /** Messages to people that were not sent, since the first one. */
  readonly suppressed: Readonly<Record<Suppression, number>>;
  /** Epoch ms. */
  readonly now: number;
};

type Labels = Readonly<Record<string, string>>;
export type Sample = { readonly suffix?: string; readonly labels?: Labels; readonly value: number };
export type Metric = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
};

const hourMs = 3_600_000;

/** No id of an action, an agent or a person is ever a label: each would be a series for ever. */
export function prometheusText({ counters, recent, deadLetters, suppressed, now }: Scraped): string {
  const metrics = [
    ...gauges(recent, deadLetters, now),
    ...counted(counters),
    counter(
      "notifications_suppressed",
      "Messages to people that were not sent: their hour was full, or they have a card of an identical request.",
      suppressions.map((reason) => ({ labels: { reason }, value: suppressed[reason] })),
    ),
    decisionSeconds(counters),
  ];
  return metrics.map(metricText).join("");
}

function gauges(recent: readonly TimedAction[], deadLetters: number, now: number): Metric[] {
  const pending = recent.filter(({ state }) => state === "pending");
  const groups = [...Map.groupBy(pending, ({ type, risk }) => JSON.stringify([type, risk])).values()];
  const age = ({ createdAt }: TimedAction): number => Math.max(now - createdAt, 0) / 1_000;
  const labelled = (valueOf: (some: readonly TimedAction[]) => number): Sample[] =>
    groups.flatMap((some) =>
      some[0] === undefined
        ? []
        : [{ labels: { type: some[0].type, risk: some[0].risk }, value: valueOf(some) }],
    );
  const oldest = (some: readonly TimedAction[]): number =>
    some.reduce((most, one) => Math.max(most, age(one)), 0);
  return [
    {
      name: "holdpoint_pending",
      type: "gauge",
      help: "Actions that wait for a decision.",
      // Without any there is still a series, so that an alert can tell an empty queue from no data.
      samples: groups.length === 0 ? [{ value: 0 }] : labelled((some) => some.length),
    },
    {
      name: "holdpoint_oldest_pending_seconds",
      type: "gauge",
      help: "Age of the oldest action that waits for a decision.",
      samples: groups.length === 0 ? [{ value: 0 }] : labelled(oldest),
    },
    queueSeconds(recent, now),
    {
      name: "holdpoint_dead_letters",
      type: "gauge",
      help: "Deliveries that used up their tries and wait to be sent again by hand.",
      samples: [{ value: deadLetters }],
    },
  ];
}

const shares = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

/** A gauge of our own estimate: from a histogram of ended waits nobody could see who still waits. */
function queueSeconds(recent: readonly TimedAction[], now: number): Metric {
  const samples = stages.flatMap((stage) => {
    const estimates = percentiles(waitsOf(stage, recent, now - hourMs, now), Object.values(shares));
    return Object.keys(shares).flatMap((percentile, at): Sample[] => {
      const estimate = estimates[at] ?? null;
      return estimate === null ? [] : [{ labels: { stage, percentile }, value: estimate.ms / 1_000 }];
    });
  });
  const help =
    "Waits of the last hour by stage, those that go on counted in; while most go on it is the least they can be.";
  return { name: "holdpoint_queue_time_seconds", type: "gauge", help, samples };
}

export const counter = (name: string, help: string, samples: Sample[]): Metric => ({
  name: `holdpoint_${name}_total`,
  type: "counter",
  help,
  samples,
});

function counted({ requests, decisions, quick, expired, escalations, deliveries }: Counters): Metric[] {
  return [
    counter("requests", "Actions asked for.", [{ value: requests }]),
    counter(
      "decisions",
      "Actions decided, by outcome and where the deciding vote was cast.",
      Object.entries(decisions).map(([key, value]) => {
        const [outcome = "", via = ""] = key.split("|");
        return { labels: { outcome, via }, value };
      }),
    ),
    counter("quick_decisions", "Actions that people decided in under five seconds.", [{ value: quick }]),
    counter("escalations", "Escalations to the next level.", [{ value: escalations }]),
    counter("expired", "Actions whose time ran out, by the state they were in.", [
      { labels: { state: "pending" }, value: expired.pending },
      { labels: { state: "approved" }, value: expired.approved },
    ]),
    counter("webhook_deliveries", "Attempts to deliver a notice on any channel.", [
      { labels: { result: "delivered" }, value: deliveries.delivered },
      { labels: { result: "failed" }, value: deliveries.failed },
    ]),
  ];
}

function decisionSeconds({ decisionSeconds: { buckets, sum } }: Counters): Metric {
  const bounds = [...bucketSeconds.map(String), "+Inf"];
  return {
    name: "holdpoint_decision_duration_seconds",
    type: "histogram",
    help: "From the request to the decision, where people decided.",
    samples: [
      ...bounds.map((le, at) => ({ suffix: "_bucket", labels: { le }, value: buckets[at] ?? 0 })),
      { suffix: "_sum", value: sum },
      { suffix: "_count", value: buckets.at(-1) ?? 0 },
    ],
  };
}

/** How many kill switches are engaged, to follow the text of the rest. */
export function switchesText(count: number): string {
  return metricText({
    name: "holdpoint_kill_switches",
    type: "gauge",
    help: "Kill switches that are engaged now.",
    samples: [{ value: count }],
  });
}

/** How many people run the engine, to follow the text of the rest. */
export function operatorsText(count: number): string {
  return metricText({
    name: "holdpoint_operators",
    type: "gauge",
    help: "People who run the engine; below two, one of them changes policy, groups and keys alone.",
    samples: [{ value: count }],
  });
}

/** A metric without samples is left out whole: a HELP line alone says nothing. */
export function metricText({ name, type, help, samples }: Metric): string {
  if (samples.length === 0) return "";
  const lines = samples.map(
    ({ suffix = "", labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
