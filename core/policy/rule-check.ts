import type { Agent, Directory } from "../../schemas/directory.ts";
import { limits } from "../../schemas/limits.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { Contract, Rule, Seat, Selector } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { ownerExcluded } from "../eligibility.ts";
import { everOnCall } from "../schedule.ts";
import { matches, seatsOf } from "../quorum.ts";
import type { Voter } from "../quorum.ts";
import { requiresTwoHumans, standingOf } from "../standing.ts";

/** A seat and where in the contract it stands. */
export type PlacedSeat = { readonly seat: Seat; readonly pointer: string };

/** What semantics §4 forbids beyond the form of a rule: too deep, too many seats, too many people, one name for two seats. */
export function ruleFaults(rule: Rule): ProblemField[] {
  const faults: ProblemField[] = [];
  const depth = depthOf(rule);
  if (depth > limits.ruleDepth) {
    faults.push({ pointer: "/rule", detail: `nests all and any ${depth} deep; at most ${limits.ruleDepth}` });
  }
  const placed = placedSeats(rule, "/rule");
  if (placed.length > limits.ruleSeats) {
    faults.push({ pointer: "/rule", detail: `has ${placed.length} seats; at most ${limits.ruleSeats}` });
  }
  const total = placed.reduce((sum, { seat }) => sum + seat.n, 0);
  if (total > limits.ruleTotal) {
    faults.push({
      pointer: "/rule",
      detail: `asks for ${total} people over all its seats; at most ${limits.ruleTotal}`,
    });
  }
  const names = new Map<string, string>();
  for (const { seat, pointer } of placed) {
    const first = names.get(seat.seat);
    if (first === undefined) {
      names.set(seat.seat, pointer);
    } else {
      faults.push({
        pointer: `${pointer}/seat`,
        detail: `is "${seat.seat}", which is the name of ${first} already`,
      });
    }
  }
  return faults;
}

/**
 * Whether the people there are can satisfy the rule (peer failure P25): every active person of the directory votes for it, judged
 * by the same matcher that judges real votes. Then once more for each agent that may ask, without the people who are excluded
 * when that agent asks; one agent for which it can be satisfied is enough. Delegations do not count: they end.
 */
export function staffingFaults(contract: Contract, directory: Directory): ProblemField[] {
  const placed = placedSeats(contract.rule, "/rule");
  const faults = [
    ...placed.flatMap(({ seat, pointer }) => unknownNames(seat.from, `${pointer}/from`, directory)),
    ...unknownNames(contract.deny.veto, "/deny/veto", directory),
    ...glassFaults(contract, directory),
  ];
  if (contract.mode === "disabled") return faults;

  const askers = askersOf(contract, directory);
  const everyone = potentialVoters(
    contract,
    directory,
    askers.map(({ owner }) => owner),
    new Set(),
  );
  if (!satisfies(contract, everyone)) return [...faults, ...shortages(contract, placed, everyone)];

  const someoneCan = askers.some(({ owner }) => {
    const excluded = new Set(ownerExcluded(contract) ? [owner] : []);
    return satisfies(contract, potentialVoters(contract, directory, [owner], excluded));
  });
  if (askers.length === 0 || someoneCan) return faults;
  const detail =
    "can be satisfied only with the owner of the agent that asks, who may not decide; name someone else";
  return [...faults, { pointer: "/rule", detail }];
}

/** A right to break the glass that nobody can ever use is a mistake: the owner of the agent that asks never can. */
function glassFaults(contract: Contract, directory: Directory): ProblemField[] {
  const { breakGlass } = contract;
  if (breakGlass === undefined) return [];
  const unknown = unknownNames(breakGlass.by, "/breakGlass/by", directory);
  if (unknown.length > 0 || contract.mode === "disabled") return unknown;
  const rule = { seat: "break-glass", n: 1, from: breakGlass.by };
  const right: Contract = { ...contract, rule, risk: "high" };
  const owners = askersOf(contract, directory).map(({ owner }) => owner);
  const usable =
    owners.length === 0
      ? satisfies(right, potentialVoters(right, directory, [], new Set()))
      : owners.some((owner) =>
          satisfies(right, potentialVoters(right, directory, [owner], new Set([owner]))),
        );
  if (usable) return [];
  const detail =
    "names nobody who could ever use it: the directory has no active person for it but the owner of the agent that asks";
  return [{ pointer: "/breakGlass/by", detail }];
}

function askersOf({ roles }: Contract, { agents }: Directory): Agent[] {
  return Object.values(agents).filter(
    (agent) => agent.active && agent.roles.some((role) => roles.includes(role)),
  );
}

function depthOf(rule: Rule): number {
  if ("all" in rule) return 1 + Math.max(0, ...rule.all.map(depthOf));
  if ("any" in rule) return 1 + Math.max(0, ...rule.any.map(depthOf));
  return 0;
}

