import type { Json } from "../../schemas/json.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { Policy } from "../../schemas/policy.ts";
import { canonicalJson } from "../canonical.ts";
import { plainObject } from "../plain-json.ts";
import { isObject } from "./schema-keyword.ts";

/** One value that differs, by JSON Pointer from the contract or role class; null stands for absent. */
export type FieldChange = { pointer: string; from: Json; to: Json };
export type NamedChange = { name: string; fields: FieldChange[] };
export type PolicyDiff = {
  added: string[];
  removed: string[];
  changed: { type: string; fields: FieldChange[] }[];
  roles: { added: string[]; removed: string[]; changed: NamedChange[] };
  /** How many messages people get and agents may cause; pointers are from the document. */
  budgets: FieldChange[];
};

/** What publishing `b` over `a` changes, contract by contract and role class by role class. The order of contracts means nothing. */
export function diffPolicies(a: Policy, b: Policy): PolicyDiff {
  const contracts = diffNamed(byType(a), byType(b));
  return {
    added: contracts.added,
    removed: contracts.removed,
    changed: contracts.changed.map(({ name, fields }) => ({ type: name, fields })),
    roles: diffNamed(byName(a), byName(b)),
    budgets: fieldChanges(budgetsOf(a), budgetsOf(b), ""),
  };
}

/** With a place for each, so that one number that changes is shown as one. */
const budgetsOf = ({ notifications, requests }: Policy): Json => ({
  notifications: plainObject(notifications ?? {}),
  requests: plainObject(requests ?? {}),
});

type Named = ReadonlyMap<string, Json>;

function byType(policy: Policy): Named {
  return new Map(policy.contracts.map((contract) => [contract.type, plainObject(contract)]));
}

function byName(policy: Policy): Named {
  return new Map(Object.entries(policy.roles).map(([name, role]) => [name, plainObject(role)]));
}

function diffNamed(a: Named, b: Named): { added: string[]; removed: string[]; changed: NamedChange[] } {
  const changed = [...b].flatMap(([name, to]) => {
    const from = a.get(name);
    const fields = from === undefined ? [] : fieldChanges(from, to, "");
    return fields.length === 0 ? [] : [{ name, fields }];
  });
  return {
    added: [...b.keys()].filter((name) => !a.has(name)),
    removed: [...a.keys()].filter((name) => !b.has(name)),
    changed,
  };
}

/** Objects are compared member by member; a list that differs is shown whole, as its items have no names. */
export function fieldChanges(from: Json, to: Json, pointer: string): FieldChange[] {
  if (canonicalJson(from) === canonicalJson(to)) return [];
  if (!isObject(from) || !isObject(to)) return [{ pointer, from, to }];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return keys.flatMap((key) =>
    fieldChanges(memberOf(from, key), memberOf(to, key), pointerOf([key], pointer)),
  );
}

function memberOf(value: { [key: string]: Json }, key: string): Json {
  return Object.hasOwn(value, key) ? (value[key] ?? null) : null;
}
