import type { ActionSummary } from "../schemas/action.ts";
import type { Directory } from "../schemas/directory.ts";
import { onCallNames, onCallNow } from "./schedule.ts";

/** Whose turn it might be: a person and the groups they are in, their own and those delegated to them. */
export type Reader = {
  person: string;
  groups: string[];
  /** The names under which they are on call now. */
  onCall?: string[] | undefined;
  /** Of whom they are the manager. */
  manages?: string[] | undefined;
  /** Whether they own a target at all; which is looked up when they decide. */
  owns?: boolean | undefined;
};

/** A person as a reader of the queue; a delegation is over at `now >= until` (epoch ms). */
export function readerIn(directory: Directory, person: string, now: number): Reader {
  const { groups, delegations, people, owners = [] } = directory;
  const own = Object.values(groups).filter(({ members }) => members.includes(person));
  const lent = delegations.filter(({ to, until }) => to === person && now < until);
  const ids = [...own.map(({ id }) => id), ...lent.flatMap((delegation) => delegation.groups)];
  const names = [...new Set(ids)];
  const selectors = new Set([person, ...names.map((group) => `group:${group}`)]);
  return {
    person,
    groups: names,
    onCall: onCallNames(directory).filter((name) => onCallNow(directory, name, now).includes(person)),
    manages: Object.values(people)
      .filter(({ manager }) => manager === person)
      .map(({ id }) => id),
    owns: owners.some(({ owner }) => selectors.has(owner)),
  };
}

/** The selectors that may name a reader, whoever asks; a manager's is a matter of who does. */
export function selectorsOf({ person, groups, onCall = [], owns = false }: Reader): string[] {
  return [
    person,
    ...groups.map((group) => `group:${group}`),
    ...onCall.map((name) => `oncall:${name}`),
    ...(owns ? ["owner-of-target"] : []),
  ];
}

/**
 * Whether an action waits for this reader: pending, with a seat that names them or one of their groups, and neither
 * their own agent's nor asked for on their behalf. To sort by, and no authority. The Board's list says the same in SQL.
 */
export function waitsFor(
  { state, requester, seats }: Pick<ActionSummary, "state" | "requester" | "seats">,
  reader: Reader,
): boolean {
  const { person, manages = [] } = reader;
  const manager = manages.includes(requester.owner) ? ["manager-of-requester"] : [];
  const selectors: ReadonlySet<string> = new Set([...selectorsOf(reader), ...manager]);
  return (
    state === "pending" &&
    requester.owner !== person &&
    requester.onBehalfOf !== person &&
    seats.some(({ from }) => from.some((selector) => selectors.has(selector)))
  );
}
