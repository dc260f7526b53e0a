import type { ActionSummary } from "../schemas/action.ts";
import type { Directory } from "../schemas/directory.ts";

/** Whose turn it might be: a person and the groups they are in, their own and those delegated to them. */
export type Reader = { person: string; groups: string[] };

/** A person as a reader of the queue; a delegation is over at `now >= until` (epoch ms). */
export function readerIn({ groups, delegations }: Directory, person: string, now: number): Reader {
  const own = Object.values(groups).filter(({ members }) => members.includes(person));
  const lent = delegations.filter(({ to, until }) => to === person && now < until);
  const ids = [...own.map(({ id }) => id), ...lent.flatMap((delegation) => delegation.groups)];
  return { person, groups: [...new Set(ids)] };
}

/**
 * Whether an action waits for this reader: pending, with a seat that names them or one of their groups, and neither
 * their own agent's nor asked for on their behalf. To sort by, and no authority. The Board's list says the same in SQL.
 */
export function waitsFor(
  { state, requester, seats }: Pick<ActionSummary, "state" | "requester" | "seats">,
  { person, groups }: Reader,
): boolean {
  const selectors: ReadonlySet<string> = new Set([person, ...groups.map((group) => `group:${group}`)]);
  return (
    state === "pending" &&
    requester.owner !== person &&
    requester.onBehalfOf !== person &&
    seats.some(({ from }) => from.some((selector) => selectors.has(selector)))
  );
}
