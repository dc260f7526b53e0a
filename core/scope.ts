import type { Target } from "../schemas/action.ts";
import type { Agent } from "../schemas/directory.ts";
import type { Contract, RoleClass } from "../schemas/policy.ts";
import type { ProblemField } from "../schemas/problem.ts";

/**
 * What an agent may ask for (threat T8): its role classes list types, tools, segments and targets as globs, its own segments
 * narrow them, and what nothing lists is refused.
 */

/** Whether `text` matches a glob: `*` is any run of characters, `?` exactly one, everything else is itself. Never worse than |glob| × |text| steps. */
export function globMatches(glob: string, text: string): boolean {
  const wanted = Array.from(glob);
  const given = Array.from(text);
  let at = 0;
  let read = 0;
  // Only the last star can need another try: an earlier one that took more would leave the later star less to choose from.
  let star = -1;
  let starRead = 0;
  while (read < given.length) {
    if (wanted[at] === "*") {
      star = at++;
      starRead = read;
    } else if (wanted[at] === "?" || wanted[at] === given[read]) {
      at++;
      read++;
    } else if (star !== -1) {
      at = star + 1;
      read = ++starRead;
    } else return false;
  }
  while (wanted[at] === "*") at++;
  return at === wanted.length;
}

/** Why a call is out of scope: in words, and by field so that the agent can mend it. */
export type ScopeRefusal = { readonly detail: string; readonly errors: ProblemField[] };

type Dimension = {
  readonly pointer: string;
  readonly what: string;
  readonly value: string;
  readonly fits: (glob: string, value: string) => boolean;
  readonly list: (role: RoleClass) => readonly string[];
};

/** More steps than any chain of agents that work for agents has. */
const maxChain = 8;

/** An agent, the one that it acts for, and so on. `whole` is false where one is unknown, or the chain comes back to itself or is too long. */
export function agentChain(
  id: string,
  agents: Readonly<Record<string, Agent>>,
): { readonly agents: readonly Agent[]; readonly whole: boolean } {
  const chain: Agent[] = [];
  for (let next: string | undefined = id; next !== undefined; next = chain.at(-1)?.actsFor) {
    const agent = Object.hasOwn(agents, next) ? agents[next] : undefined;
    if (agent === undefined || chain.includes(agent) || chain.length === maxChain) {
      return { agents: chain, whole: false };
    }
    chain.push(agent);
  }
  return { agents: chain, whole: true };
}

/**
 * The ceiling of a chain is the intersection: null when every agent of it could have asked for this itself, else the refusal of
 * the first that could not. What a contract would allow does not come into it.
 */
export function chainRefusal(
  id: string,
  agents: Readonly<Record<string, Agent>>,
  roles: Readonly<Record<string, RoleClass>>,
  contract: Pick<Contract, "type" | "tool" | "roles">,
  target: Target,
): ScopeRefusal | null {
  const chain = agentChain(id, agents);
  if (!chain.whole) {
    const detail = `${id} acts for an agent that is not in this directory, or in the end for itself.`;
    return { detail, errors: [] };
  }
  for (const agent of chain.agents) {
    const refusal = scopeRefusal(agent, roles, contract, target);
    if (refusal === null) continue;
    return agent.id === id
      ? refusal
      : { ...refusal, detail: `${id} acts for ${agent.id}. ${refusal.detail}` };
  }
  return null;
}

/**
 * What a role class and an agent call a target without a segment: it is inside none of the network, so no glob of segments
 * covers it, and whoever may reach such targets has this name in the list. A target that gives it as its segment has none.
 */
export const noSegment = "(none)";

/**
 * Null when one role class of the agent allows the whole call, else what is missing and what is allowed. One class must allow
 * all four of type, tool, segment and target: rights of two classes do not add up to a third.
 *
 * A target without a segment takes "(none)" among the segments of the class and of the agent.
 */
