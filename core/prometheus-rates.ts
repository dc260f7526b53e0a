import type { RateRow, Rates } from "../schemas/metrics.ts";
import { counter, metricText, type Metric, type Sample } from "./prometheus.ts";

type RateName = "needlessGates" | "missedGates" | "success" | "rollback";

const rateTexts: Readonly<Record<RateName, { name: string; help: string }>> = {
  needlessGates: {
    name: "holdpoint_needless_gate_ratio",
    help: "Of the actions of a day that people approved, those said to have needed nobody; unlabelled ones count as right.",
  },
  missedGates: {
    name: "holdpoint_missed_gate_ratio",
    help: "Of the actions of a day that policy let through, those said to have needed people or done harm; unlabelled ones count as right.",
  },
  success: {
    name: "holdpoint_success_ratio",
    help: "Of the runs of a day that ended, those that succeeded and were not undone.",
  },
  rollback: {
    name: "holdpoint_rollback_ratio",
    help: "Of the runs of a day that ended, those that were rolled back, or that was tried.",
  },
};

/**
 * Rates of the last day by type with both ends of their 95 % intervals, and what each is a share of, to follow the text of the rest.
 * A rate of nothing has no series. `bypasses`: how many there have ever been, by type.
 */
export function ratesText(
  { byType }: Pick<Rates, "byType">,
  bypasses: readonly { readonly type: string; readonly count: number }[],
): string {
  const names: readonly RateName[] = ["needlessGates", "missedGates", "success", "rollback"];
  const measured = (rate: RateName): RateRow[] => byType.filter((row) => row[rate].trials > 0);
  const ratios = names.map((rate): Metric => {
    const samples = measured(rate).flatMap((row): Sample[] => {
      const { share, low, high } = row[rate];
      return Object.entries({ low, share: share ?? 0, high }).map(([bound, value]) => ({
        labels: { type: row.name, bound },
        value,
      }));
    });
    return { ...rateTexts[rate], type: "gauge", samples };
  });
  const trials = names.flatMap((rate) =>
    measured(rate).map((row): Sample => ({
      labels: { type: row.name, rate: rateNames[rate] },
      value: row[rate].trials,
    })),
  );
  const labelled = byType.flatMap(({ name, needlessGates, missedGates }): Sample[] => {
    const value = needlessGates.labelled + missedGates.labelled;
    return value === 0 ? [] : [{ labels: { type: name }, value }];
  });
  const rows = [
    ...ratios,
    gauge("holdpoint_rated_actions", "Actions of the last day that each rate is a share of.", trials),
    gauge("holdpoint_labelled_actions", "Of the rated ones, those that anybody has spoken of.", labelled),
    counter(
      "bypasses",
      "Effects reported that no claim stands behind.",
      bypasses.length === 0
        ? [{ value: 0 }]
        : bypasses.map(({ type, count }) => ({ labels: { type }, value: count })),
    ),
  ];
  return rows.map(metricText).join("");
}

const rateNames: Readonly<Record<RateName, string>> = {
  needlessGates: "needless_gate",
  missedGates: "missed_gate",
  success: "success",
  rollback: "rollback",
};

const gauge = (name: string, help: string, samples: Sample[]): Metric => ({
  name,
  type: "gauge",
  help,
  samples,
});
