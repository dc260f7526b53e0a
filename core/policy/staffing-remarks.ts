import type { Agent, Directory } from "../../schemas/directory.ts";
import type { Contract, Policy } from "../../schemas/policy.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { isEngineType } from "../engine-actions.ts";
import { eligibility } from "../eligibility.ts";
import { alternativesOf, canFill, evaluateRule, type Voter } from "../quorum.ts";
import { aliasesOf } from "../identity.ts";
import { agentChain, globMatches } from "../scope.ts";
import { placedSeats, potentialVoters, satisfies, type PlacedSeat } from "./rule-check.ts";

/** Who may ask is told apart by whom that excludes. Contracts times such groups that one check looks at: some seconds of work. */
const maxLooks = 2_000;

/** What the directory makes of a contract, seen from each agent that may ask for it: who is left once those are out who may not decide. */
export function staffingRemarks(contract: Contract, policy: Policy, directory: Directory): ProblemField[] {
  if (contract.mode === "disabled" || isEngineType(contract.type)) return [];
  const askers = askersOf(contract, directory);
  const openings = roleRemarks(contract, policy);
  if (askers.length === 0) {
    const detail = "no active agent of the directory has one of these role classes, so nobody may ask";
    return [...openings, { pointer: "/roles", detail }];
  }
  const placed = placedSeats(contract.rule, "/rule");
  const seen = new Map<string, { found: ProblemField; agents: string[] }>();
  const looked = askers.slice(0, Math.max(1, Math.floor(maxLooks / policy.contracts.length)));
  const outcomes = looked.map((asker) => {
    const { able, excluded } = peopleFor(contract, asker, directory);
    for (const found of seatRemarks(contract, placed, able, excluded)) {
      const key = `${found.pointer}\n${found.detail}`;
      const known = seen.get(key) ?? { found, agents: [] };
      seen.set(key, { found, agents: [...known.agents, ...asker.agents] });
    }
    return able;
  });
  const asked = [...seen.values()].map(({ found, agents }) => ({
    pointer: found.pointer,
    detail: `when ${namesOf(agents)} asks: ${found.detail}`,
  }));
  // Said of nobody at all only where everybody was looked at.
  const useless = looked.length < askers.length ? [] : uselessBranches(contract, placed, outcomes);
  return [...openings, ...asked, ...useless];
}

/** Agents that may ask and exclude the same people: those with the same owners along what they act for. */
type Asker = {
  readonly agent: Agent;
  readonly owners: readonly string[];
  readonly agents: readonly string[];
};

function askersOf(contract: Contract, directory: Directory): Asker[] {
  const askers = new Map<string, Asker>();
  for (const agent of Object.values(directory.agents)) {
    if (!agent.active || !agent.roles.some((role) => contract.roles.includes(role))) continue;
    const owners = agentChain(agent.id, directory.agents).agents.map(({ owner }) => owner);
    const key = owners.join(" ");
    const known = askers.get(key) ?? { agent, owners, agents: [] };
    askers.set(key, { ...known, agents: [...known.agents, agent.id] });
  }
  return [...askers.values()];
}

type Excluded = { readonly person: string; readonly because: string; readonly voter: Voter };

/** Everybody the rule names, as if each of them agreed; apart those who may not decide on what this agent asks for. */
function peopleFor(
  contract: Contract,
  { agent, owners }: Asker,
  directory: Directory,
): { able: Voter[]; excluded: Excluded[] } {
  // Only an owner, under whatever id, can be excluded here: nobody else needs to be asked about.
  const near = new Set(owners.flatMap((owner) => [owner, ...aliasesOf(owner, directory.people)]));
  const able: Voter[] = [];
  const excluded: Excluded[] = [];
  for (const voter of potentialVoters(contract, directory, owners, new Set())) {
    const { person, selectors } = voter;
    if (selectors.length === 0) continue;
    const because = near.has(person) ? excludedBecause(contract, agent, person, directory) : null;
    if (because === null) able.push(voter);
    else excluded.push({ person, because, voter });
  }
  return { able, excluded };
}

