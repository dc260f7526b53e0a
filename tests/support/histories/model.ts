import type { Command, Facts } from "../../../core/machine/command.ts";
import { foldAll, unborn } from "../../../core/machine/fold.ts";
import { step } from "../../../core/machine/step.ts";
import { judgeCondition as judge } from "../../../core/policy/condition.ts";
import { eventView, viewOf } from "../../../core/view.ts";
import type { ActionView, EventView } from "../../../schemas/action.ts";
import type { Event } from "../../../schemas/event.ts";
import type { ActionState, Payload } from "../../../schemas/stored.ts";
import type { Specification } from "../linear.ts";
import { starterDirectory } from "../starter.ts";

/** One action that does one thing after the other: the real machine, with the first answer kept for each key. */

/** What is asked of an action. `lease` is the key of the claim that got it, because its id is known only to whoever was answered. */
export type Ask =
  | { readonly verb: "approve" | "deny" | "withdraw" | "cancel" | "revoke" | "claim" | "rollback" }
  | { readonly verb: "heartbeat"; readonly lease: string; readonly fence: number }
  | {
      readonly verb: "report";
      readonly lease: string;
      readonly fence: number;
      readonly outcome: "succeeded" | "failed";
    };

export type Input =
  | { readonly kind: "tell"; readonly who: string; readonly key: string; readonly ask: Ask }
  | { readonly kind: "view" }
  | { readonly kind: "log" };

/** What was answered, as far as no clock is in it. */
export type Output =
  | { readonly kind: "done"; readonly shown: string; readonly fence: number | null }
  | { readonly kind: "refused"; readonly code: string; readonly state: string; readonly seq: number }
  | { readonly kind: "view"; readonly shown: string }
  | { readonly kind: "log"; readonly lines: string };

export type Model = {
  readonly state: ActionState;
  readonly events: readonly Event[];
  /** Who and key → the seq that the command ended at. */
  readonly marks: Readonly<Record<string, number>>;
  /** What has had an effect, in its order: no more is needed to tell models of one action apart. */
  readonly trace: string;
};

/** What an answer shows of an action, without its times. */
export function shownOf(view: ActionView): string {
  const { state, detail, seq, votes, seats, lease, outcome, rollback } = view;
  return JSON.stringify([
    [state, detail, seq],
    votes.map(({ person, decision, reason, counts }) => [person, decision, reason, counts]),
    seats,
    lease && [lease.executor, lease.fence, lease.purpose],
    outcome && [outcome.outcome, outcome.effect, outcome.summary],
    rollback && [rollback.startedBy, rollback.reason, rollback.outcome?.outcome ?? null],
  ]);
}

/** A log without its times. */
export const linesOf = (log: readonly EventView[]): string =>
  log
    .map(({ seq, type, state, detail, actor, reason, data }) =>
      JSON.stringify([seq, type, state, detail, actor.id, reason, data["fence"], data["decision"]]),
    )
    .join("\n");

export const words = {
  deny: "too dangerous today",
  cancel: "not needed any more",
  revoke: "it must not run",
  rollback: "it did harm",
  report: "it is done",
} as const;

function commandOf(who: string, key: string, ask: Ask, digest: string): Command {
  const actor = { kind: who.startsWith("person:") ? "person" : "agent", id: who } as const;
  switch (ask.verb) {
    case "approve":
    case "withdraw":
      return { type: "vote", actor, decision: ask.verb, digest, reason: null, via: "api" };
    case "deny":
      return { type: "vote", actor, decision: "deny", digest, reason: words.deny, via: "api" };
    case "cancel":
    case "revoke":
    case "rollback":
      return { type: ask.verb, actor, reason: words[ask.verb] };
    case "claim":
      return { type: "claim", actor, digest, preconditions: null, leaseId: leaseOf(key) };
    case "heartbeat":
      return { type: "heartbeat", actor, lease: leaseOf(ask.lease), fence: ask.fence };
    case "report": {
      const { fence, outcome } = ask;
      const effect = outcome === "succeeded" ? "none" : "unknown";
      const rest = { summary: words.report, evidence: null, startupMs: null };
      return { type: "report", actor, lease: leaseOf(ask.lease), fence, outcome, effect, ...rest };
    }
  }
}

const leaseOf = (key: string): string => `lse_${key}`;
const directory = starterDirectory();

/** The specification of one action: `payload` as it was taken in. No clock of it comes due, so every time is the first. */
export function modelOf(payload: Payload): Specification<Model, Input, Output> {
  const facts = (who: string): Facts => ({
    contract: payload.contract,
    directory,
    operator: who === "person:omar",
    outOfScope: null,
    judge,
  });
  const { requester, createdAt } = payload;
  const create: Command = { type: "create", actor: { kind: requester.kind, id: requester.id } };
  const made = step(payload, unborn(payload), create, facts(requester.id), createdAt);
  const show = (state: ActionState): string => shownOf(viewOf(payload, state, ""));

  const answerAt = (model: Model, seq: number, ask: Ask): Output => {
    const then = foldAll(payload, model.events.slice(0, seq));
    // A repeated claim is shown what has become of the action since.
    const isClaim = ask.verb === "claim";
    const shown = show(isClaim ? model.state : then);
    return { kind: "done", shown, fence: isClaim ? (then.lease?.fence ?? null) : null };
  };

  const tell = (model: Model, { who, key, ask }: Extract<Input, { kind: "tell" }>) => {
    const mark = `${who} ${key}`;
    const before = model.marks[mark];
    if (before !== undefined) return { state: model, output: answerAt(model, before, ask) };
    const command = commandOf(who, key, ask, payload.digest);
    const { events, state, refusal, answerSeq } = step(payload, model.state, command, facts(who), createdAt);
    if (events.length === 0 && refusal === null) {
      return { state: model, output: answerAt(model, answerSeq ?? model.state.seq, ask) };
    }
    const after: Model = {
      state,
      events: [...model.events, ...events],
      marks: refusal === null ? { ...model.marks, [mark]: state.seq } : model.marks,
      trace: events.length === 0 ? model.trace : `${model.trace}|${mark}`,
    };
    const output: Output =
      refusal === null
        ? answerAt(after, state.seq, ask)
        : { kind: "refused", code: refusal.code, state: state.state, seq: state.seq };
    return { state: after, output };
  };

  return {
    first: { state: made.state, events: made.events, marks: {}, trace: "" },
    apply: (model, input) => {
      if (input.kind === "tell") return tell(model, input);
      const output: Output =
        input.kind === "view"
          ? { kind: "view", shown: show(model.state) }
          : { kind: "log", lines: linesOf(model.events.map((event) => eventView(payload, event))) };
      return { state: model, output };
    },
    agrees: (said, specified) => JSON.stringify(said) === JSON.stringify(specified),
    key: ({ trace }) => trace,
  };
}
