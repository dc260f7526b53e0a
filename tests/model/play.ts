import type { Command, Facts } from "../../core/machine/command.ts";
import { unborn } from "../../core/machine/fold.ts";
import { step, type Step } from "../../core/machine/step.ts";
import type { Effect, VoteDecision } from "../../schemas/action.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Actor, Event } from "../../schemas/event.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import { cast, createdAt, digest, directoryOf } from "./cast.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
/** Alice and bob are dba, alice and carol security; the owner is in every group and never counts. */
export const staff = directoryOf({
  groups: {
    dba: [cast.alice, cast.bob, cast.omar],
    security: [cast.alice, cast.carol, cast.omar],
    oncall: [cast.erin],
  },
});

type Grip = { readonly lease: string; readonly fence: number };
type Report = { outcome?: "succeeded" | "failed"; effect?: Effect; summary?: string; evidence?: JsonObject };

/** One action played by hand: verbs that say who does what, a clock, and what has come of it. */
export class Play {
  readonly payload: Payload;
  readonly events: Event[] = [];
  now = createdAt;
  directory: Directory = staff;
  /** The contract in force. */
  contract: Contract | null;
  state: ActionState;

  constructor(payload: Payload) {
    this.payload = payload;
    this.contract = payload.contract;
    this.state = unborn(payload);
  }

  do(command: Command, facts: Partial<Facts> = {}): Step {
    const { contract, directory } = this;
    const made = step(
      this.payload,
      this.state,
      command,
      { contract, directory, operator: false, outOfScope: null, judge, ...facts },
      this.now,
    );
    this.state = made.state;
    this.events.push(...made.events);
    return made;
  }

  wait(ms: number): this {
    this.now += ms;
    return this;
  }

  request(): this {
    this.do({ type: "create", actor: cast.demo });
    return this;
  }

  vote(actor: Actor, decision: VoteDecision, parts: { digest?: string; reason?: string | null } = {}): Step {
    const reason = decision === "deny" ? "too risky" : null;
    return this.do({ type: "vote", actor, decision, digest, reason, via: "api", ...parts });
  }

  claim(
    actor: Actor = cast.demo,
    parts: { digest?: string; preconditions?: JsonObject | null } = {},
    facts: Partial<Facts> = {},
  ): Step {
    const { preconditions } = this.payload;
    return this.do(
      { type: "claim", actor, digest, preconditions, leaseId: `lease-${this.state.fence + 1}`, ...parts },
      facts,
    );
  }

  /** The lease that is held, or the last one that was. */
  get grip(): Grip {
    const { lease, lastLease } = this.state;
    const held = lease ?? lastLease;
    return { lease: held?.id ?? "lease-0", fence: held?.fence ?? 0 };
  }

  heartbeat(grip: Grip = this.grip, actor: Actor = cast.demo): Step {
    return this.do({ type: "heartbeat", actor, ...grip });
  }

  report(
    { outcome = "succeeded", effect = "none", summary = "done", evidence }: Report = {},
    grip: Grip = this.grip,
    actor: Actor = cast.demo,
  ): Step {
    const said = { outcome, effect, summary, evidence: evidence ?? null, startupMs: null };
    return this.do({ type: "report", actor, ...grip, ...said });
  }

  breakGlass(
    actor: Actor,
    parts: { digest?: string; reason?: string; incident?: string } = {},
    facts: Partial<Facts> = {},
  ): Step {
    const why = { reason: "the site is down and nobody answers", incident: "INC-1", use: "use" };
    return this.do({ type: "breakGlass", actor, digest, ...why, ...parts }, facts);
  }

  review(actor: Actor, facts: Partial<Facts> = {}): Step {
    return this.do({ type: "review", actor, verdict: "justified", note: "so it was" }, facts);
  }

  rollback(actor: Actor = cast.omar): Step {
    return this.do({ type: "rollback", actor, reason: "it broke" });
  }

  stop(type: "cancel" | "revoke", actor: Actor, facts: Partial<Facts> = {}): Step {
    return this.do({ type, actor, reason: "not needed" }, facts);
  }

  supersede(actor: Actor = cast.demo): Step {
    return this.do({ type: "supersede", actor, by: "act_next" });
  }

  stopByPolicy(): Step {
    return this.do({ type: "stopByPolicy", actor: cast.engine, reason: "disabled" });
  }

  tick(): Step {
    return this.do({ type: "tick", actor: cast.engine });
  }

  /** Where it stands, as the documents write it: `failed{partial}`. */
  get place(): string {
    const { state, detail } = this.state;
    return detail === null ? state : `${state}{${detail}}`;
  }
}
