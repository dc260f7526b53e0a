import type { Evaluation, Example, ExampleResult } from "../../schemas/evaluation.ts";
import type { Json } from "../../schemas/json.ts";
import { canonicalJson } from "../canonical.ts";

/** Holds an evaluation against what an example expects of it. What the example leaves out may be anything. */
export function resultOf({ name, expect }: Example, evaluation: Evaluation): ExampleResult {
  const { outcome, because, level, seats } = evaluation;
  const differences: ExampleResult["differences"] = [];
  const compare = (what: string, expected: Json | undefined, got: Json): void => {
    if (expected !== undefined && canonicalJson(expected) !== canonicalJson(got)) {
      differences.push({ what, expected, got });
    }
  };
  compare("outcome", expect.outcome, outcome);
  compare("because", expect.because, because);
  compare("level", expect.level, level);
  for (const [seat, people] of Object.entries(expect.seats ?? {})) {
    const found = seats.find((one) => one.seat === seat);
    compare(`seat ${seat}`, [...people].toSorted(), found === undefined ? null : found.who.toSorted());
  }
  return { name, pass: differences.length === 0, outcome, because, differences };
}