/** Why this person may not decide on what the agent asks for, whatever the rule says; null where they may. */
function excludedBecause(
  contract: Contract,
  { id, owner }: Agent,
  person: string,
  directory: Directory,
): string | null {
  const named = { seat: "anybody", n: 1, from: [person] };
  const verdict = eligibility({
    person,
    requester: { kind: "agent", id, owner },
    digestOk: true,
    directory,
    contract: { ...contract, rule: named, deny: { denials: 1, veto: [] } },
    target: { resource: "any" },
    now: 0,
    payloadAuthors: [],
  });
  return verdict.eligible ? null : verdict.because;
}

/** Which seats are short of people by themselves, or the rule as a whole where each seat alone is not. */
function seatRemarks(
  contract: Contract,
  placed: readonly PlacedSeat[],
  able: readonly Voter[],
  excluded: readonly Excluded[],
): ProblemField[] {
  const short = placed.flatMap(({ seat, pointer }): ProblemField[] => {
    const left = new Set(able.filter((voter) => canFill(voter, seat)).map(({ identity }) => identity)).size;
    if (left >= seat.n) return [];
    const out = excluded.filter(({ voter }) => canFill(voter, seat));
    const why = out.map(({ person, because }) => `${person} ${because}`).join(", ");
    if (left === 0 && out.length > 0) {
      const only = out.map(({ person }) => person).join(", ");
      return [{ pointer, detail: `only ${only} could fill seat "${seat.seat}" and may not: ${why}` }];
    }
    const rest = why === "" ? "" : ` (${why})`;
    return [{ pointer, detail: `seat "${seat.seat}" takes ${seat.n}, and ${left} could fill it${rest}` }];
  });
  if (satisfies(contract, able)) return [];
  if (short.length > 0) return short;
  const detail = `the rule cannot be satisfied: one person fills one seat, and ${able.length} are left`;
  return [{ pointer: "/rule", detail }];
}

/** Parts of an `any` that nobody could take, whoever asks: the rule can be satisfied, but never by this. */
function uselessBranches(
  { rule, risk }: Contract,
  placed: readonly PlacedSeat[],
  outcomes: readonly (readonly Voter[])[],
): ProblemField[] {
  const alternatives = alternativesOf(rule);
  if (alternatives.length < 2) return [];
  const seats = placed.map(({ seat }) => seat);
  const open = alternatives.filter((alternative) => {
    const chosen = alternative.flatMap((index) => seats[index] ?? []);
    const alone = { all: chosen };
    return outcomes.some(
      (able) => evaluateRule(alone, able).satisfied && satisfies({ rule: alone, risk }, able),
    );
  });
  // Where no way is open that is said of the seats themselves.
  if (open.length === 0) return [];
  return placed.flatMap(({ seat, pointer }, index): ProblemField[] => {
    if (open.some((alternative) => alternative.includes(index))) return [];
    return [{ pointer, detail: `seat "${seat.seat}" is in a branch that nobody could take, whoever asks` }];
  });
}

/** Role classes that list neither the type nor its tool: naming them in the contract opens nothing. */
function roleRemarks({ type, tool, roles }: Contract, policy: Policy): ProblemField[] {
  return roles.flatMap((name, index): ProblemField[] => {
    const role = Object.hasOwn(policy.roles, name) ? policy.roles[name] : undefined;
    if (role === undefined) return [];
    const missing = [
      ...(role.types.some((glob) => globMatches(glob, type)) ? [] : [`the type ${type}`]),
      ...(tool === undefined || role.tools.some((glob) => globMatches(glob, tool))
        ? []
        : [`the tool ${tool}`]),
    ];
    if (missing.length === 0) return [];
    const detail = `the role class ${name} does not list ${missing.join(" and ")}, so nobody asks by it`;
    return [{ pointer: pointerOf(["roles", index]), detail }];
  });
}

const namesOf = (agents: readonly string[]): string =>
  agents.length <= 3
    ? agents.join(", ")
    : `${agents.slice(0, 3).join(", ")} or one of ${agents.length - 3} others`;
