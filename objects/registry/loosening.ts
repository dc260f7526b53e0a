import { agreed, mayPropose, refused, settled } from "../../core/guardrail/learn.ts";
import { initialGuardrail, neighbour } from "../../core/guardrail/level.ts";
import { looseningOf, type Loosen, type Loosening } from "../../core/guardrail/loosening.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Guardrail, GuardrailState, ProposalInput } from "../../schemas/guardrail.ts";
import { eventOf, note, shownEvents, type Guarded } from "./guardrails.ts";
import { sha256Hex } from "./random.ts";
import { findGuardrail, listEvents, putGuardrail } from "./rows/guardrails.ts";

/** Proposals to loosen, each of which is an action that people decide: what is asked, and what their answer does (threat T23). */

/** Everything that is proposed at this time. */
export function loosenings(sql: SqlStorage, contracts: readonly Guarded[], now: number): Loosening[] {
  return contracts.flatMap(({ type, guardrail }) => {
    if (guardrail === undefined) return [];
    const found = proposedFor(sql, type, settledOf(sql, type, guardrail, now));
    return found === null ? [] : [found];
  });
}

const settledOf = (sql: SqlStorage, type: string, guardrail: Guardrail, now: number): GuardrailState =>
  settled(guardrail, findGuardrail(sql, type) ?? initialGuardrail(guardrail), now);

const proposedFor = (sql: SqlStorage, type: string, state: GuardrailState): Loosening | null =>
  state.proposed === null ? null : looseningOf(type, state, listEvents(sql, type, shownEvents), sha256Hex);

const guardrailOf = (contracts: readonly Guarded[], type: string): Guardrail | undefined =>
  contracts.find((contract) => contract.type === type)?.guardrail;

/** An operator proposes to open what stands at deny: nothing runs there, so that nothing could be learnt. Saying it again is no fault. */
export function proposeLoosening(
  sql: SqlStorage,
  contracts: readonly Guarded[],
  { type, reason, actor, now }: ProposalInput,
): Result<Loosening, Refusal> {
  const guardrail = guardrailOf(contracts, type);
  if (guardrail === undefined) {
    return refusal("not_found", `${type} has no guardrail in the policy in force. See GET /v1/guardrails.`);
  }
  const state = settledOf(sql, type, guardrail, now);
  const there = proposedFor(sql, type, state);
  if (there?.by === actor) return ok(there);
  const to = neighbour(state.level, "looser", guardrail);
  const wrong =
    state.level !== "deny" || to === null
      ? "Only a guardrail that stands at deny, above its floor, is proposed by people; otherwise clean runs propose."
      : there !== null
        ? `It is proposed already: decide ${there.action}.`
        : !mayPropose({ ...guardrail, cleanRuns: 0, harmPerThousand: 1_000 }, state, now)
          ? `It is cooling off, or has moved within a day. See coolUntil of ${type}.`
          : null;
  if (wrong !== null || to === null) return refusal("conflict", wrong ?? "");
  const next = { ...state, proposed: { level: to, at: now } };
  putGuardrail(sql, type, next);
  note(sql, type, eventOf("proposed", state, to, { actor, reason, now }));
  const made = proposedFor(sql, type, next);
  if (made === null) throw new Error("what was just proposed is not kept");
  return ok(made);
}

export type Decided = { actor: string; because: string; now: number };

/** Moves a guardrail as it was agreed to; refused where that is not what is proposed any more. `action`: the one that was approved. */
export function loosen(
  sql: SqlStorage,
  contracts: readonly Guarded[],
  change: Loosen,
  { actor, because, now, action }: Decided & { action: string },
): Result<null, Refusal> {
  const { type, from, to, at } = change;
  const guardrail = guardrailOf(contracts, type);
  const state = guardrail === undefined ? null : settledOf(sql, type, guardrail, now);
  const isStill =
    state !== null && state.level === from && state.proposed?.level === to && state.proposed.at === at;
  if (!isStill) return refusal("conflict", `what was proposed for ${type} is not true any more`);
  const { evidence } = eventOf("loosened", state, to, { actor, reason: because, now });
  putGuardrail(sql, type, agreed(state, to, action, now).state);
  const event = { at: now, event: "loosened", from, to, by: actor, because } as const;
  note(sql, type, { ...event, evidence: { ...evidence, actions: [action] } }, true);
  return ok(null);
}

/** People have refused it, or nobody has decided: the next proposal takes twice the clean runs. Nothing where it is not proposed any more. */
export function refuseLoosening(
  sql: SqlStorage,
  contracts: readonly Guarded[],
  { type, at }: Pick<Loosen, "type" | "at">,
  { actor, because, now }: Decided,
): void {
  const guardrail = guardrailOf(contracts, type);
  if (guardrail === undefined) return;
  const state = settledOf(sql, type, guardrail, now);
  if (state.proposed === null || state.proposed.at !== at) return;
  putGuardrail(sql, type, refused(state));
  note(sql, type, eventOf("refused", state, state.proposed.level, { actor, reason: because, now }));
}
