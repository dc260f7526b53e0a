import type { Directory } from "../../schemas/directory.ts";
import type { Contract, Policy } from "../../schemas/policy.ts";
import type { Changed, Recorded, ReplayCount } from "../../schemas/replay.ts";
import { isEngineType } from "../engine-actions.ts";
import { contractAt } from "../guardrail/apply.ts";
import { levelOf } from "../guardrail/level.ts";
import { chainRefusal } from "../scope.ts";
import { argumentFaults } from "./arguments.ts";
import { decide, type Judge } from "./decide.ts";
import { subjectOf } from "./subject.ts";
import type { Replayed } from "./tally.ts";

type Said = Changed["would"];

/**
 * Holds a policy against actions as they were asked for: with the arguments, sums, guardrail level and agent of then, which each
 * action has kept. The other agents of a chain, and an agent that was not kept, are those of `directory`. Null stands for an
 * action of which nothing is kept.
 */
export function replay(
  policy: Policy,
  directory: Directory,
  actions: readonly (Recorded | null)[],
  judge: Judge,
): Replayed {
  const contracts = new Map(policy.contracts.map((contract) => [contract.type, contract]));
  const counts = new Map<string, ReplayCount>();
  const changed: Changed[] = [];
  let replayed = 0;
  let stopped = 0;
  for (const action of actions) {
    // The engine's own actions are judged by the version in force, never by the one that is proposed.
    if (action === null || isEngineType(action.type)) continue;
    if (action.decision.stoppedBy !== undefined) {
      stopped += 1;
      continue;
    }
    replayed += 1;
    const { outcome, because } = action.decision;
    const would = saidTo(action, contracts.get(action.type), policy, directory, judge);
    const key = JSON.stringify([action.type, outcome, would.outcome]);
    const count = counts.get(key) ?? { type: action.type, was: outcome, would: would.outcome, count: 0 };
    counts.set(key, { ...count, count: count.count + 1 });
    if (would.outcome !== outcome) changed.push(changedOf(action, { outcome, because }, would));
  }
  const notReplayable = actions.filter((action) => action === null).length;
  return { replayed, notReplayable, stopped, changed, counts: [...counts.values()] };
}

function saidTo(
  action: Recorded,
  written: Contract | undefined,
  policy: Policy,
  directory: Directory,
  judge: Judge,
): Said {
  if (written === undefined) {
    return { outcome: "refuse", because: `the policy has no action type ${action.type}` };
  }
  const then = directoryThen(action, directory);
  const { requester, target, args, sums, at } = action;
  const outside = chainRefusal(requester.id, then.agents, policy.roles, written, target);
  if (outside !== null) return { outcome: "refuse", because: outside.detail };
  const [fault] = argumentFaults(written.args, args);
  if (fault !== undefined) {
    return { outcome: "refuse", because: `${fault.pointer} ${fault.detail}` };
  }
  const contract = contractAt(written, levelOf(written.guardrail, action.level ?? undefined));
  const { outcome, because } = decide(
    contract,
    subjectOf({ args, target, requester, sums }, then, at),
    judge,
  );
  return { outcome, because };
}

/** The directory with the agent as it was. */
function directoryThen(
  { requester: { id, owner }, agent }: Recorded,
  directory: Directory,
): Pick<Directory, "agents"> {
  if (agent === null) return directory;
  const { roles, segments, actsFor } = agent;
  const kept = { id, owner, roles, segments, active: true, ...(actsFor !== undefined && { actsFor }) };
  return { agents: { ...directory.agents, [id]: kept } };
}

function changedOf({ id, type, requester, target, at }: Recorded, was: Said, would: Said): Changed {
  const when = new Date(at).toISOString();
  return { id, type, agent: requester.id, target: target.resource, at: when, was, would };
}
