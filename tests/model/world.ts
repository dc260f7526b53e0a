import type { Actor } from "../../schemas/event.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Frozen } from "../../schemas/freeze.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import type { Command, CommandType, Facts } from "../../core/machine/command.ts";
import { cast, digest, driftedPreconditions, otherDigest } from "./cast.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
/** What surrounds an action at one moment: the contract in force (null: the type is gone) and the directory. */
export type Env = {
  readonly name: string;
  readonly contract: Contract | null;
  readonly directory: Directory;
  /** The freeze in force, where there is one. */
  readonly frozen?: Frozen;
};

/** A request, and everything that may be done to it and around it. */
export type World = {
  readonly name: string;
  readonly payload: Payload;
  /** Who votes; an excluded owner and an outsider try it in every world. */
  readonly voters: readonly Actor[];
  /** Any of them may be in force at any command. */
  readonly envs: readonly [Env, ...Env[]];
  /** Times (epoch ms) at which something changes that is in no state: notBefore, the end of a delegation. */
  readonly moments: readonly number[];
  /** Who executes, besides one that is out of scope. */
  readonly executors: readonly Actor[];
  /** Deliveries to people fail here, which escalates ahead of time. */
  readonly escalates?: boolean;
};

/** One thing that can be done: a command and what was looked up for it. */
export type Move = {
  readonly label: string;
  readonly command: Command;
  readonly env: Env;
  readonly facts: Facts;
};

type Cap = { readonly id: string; readonly fence: number; readonly executor: string };
type Saying = {
  label: string;
  command: Command;
  operator?: boolean;
  outOfScope?: string;
  everywhere?: boolean;
};

const agentOf = (id: string): Actor => ({ kind: "agent", id });

function votes({ voters }: World): Saying[] {
  const [first = cast.alice] = voters;
  const vote = (
    actor: Actor,
    decision: "approve" | "deny" | "withdraw",
    parts: { digest?: string; reason?: null } = {},
    everywhere = true,
  ): Saying => ({
    label: `${actor.id} ${decision}s${parts.digest === undefined ? "" : " another digest"}${parts.reason === null ? " without a reason" : ""}`,
    command: {
      type: "vote",
      actor,
      decision,
      digest,
      reason: decision === "deny" ? "too risky" : null,
      via: "api",
      ...parts,
    },
    everywhere,
  });
  return [
    ...voters.flatMap((actor) => [vote(actor, "approve"), vote(actor, "deny"), vote(actor, "withdraw")]),
    vote(cast.omar, "approve"),
    vote(cast.omar, "deny"),
    vote(cast.dave, "approve"),
    vote(cast.dave, "deny", {}, false),
    vote(cast.zoe, "approve", {}, false),
    vote(cast.mallory, "deny", {}, false),
    vote(cast.demo, "approve", {}, false),
    vote(first, "approve", { digest: otherDigest }, false),
    vote(first, "deny", { reason: null }, false),
  ];
}

function claims({ payload, executors }: World, { fence }: ActionState): Saying[] {
  const [first = cast.demo] = executors;
  const claim = (
    actor: Actor,
    parts: { digest?: string; preconditions?: JsonObject | null } = {},
    outOfScope?: string,
  ): Saying => ({
    label: `${actor.id} claims${parts.digest === undefined ? "" : " another digest"}${"preconditions" in parts ? ` observing ${JSON.stringify(parts.preconditions)}` : ""}`,
    command: {
      type: "claim",
      actor,
      digest,
      preconditions: payload.preconditions,
      leaseId: `lease-${fence + 1}`,
      ...parts,
    },
    everywhere: actor === first && parts.digest === undefined && !("preconditions" in parts),
    ...(outOfScope !== undefined && { outOfScope }),
  });
  const observed = payload.preconditions === null ? [] : [null, driftedPreconditions];
  return [
    ...executors.map((actor) => claim(actor)),
    claim(first, { digest: otherDigest }),
    ...observed.map((seen) => claim(first, { preconditions: seen })),
    claim(cast.rogue, {}, "The role classes of agent:rogue do not cover it."),
    claim(cast.alice),
  ];
}

type Outcome = "succeeded" | "none" | "partial" | "unknown";

/** The holder of the lease, the holder of an earlier one, a thief of its id, and one with the fence before. */
function workers({ executors }: World, state: ActionState): Saying[] {
  const made: Cap = { id: "lease-0", fence: 0, executor: cast.demo.id };
  const current: Cap = state.lease ?? state.lastLease ?? made;
  const before = state.lease === null || state.lastLease === null ? [] : [state.lastLease];
  const thief = executors.find(({ id }) => id !== current.executor) ?? cast.rogue;
  const report = (cap: Cap, outcome: Outcome, by = agentOf(cap.executor)): Saying => ({
    label: `${by.id} reports ${outcome} under ${cap.id}/${cap.fence}`,
    command: {
      type: "report",
      actor: by,
      lease: cap.id,
      fence: cap.fence,
      outcome: outcome === "succeeded" ? "succeeded" : "failed",
      effect: outcome === "succeeded" ? "none" : outcome,
      summary: outcome,
      evidence: null,
      startupMs: null,
    },
  });
  const beat = (cap: Cap, by = agentOf(cap.executor)): Saying => ({
    label: `${by.id} renews ${cap.id}/${cap.fence}`,
    command: { type: "heartbeat", actor: by, lease: cap.id, fence: cap.fence },
  });
  const stale = { ...current, fence: current.fence - 1 };
  return [
    ...(["succeeded", "none", "partial", "unknown"] as const).map((outcome) => report(current, outcome)),
    report(current, "succeeded", thief),
    report(stale, "succeeded"),
    ...before.flatMap((cap) => [report(cap, "succeeded"), report(cap, "partial"), beat(cap)]),
    beat(current),
    beat(stale),
    beat(current, thief),
  ];
}

