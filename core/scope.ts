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
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[read])) {
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
  readonly list: (role: RoleClass) => readonly string[];
};

/**
 * Null when one role class of the agent allows the whole call, else what is missing and what is allowed. One class must allow
 * all four of type, tool, segment and target: rights of two classes do not add up to a third.
 *
 * A target without a segment is inside no segment, so it takes a class whose `segments` has "*" by itself; the agent's own
 * segments then do not narrow it, having nothing to be held against.
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
  const segment = target.segment ?? "";
  return [
    { pointer: "/type", what: `type "${contract.type}"`, value: contract.type, list: (role) => role.types },
    ...toolsOf(contract, target).map(({ pointer, tool }) => ({
      pointer,
      what: `tool "${tool}"`,
      value: tool,
      list: (role: RoleClass) => role.tools,
    })),
    {
      pointer: "/target/segment",
      what: segment === "" ? "a target without a segment" : `segment "${segment}"`,
      value: segment,
      list: (role) => role.segments,
    },
    {
      pointer: "/target/resource",
      what: `target "${target.resource}"`,
      value: target.resource,
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

/** An absent segment is allowed by a star alone, read as "with or without a segment", and by no other glob. */
function allows(role: RoleClass, dimension: Dimension): boolean {
  if (dimension.value === "") return dimension.list(role).includes("*");
  return dimension.list(role).some((glob) => globMatches(glob, dimension.value));
}

function ownSegmentFault(agent: Agent, { segment }: Target): ProblemField | null {
  if (segment === undefined || agent.segments.some((glob) => globMatches(glob, segment))) return null;
  return {
    pointer: "/target/segment",
    detail: `segment "${segment}" is not one of ${agent.id}, which has ${listed(agent.segments)}`,
  };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}
