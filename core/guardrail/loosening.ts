import type { EngineChange } from "../../schemas/engine-change.ts";
import type { GuardrailEvent, GuardrailState } from "../../schemas/guardrail.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { digestOf, type Sha256Hex } from "../digest.ts";

/** A proposal to loosen a guardrail as an action of the engine's own, with the figures that it is argued with. */

export type Loosen = Extract<EngineChange, { kind: "guardrail.loosen" }>;

/** `by` is the engine or the operator who proposed it, `because` that operator's reason, `witness` an action that it was learnt from. */
export type Loosening = {
  readonly action: string;
  readonly change: Loosen;
  readonly by: string;
  readonly because: string;
  readonly witness: string | null;
};

/** The action of a proposal: always the same one, so that however often it is asked for there is one. `at`: when it was proposed, epoch ms. */
export const looseningId = (type: string, at: number, sha256Hex: Sha256Hex): string =>
  `act_${digestOf({ kind: "guardrail.loosen", type, at }, sha256Hex).slice(-idLength)}`;

/** As long as all ids of actions. */
const idLength = 22;

/**
 * What is proposed, with the figures of the moment that it was: they do not move under the eyes of whoever reads them. Null where nothing
 * is proposed.
 */
export function looseningOf(
  type: string,
  { level, changedAt, proposed }: GuardrailState,
  history: readonly GuardrailEvent[],
  sha256Hex: Sha256Hex,
): Loosening | null {
  if (proposed === null) return null;
  const { level: to, at } = proposed;
  const made = history.find((one) => one.event === "proposed" && one.at === at);
  if (made === undefined) return null;
  const { tally, harm } = made.evidence;
  const change: Loosen = {
    kind: "guardrail.loosen",
    type,
    from: level,
    to,
    cleanRuns: tally.clean,
    incidents: tally.incidents,
    // Upwards: the share is never shown smaller than it is.
    harmHighPerMillion: Math.ceil(harm.high * 1_000_000),
    since: changedAt,
    at,
  };
  const witness = history.flatMap(({ evidence }) => evidence.actions)[0] ?? null;
  return { action: looseningId(type, at, sha256Hex), change, by: made.by, because: made.because, witness };
}

/** Its figures as arguments of the action; `since` is RFC 3339, or null where the level has never moved. */
export function looseningArgs(change: Loosen): JsonObject {
  const { type, from, to, cleanRuns, incidents, harmHighPerMillion, since } = change;
  const moved = since === null ? null : new Date(since).toISOString();
  return { type, from, to, cleanRuns, incidents, harmHighPerMillion, since: moved };
}

/** The same in words, from the arguments that the digest covers. Empty where they are not of such an action. */
export function figuresInWords(args: JsonObject): string[] {
  const { type, from, to, cleanRuns, incidents, harmHighPerMillion, since = null } = args;
  if (typeof type !== "string" || typeof from !== "string" || typeof to !== "string") return [];
  if (typeof cleanRuns !== "number" || typeof incidents !== "number") return [];
  if (typeof harmHighPerMillion !== "number") return [];
  const span = typeof since === "string" ? `since ${since}, when it last moved` : "since it began";
  return [
    `The guardrail of ${type} goes from ${from} to ${to}, which is looser.`,
    `${counted(cleanRuns, "clean run")} and ${counted(incidents, "incident")} ${span}.`,
    `Harm in at most ${(harmHighPerMillion / 10_000).toFixed(1)} % of runs, by the upper end of the 95 % interval.`,
  ];
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