const saidWhy = "the site is down and nobody answers";

/** Who may break the glass tries, under every env, and others do; and everybody looks back at it. */
function glass({ payload, voters }: World): Saying[] {
  const breaks = (
    actor: Actor,
    parts: { digest?: string; reason?: string; incident?: string } = {},
  ): Saying => ({
    label: `${actor.id} breaks the glass${Object.keys(parts).length === 0 ? "" : ` with ${JSON.stringify(parts)}`}`,
    command: { type: "breakGlass", actor, digest, reason: saidWhy, incident: "INC-1", use: "use", ...parts },
    everywhere: actor === cast.erin && Object.keys(parts).length === 0,
  });
  const reviews = (actor: Actor, operator = false): Saying => ({
    label: `${actor.id} reviews it${operator ? " as an operator" : ""}`,
    command: { type: "review", actor, verdict: "justified", note: "so it was" },
    operator,
  });
  const [first = cast.alice] = voters;
  // Where nobody has the right, one who tries is as good as all.
  if (payload.contract.breakGlass === undefined) return [breaks(cast.erin), reviews(first)];
  return [
    ...[cast.erin, cast.carol, cast.omar, cast.alice, cast.dave, cast.zoe, cast.mallory, cast.demo].map(
      (actor) => breaks(actor),
    ),
    breaks(cast.erin, { digest: otherDigest }),
    breaks(cast.erin, { reason: "  too short          " }),
    breaks(cast.erin, { incident: " " }),
    ...[first, cast.erin, cast.omar, cast.zoe, cast.demo, cast.dave].map((actor) => reviews(actor)),
    ...[cast.dave, cast.erin, cast.omar, cast.operator].map((actor) => reviews(actor, true)),
  ];
}
/** What is said of it, by those who may and those who may not. */
const words = ([cast.dave, cast.operator, cast.demo, cast.zoe, cast.mallory] as const).map(
  (actor): Saying => ({
    label: `${actor.id} says that it did harm`,
    command: { type: "feedback", actor, label: "harm", incident: null, note: null },
  }),
);

const escalate = (level: number): Saying => ({
  label: `a delivery of the level before ${level} has failed`,
  command: { type: "escalate", actor: cast.engine, level },
});

function stops({ voters, escalates = false }: World): Saying[] {
  const by = (type: "cancel" | "revoke" | "rollback", actor: Actor, parts: Partial<Saying> = {}): Saying => ({
    label: `${actor.id} asks to ${type}${parts.operator === true ? " as an operator" : ""}`,
    command: { type, actor, reason: "because" },
    ...parts,
  });
  const supersede = (actor: Actor): Saying => ({
    label: `${actor.id} supersedes it`,
    command: { type: "supersede", actor, by: "act_next" },
  });
  return [
    ...[cast.demo, cast.omar, cast.dave].map((actor) => by("cancel", actor)),
    ...[cast.omar, ...voters, cast.dave].map((actor) => by("revoke", actor)),
    by("revoke", cast.operator, { operator: true }),
    ...[cast.omar, ...voters, cast.dave, cast.demo].map((actor) => by("rollback", actor)),
    ...[cast.demo, cast.other].map(supersede),
    {
      label: "the policy stops it",
      command: { type: "stopByPolicy", actor: cast.engine, reason: "disabled" },
    },
    ...words,
    ...(escalates ? [1, 2].map(escalate) : []),
    { label: "it is created again", command: { type: "create", actor: cast.demo } },
  ];
}

/**
 * Everything that can be said to an action in this state, the likeliest of each type first. `everywhere` moves are
 * made under every env; the others under the first, because what they are refused for is looked at before it, or is
 * the same in all of them.
 */
export function movesOf(world: World, state: ActionState): Move[] {
  let same = fixed.get(world);
  if (same === undefined) {
    fixed.set(world, (same = withFacts(world, [tick, ...votes(world), ...stops(world), ...glass(world)])));
  }
  return [...same, ...withFacts(world, [...claims(world, state), ...workers(world, state)])];
}

const tick: Saying = { label: "nothing but time", command: { type: "tick", actor: cast.engine } };

/** The moves of a world that are the same in every state. */
const fixed = new WeakMap<World, Move[]>();

function withFacts(world: World, sayings: readonly Saying[]): Move[] {
  return sayings.flatMap(({ label, command, operator = false, outOfScope = null, everywhere = false }) =>
    (everywhere ? world.envs : [world.envs[0]]).map((env) => ({
      label: world.envs.length > 1 && everywhere ? `${label} while ${env.name}` : label,
      command,
      env,
      facts: {
        contract: env.contract,
        directory: env.directory,
        operator,
        outOfScope,
        judge,
        frozen: env.frozen ?? null,
      },
    })),
  );
}

/** How the request itself comes in. */
export function firstMove(world: World): Move {
  const [env] = world.envs;
  const facts = {
    contract: env.contract,
    directory: env.directory,
    operator: false,
    outOfScope: null,
    judge,
  };
  return { label: "it is requested", command: { type: "create", actor: cast.demo }, env, facts };
}

/** Only the first move of each type this place has no cell for: they are all refused alike, whoever makes them. */
export function worthTrying(moves: readonly Move[], takes: (type: CommandType) => boolean): Move[] {
  const tried = new Set<CommandType>();
  return moves.filter(({ command: { type } }) => {
    if (takes(type)) return true;
    const isFirst = !tried.has(type);
    tried.add(type);
    return isFirst;
  });
}
