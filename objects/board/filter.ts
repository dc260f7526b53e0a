import { selectorsOf, type Reader } from "../../core/reader.ts";
import type { State } from "../../schemas/action.ts";
import type { Risk } from "../../schemas/policy.ts";

/** What a list is narrowed to. Every field that is left out lets everything through. */
export type ListFilter = {
  state?: State | undefined;
  type?: string | undefined;
  class?: string | undefined;
  risk?: Risk | undefined;
  /** A group whose members one of the seats asks for. */
  group?: string | undefined;
  waitingFor?: Reader | undefined;
};

/** One term of a WHERE clause with what it binds. */
export type Condition = { readonly sql: string; readonly bindings: readonly SqlStorageValue[] };

const openStates: ReadonlySet<State> = new Set(["pending", "approved", "executing", "rolling_back"]);

/** Whether something can still happen to an action in this state by itself: it has a clock. */
export const isOpen = (state: State): boolean => openStates.has(state);

const open: Condition = { sql: "open = 1", bindings: [] };

/** The terms of a filter. Those that name an open state also say `open = 1`, which is what the partial index serves. */
export function conditionsOf(filter: ListFilter): Condition[] {
  const conditions: Condition[] = [];
  const equal = (path: string, value: string | undefined): void => {
    if (value !== undefined) conditions.push({ sql: `summary ->> '${path}' = ?`, bindings: [value] });
  };
  if (filter.waitingFor !== undefined) conditions.push(...waitingConditions(filter.waitingFor));
  if (filter.state !== undefined && isOpen(filter.state)) conditions.push(open);
  equal("$.state", filter.state);
  equal("$.type", filter.type);
  equal("$.class", filter.class);
  equal("$.risk", filter.risk);
  if (filter.group !== undefined) {
    const sql = "EXISTS (SELECT 1 FROM json_each(summary, '$.groups') WHERE value = ?)";
    conditions.push({ sql, bindings: [filter.group] });
  }
  return conditions;
}

/** Whether every row has to be looked at to find those that fit: no index serves the filter. */
export const needsScan = (conditions: readonly Condition[]): boolean =>
  conditions.length > 0 && !conditions.includes(open);

/**
 * `waitsFor` of core/reader.ts in SQL: pending, with a seat that names the person or one of their groups, and not asked for by their own agent or on
 * their behalf. A filter and no authority: being listed and being eligible are different things (semantics §4).
 */
function waitingConditions(reader: Reader): Condition[] {
  const { person, manages = [] } = reader;
  const selectors = JSON.stringify(selectorsOf(reader));
  const seat = `EXISTS (
    SELECT 1 FROM json_each(summary, '$.seats') AS seat, json_each(seat.value, '$.from') AS selector
    WHERE selector.value IN (SELECT value FROM json_each(?)) OR (selector.value = 'manager-of-requester'
      AND summary ->> '$.requester.owner' IN (SELECT value FROM json_each(?))))`;
  return [
    open,
    { sql: "summary ->> '$.state' = 'pending'", bindings: [] },
    { sql: "summary ->> '$.requester.owner' <> ?", bindings: [person] },
    { sql: "coalesce(summary ->> '$.requester.onBehalfOf', '') <> ?", bindings: [person] },
    { sql: seat, bindings: [selectors, JSON.stringify(manages)] },
  ];
}