export function scopeRefusal(
  agent: Agent,
  roles: Readonly<Record<string, RoleClass>>,
  contract: Pick<Contract, "type" | "tool" | "roles">,
  target: Target,
): ScopeRefusal | null {
  const named = contract.roles.filter((name) => agent.roles.includes(name) && Object.hasOwn(roles, name));
  const classes = named.map((name) => roles[name]).filter((role) => role !== undefined);
  if (!agent.active) return { detail: `${agent.id} is not active.`, errors: [] };
  if (classes.length === 0) {
    const detail = `${contract.type} is for the role classes ${listed(contract.roles)}; ${agent.id} has ${listed(agent.roles)}.`;
    return {
      detail,
      errors: [
        {
          pointer: "/type",
          detail: `is not open to ${agent.id}: it needs the role class ${listed(contract.roles)}`,
        },
      ],
    };
  }

  const dimensions = dimensionsOf(contract, target);
  const ownSegment = ownSegmentFault(agent, target);
  const faultsByClass = classes.map((role) => dimensions.filter((dimension) => !allows(role, dimension)));
  if (ownSegment === null && faultsByClass.some((faults) => faults.length === 0)) return null;

  // Told against the class that is nearest to allowing it, so that the agent has the fewest fields to change.
  const nearest =
    [...faultsByClass.keys()].toSorted(
      (a, b) => (faultsByClass[a]?.length ?? 0) - (faultsByClass[b]?.length ?? 0),
    )[0] ?? 0;
  const role = classes[nearest];
  const errors = (faultsByClass[nearest] ?? []).map((dimension) => ({
    pointer: dimension.pointer,
    detail: `${dimension.what} is outside the role class ${named[nearest] ?? ""}, which allows ${listed(role === undefined ? [] : dimension.list(role))}`,
  }));
  const all =
    ownSegment === null || errors.some(({ pointer }) => pointer === ownSegment.pointer)
      ? errors
      : [...errors, ownSegment];
  return {
    detail: `${agent.id} may not ask for this: ${all.map((error) => error.detail).join("; ")}.`,
    errors: all,
  };
}

function dimensionsOf(contract: Pick<Contract, "type" | "tool">, target: Target): Dimension[] {
  const segment = target.segment ?? noSegment;
  const fits = globMatches;
  return [
    {
      pointer: "/type",
      what: `type "${contract.type}"`,
      value: contract.type,
      fits,
      list: (role) => role.types,
    },
    ...toolsOf(contract, target).map(({ pointer, tool }) => ({
      pointer,
      what: `tool "${tool}"`,
      value: tool,
      fits,
      list: (role: RoleClass) => role.tools,
    })),
    {
      pointer: "/target/segment",
      what: segment === noSegment ? "a target without a segment" : `segment "${segment}"`,
      value: segment,
      fits: segmentFits,
      list: (role) => role.segments,
    },
    {
      pointer: "/target/resource",
      what: `target "${target.resource}"`,
      value: target.resource,
      fits,
      list: (role) => role.targets,
    },
  ];
}

/**
 * The tool the target names, the contract's, or the type where neither says. When both say, both must be allowed: naming a
 * harmless tool in the target must not open a type whose own tool the role class does not have.
 */
function toolsOf(
  contract: Pick<Contract, "type" | "tool">,
  target: Target,
): { pointer: string; tool: string }[] {
  const named: { pointer: string; tool: string }[] = [];
  if (target.tool !== undefined) named.push({ pointer: "/target/tool", tool: target.tool });
  if (contract.tool !== undefined && contract.tool !== target.tool) {
    named.push({ pointer: "/type", tool: contract.tool });
  }
  return named.length > 0 ? named : [{ pointer: "/type", tool: contract.type }];
}

function allows(role: RoleClass, dimension: Dimension): boolean {
  return dimension.list(role).some((glob) => dimension.fits(glob, dimension.value));
}

/** No glob reaches what is in no segment, not even a star: it is named by itself or it is refused. */
const segmentFits = (glob: string, segment: string): boolean =>
  segment === noSegment ? glob === noSegment : globMatches(glob, segment);

function ownSegmentFault(agent: Agent, { segment }: Target): ProblemField | null {
  if (agent.segments.some((glob) => segmentFits(glob, segment ?? noSegment))) return null;
  if (segment === undefined) {
    const detail = `is missing, and ${agent.id} has ${listed(agent.segments)}; "${noSegment}" there lets it reach what is in no segment`;
    return { pointer: "/target/segment", detail };
  }
  return {
    pointer: "/target/segment",
    detail: `segment "${segment}" is not one of ${agent.id}, which has ${listed(agent.segments)}`,
  };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}
