import type { VoteDecision } from "../../schemas/action.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Contract, Rule } from "../../schemas/policy.ts";
import type { Payload } from "../../schemas/stored.ts";

/**
 * Who counts and whether a rule is satisfied, worked out a second time from semantics §4 alone and by brute force:
 * nothing of `core/` is imported here, so a mistake there is not repeated here.
 */

/** A person as one contract and one directory see them: the human they count as, and which selectors name them. */
export type Standpoint = { readonly human: string; readonly named: readonly string[] };

/** A vote as the model remembers it, with how its caster stood under the pinned contract when they cast it. */
export type CastVote = { readonly decision: VoteDecision; readonly stood: Standpoint | null };
export type Votes = Readonly<Record<string, CastVote>>;
export type Judgement = {
  readonly approved: boolean;
  readonly denied: boolean;
  readonly counted: readonly string[];
};

const groupsNamed = (selector: string): string | null =>
  selector.startsWith("group:") ? selector.slice(6) : null;

function selectorsOf(rule: Rule): string[] {
  if ("all" in rule) return rule.all.flatMap(selectorsOf);
  if ("any" in rule) return rule.any.flatMap(selectorsOf);
  return rule.from;
}

/** People who are kept out whatever group they are in. */
function keptOut(payload: Payload, contract: Contract, directory: Directory): Set<string> {
  const out = new Set<string>();
  if (payload.requester.onBehalfOf !== undefined) out.add(payload.requester.onBehalfOf);
  if (contract.risk === "critical" || contract.separationOfDuties.owner) {
    out.add(payload.requester.owner);
    const ownerNow = directory.agents[payload.requester.id]?.owner;
    if (ownerNow !== undefined) out.add(ownerNow);
  }
  return out;
}

const isThere = (directory: Directory, person: string): boolean => directory.people[person]?.active === true;

/** Delegations make people one human; labels are spread until nothing changes. */
function humanOf(directory: Directory, person: string, now: number): string {
  const label = new Map(Object.keys(directory.people).map((id) => [id, id]));
  const links = directory.delegations.filter(({ until }) => now < until);
  for (let changed = true; changed;) {
    changed = false;
    for (const { from, to } of links) {
      const [a, b] = [label.get(from) ?? from, label.get(to) ?? to];
      if (a === b) continue;
      label.set(from, a < b ? a : b);
      label.set(to, a < b ? a : b);
      changed = true;
    }
  }
  return label.get(person) ?? person;
}

/** How a person stands under one contract and one directory; null where their vote counts for nothing. */
export function standpoint(
  payload: Payload,
  contract: Contract,
  directory: Directory,
  person: string,
  now: number,
): Standpoint | null {
  const out = keptOut(payload, contract, directory);
  if (!isThere(directory, person) || out.has(person)) return null;
  const lenders = directory.delegations.filter(
    ({ from, to, until }) => to === person && now < until && isThere(directory, from) && !out.has(from),
  );
  const isIn = (group: string): boolean => {
    const members = directory.groups[group]?.members ?? [];
    return (
      members.includes(person) ||
      lenders.some(({ from, groups }) => groups.includes(group) && members.includes(from))
    );
  };
  const all = [...selectorsOf(contract.rule), ...contract.deny.veto];
  const named = all.filter((selector) => {
    const group = groupsNamed(selector);
    return group === null ? selector === person : isIn(group);
  });
  return named.length === 0 ? null : { human: humanOf(directory, person, now), named: [...new Set(named)] };
}

/** Whether a person may break the glass under one contract: named there, and neither kept out nor the same human as one who is. */
export function holdsTheRight(
  payload: Payload,
  contract: Contract,
  directory: Directory,
  person: string,
  now: number,
): boolean {
  const { breakGlass } = contract;
  if (breakGlass === undefined) return false;
  const strict: Contract = {
    ...contract,
    separationOfDuties: { owner: true },
    rule: { seat: "glass", n: 1, from: breakGlass.by },
    deny: { denials: 1, veto: [] },
  };
  const stood = standpoint(payload, strict, directory, person, now);
  return stood !== null && !outHumans(payload, strict, directory, now).has(stood.human);
}

/** Whether a person may say what they think of it afterwards. */
export function mayLookBack(
  payload: Payload,
  directory: Directory,
  { person, breaker, operator }: { person: string; breaker: string; operator: boolean },
  now: number,
): boolean {
  const strict = { ...payload.contract, separationOfDuties: { owner: true } };
  const human = humanOf(directory, person, now);
  if (!isThere(directory, person) || human === humanOf(directory, breaker, now)) return false;
  if (outHumans(payload, strict, directory, now).has(human)) return false;
  return operator || standpoint(payload, payload.contract, directory, person, now) !== null;
}

