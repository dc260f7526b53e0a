import type { Situation } from "../../core/machine/command.ts";
import { versionsOf } from "../../core/machine/counting.ts";
import { glassRight, reviewRight, skippedBy, type Right } from "../../core/machine/glass.ts";
import { nowOf } from "../../core/machine/step.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { clocksOf } from "../../core/clocks.ts";
import { channelsAfterBreak } from "../../core/notify.ts";
import type { BreakGlassTerms } from "../../schemas/break-glass.ts";
import type { ActionChannel } from "../../schemas/channel.ts";
import type { Actor, Event } from "../../schemas/event.ts";
import type { GlassTerms } from "../../schemas/glass-terms.ts";
import { contractNow } from "./judging.ts";
import type { GlassReply, Known } from "./messages.ts";
import type { Loaded } from "./store.ts";
/** What one caller may do about breaking the glass of an action now, and what would come of it. Writes nothing. */
export function glassOf({ payload, stored }: Loaded, known: Known, actor: Actor, now: number): GlassReply {
  const contract = contractNow(payload, known);
  if (contract === undefined) return { kind: "needsContract", type: payload.type };
  const { directory, operator } = known;
  const facts = { contract, directory, operator, outOfScope: null, judge };
  const state = nowOf(payload, stored.state, now);
  const { digest } = payload;
  const command = { type: "breakGlass", actor, digest, reason: "", incident: "", use: "" } as const;
  const situation: Situation = { payload, state, command, facts, now: Math.max(now, state.at) };
  const { breakGlass } = state;
  const terms: GlassTerms = {
    ...viewOf(situation),
    // The strictest of the versions that must agree.
    perPersonPerDay: least(versionsOf(situation).map((version) => version.breakGlass?.perPersonPerDay)),
    use: breakGlass === null ? null : { id: breakGlass.use, review: breakGlass.review },
  };
  return { kind: "found", body: JSON.stringify(terms) };
}

function viewOf(situation: Situation): Omit<BreakGlassTerms, "perPersonPerDay"> {
  const { payload, state, command } = situation;
  const pending = state.state === "pending";
  const { skipped, told } = skippedBy(situation, command.actor.id);
  return {
    mayBreak: pending
      ? rightOf(glassRight(situation, command.actor.id))
      : { allowed: false, because: `it is ${state.state}` },
    mayReview:
      state.breakGlass !== null && state.breakGlass.review !== null
        ? { allowed: false, because: "it has been reviewed" }
        : rightOf(reviewRight(situation)),
    skips: pending ? skipped.map(({ seat, n, filled }) => ({ seat, missing: n - filled })) : [],
    tells: pending ? told : [],
    reviewDueMs: clocksOf(payload.contract).reviewDueMs,
  };
}

const rightOf = (right: Right): BreakGlassTerms["mayBreak"] => ({
  allowed: right.allowed,
  because: right.allowed ? null : right.because,
});

/** Null where one of them is missing: then nobody may. */
function least(counts: readonly (number | undefined)[]): number | null {
  return counts.reduce<number | null>(
    (lowest, count) => (lowest === null || count === undefined ? null : Math.min(lowest, count)),
    Infinity,
  );
}

/** Whom the action tells from these events on: whoever was passed over by broken glass is told, like it or not. */
export function channelsAfter({ stored, links = [] }: Loaded, events: readonly Event[]): ActionChannel[] {
  const broken = events.find((event) => event.type === "broke_glass");
  return broken === undefined
    ? stored.channels
    : channelsAfterBreak(stored.channels, broken.data.told, links);
}
