import type { Document } from "../described.ts";
import { linesOf } from "./requests.ts";
import { excuses, type Excuse } from "./unmet.ts";

/** Which of the documented answers have been given: every status of every operation is a pair, `GET /v1/actions 200`. */

export type Coverage = {
  readonly documented: number;
  readonly met: number;
  /** Neither met nor excused. */
  readonly missing: readonly string[];
  /** Excused, and met all the same: the excuse is not true any more. */
  readonly stale: readonly string[];
};

export const pairsOf = (document: Document): string[] =>
  linesOf(document).flatMap(({ method, path, operation }) =>
    Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`),
  );

const isExcused = (pair: string, { status, operations }: Excuse): boolean =>
  pair.endsWith(` ${status}`) && operations.test(pair.slice(0, pair.lastIndexOf(" ")));

export function coverageOf(document: Document, met: ReadonlyMap<string, number>): Coverage {
  const pairs = pairsOf(document);
  const seen = pairs.filter((pair) => met.has(pair));
  const excused = (pair: string, kind?: "seldom"): boolean =>
    excuses.some((excuse) => isExcused(pair, excuse) && (kind !== "seldom" || excuse.seldom !== true));
  return {
    documented: pairs.length,
    met: seen.length,
    missing: pairs.filter((pair) => !met.has(pair) && !excused(pair)),
    stale: seen.filter((pair) => excused(pair, "seldom")),
  };
}

/** Excuses for what the document does not say. */
export const needless = (document: Document): Excuse[] =>
  excuses.filter((excuse) => !pairsOf(document).some((pair) => isExcused(pair, excuse)));
