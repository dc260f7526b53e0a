import type { Directory } from "../schemas/directory.ts";
import { identityOf } from "./eligibility.ts";

/** The group of those who run the engine. */
export const operatorsGroup = "operators";

type People = Pick<Directory, "people" | "groups">;

/** The active operators, each human once, whatever ids they go by. */
export function operatorsOf({ people, groups }: People): string[] {
  const members = Object.hasOwn(groups, operatorsGroup) ? (groups[operatorsGroup]?.members ?? []) : [];
  const active = members.filter((id) => Object.hasOwn(people, id) && people[id]?.active === true);
  return [...new Set(active.map((id) => humanOf(id, people)))];
}

/**
 * How many operators there are besides whoever asks. A service's key is in somebody's hands, and nobody can say in whose: it is
 * taken to be an operator's, so that with one operator only there is nobody else. The engine is nobody: all of them are others.
 */
export function otherOperators(directory: People, principal: string): number {
  const operators = operatorsOf(directory);
  if (principal === "engine") return operators.length;
  if (!principal.startsWith("person:")) return Math.max(0, operators.length - 1);
  const asking = humanOf(principal, directory.people);
  return operators.filter((operator) => operator !== asking).length;
}

/** What is said wherever one operator may still change everything alone; null from the second on. */
export function aloneWarning(directory: People): string | null {
  const { length } = operatorsOf(directory);
  if (length > 1) return null;
  const who = length === 0 ? "Nobody is" : "Only one person is";
  return `${who} in the group ${operatorsGroup}: policy, groups, keys and kill switches are changed without a second person. Put another operator there.`;
}

const humanOf = (person: string, people: Directory["people"]): string =>
  identityOf(person, { delegations: [], people }, 0);