function outHumans(payload: Payload, contract: Contract, directory: Directory, now: number): Set<string> {
  return new Set([...keptOut(payload, contract, directory)].map((one) => humanOf(directory, one, now)));
}

/** Every way of satisfying a rule, as the list of units (each its selectors) that must then be filled. */
function waysOf(rule: Rule): string[][][] {
  if ("any" in rule) return rule.any.flatMap(waysOf);
  if (!("all" in rule)) return [Array.from({ length: rule.n }, () => rule.from)];
  let ways: string[][][] = [[]];
  for (const part of rule.all) ways = ways.flatMap((way) => waysOf(part).map((more) => [...way, ...more]));
  return ways;
}

/** Tries every assignment of distinct humans to units. */
function canFill(units: readonly string[][], humans: readonly ReadonlySet<string>[]): boolean {
  const [first, ...rest] = units;
  if (first === undefined) return true;
  return humans.some(
    (named, index) =>
      first.some((selector) => named.has(selector)) && canFill(rest, humans.toSpliced(index, 1)),
  );
}

const inARow = (rule: Rule, { named }: Standpoint): boolean =>
  selectorsOf(rule).some((selector) => named.includes(selector));

/** Whether these votes approve or deny under one version. A denial once given stands under the pinned version although its author has gone. */
export function judge(
  payload: Payload,
  contract: Contract,
  directory: Directory,
  votes: Votes,
  now: number,
): Judgement {
  const approvals: Standpoint[] = [];
  const denials: Standpoint[] = [];
  const counted: string[] = [];
  for (const [person, { decision, stood }] of Object.entries(votes)) {
    if (decision === "withdraw") continue;
    const remembered = decision === "deny" && contract === payload.contract ? stood : null;
    const stands = standpoint(payload, contract, directory, person, now) ?? remembered;
    if (stands === null) continue;
    (decision === "approve" ? approvals : denials).push(stands);
    counted.push(person);
  }
  const deniers = new Set(denials.filter((one) => inARow(contract.rule, one)).map(({ human }) => human));
  const vetoed = denials.some(({ named }) => contract.deny.veto.some((selector) => named.includes(selector)));
  const byHuman = Map.groupBy(approvals, ({ human }) => human);
  const humans = [...byHuman.values()].map((many) => new Set(many.flatMap(({ named }) => named)));
  const seatedHumans = new Set(
    approvals.filter((one) => inARow(contract.rule, one)).map(({ human }) => human),
  );
  const enough = contract.risk !== "critical" || seatedHumans.size >= 2;
  return {
    denied: vetoed || deniers.size >= contract.deny.denials,
    approved: enough && waysOf(contract.rule).some((units) => canFill(units, humans)),
    counted,
  };
}

/** What the policy itself says to a contract. */
export function policySays(contract: Contract | null): "allow" | "gate" | "deny" {
  if (contract === null || contract.mode === "disabled") return "deny";
  return contract.decide[0]?.then ?? "gate";
}

/** The contracts a decision must satisfy: the pinned one, and with `tighten` the one in force. */
export function versionsFor(payload: Payload, current: Contract | null): Contract[] {
  const isPinned = payload.contract.onChange === "pin" || current === null || current === payload.contract;
  return isPinned ? [payload.contract] : [payload.contract, current];
}

/** The kill switch, a vanished type, a version that denies, or (for what no person decided) one that no longer allows. */
export function isStopped(payload: Payload, current: Contract | null): boolean {
  if (current === null || current.mode === "disabled") return true;
  const said = versionsFor(payload, current).map(policySays);
  return (
    said.includes("deny") || (payload.decision.outcome === "allow" && said.some((one) => one !== "allow"))
  );
}

/** The votes judged under every version that must agree: any may deny, all must approve. */
export function judgeAll(
  payload: Payload,
  current: Contract | null,
  directory: Directory,
  votes: Votes,
  now: number,
): Judgement {
  const each = versionsFor(payload, current).map((contract) =>
    judge(payload, contract, directory, votes, now),
  );
  const denied = each.some((one) => one.denied);
  return {
    denied,
    approved: !denied && each.every((one) => one.approved),
    counted: [...new Set(each.flatMap(({ counted }) => counted))],
  };
}