/** Every seat of a rule with its pointer, left to right. */
export function placedSeats(rule: Rule, pointer: string): PlacedSeat[] {
  if ("all" in rule) {
    return rule.all.flatMap((part, index) => placedSeats(part, pointerOf(["all", index], pointer)));
  }
  if ("any" in rule) {
    return rule.any.flatMap((part, index) => placedSeats(part, pointerOf(["any", index], pointer)));
  }
  return [{ seat: rule, pointer }];
}

function unknownNames(selectors: readonly Selector[], pointer: string, directory: Directory): ProblemField[] {
  return selectors.flatMap((selector, index) => {
    const fault = unknownName(selector, directory);
    return fault === null ? [] : [{ pointer: pointerOf([index], pointer), detail: fault }];
  });
}

function unknownName(selector: Selector, directory: Directory): string | null {
  const { groups, people } = directory;
  if (selector.startsWith("oncall:")) {
    const name = selector.slice("oncall:".length);
    return everOnCall(directory, name) === null
      ? `names the schedule "${name}", which the directory does not have; put it, or say who is on call, first`
      : null;
  }
  if (selector === "owner-of-target") {
    return (directory.owners ?? []).length === 0
      ? "asks for the owner of a target, and the directory says of no target whose it is"
      : null;
  }
  if (selector.startsWith("group:")) {
    const group = selector.slice("group:".length);
    return Object.hasOwn(groups, group)
      ? null
      : `names the group "${group}", which the directory does not have`;
  }
  if (!selector.startsWith("person:")) return null;
  const active = Object.hasOwn(people, selector) && people[selector]?.active === true;
  return active ? null : `names ${selector}, who is not an active person of the directory`;
}

/**
 * Every active person who is named, as if all of them approved. Any of these owners' managers counts as the manager, everybody of a
 * schedule as being on call, and the owner of any target as its owner.
 */
export function potentialVoters(
  contract: Contract,
  directory: Directory,
  owners: readonly string[],
  excluded: ReadonlySet<string>,
): Voter[] {
  const selectors = [...new Set(seatsOf(contract.rule).flatMap(({ from }) => from))];
  const managers = owners.map((owner) =>
    Object.hasOwn(directory.people, owner) ? directory.people[owner]?.manager : null,
  );
  const schedules = selectors
    .filter((selector) => selector.startsWith("oncall:"))
    .map((selector) => selector.slice("oncall:".length));
  const oncall = Object.fromEntries(schedules.map((name) => [name, everOnCall(directory, name) ?? []]));
  const owning = new Set((directory.owners ?? []).map(({ owner }) => owner));
  return Object.values(directory.people)
    .filter(({ id, active }) => active && !excluded.has(id))
    .map(({ id }) => {
      const groups = Object.values(directory.groups).filter(({ members }) => members.includes(id));
      const facts = { id, groups: groups.map((group) => group.id) };
      const managerOfRequester = managers.includes(id) ? id : null;
      const owner = [id, ...facts.groups.map((group) => `group:${group}`)].find((name) => owning.has(name));
      const context = { ownerOfTarget: owner ?? null, managerOfRequester, oncall };
      return {
        person: id,
        identity: id,
        selectors: selectors.filter((selector) => matches(selector, facts, context)),
        // What a seat asks of each person beyond that depends on the request: taken as met.
        meets: seatsOf(contract.rule).map(({ seat }) => seat),
      };
    });
}

/** Whether these people are enough for the rule, were they all to agree. */
export function satisfies(
  { rule, risk }: Pick<Contract, "rule" | "risk">,
  approvals: readonly Voter[],
): boolean {
  return standingOf([{ rule, risk, deny: { denials: 1, veto: [] }, approvals, denials: [] }]).approved;
}

/** Which seats are short of people; where each has enough by itself, that one person cannot take two. */
function shortages(
  { rule, risk }: Contract,
  placed: readonly PlacedSeat[],
  everyone: readonly Voter[],
): ProblemField[] {
  const short = placed.flatMap(({ seat, pointer }) => {
    const able = everyone.filter(({ selectors }) =>
      seat.from.some((selector) => selectors.includes(selector)),
    );
    if (able.length >= seat.n) return [];
    const detail = `seat "${seat.seat}" takes ${seat.n} of ${seat.from.join(", ")}, and the directory has ${able.length}`;
    return [{ pointer, detail }];
  });
  if (short.length > 0) return short;
  const named = everyone.filter(({ selectors }) => selectors.length > 0).length;
  const two = requiresTwoHumans(risk) ? " (and risk critical takes two people at least)" : "";
  const seats = seatsOf(rule).reduce((sum, { n }) => sum + n, 0);
  const detail = `cannot be satisfied: ${named} active people for ${seats} places, and one person fills one place${two}`;
  return [{ pointer: "/rule", detail }];
}
