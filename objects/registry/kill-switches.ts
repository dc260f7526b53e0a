import { globMatches } from "../../core/scope.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { KillSwitch } from "../../schemas/kill-switch.ts";
import { readPolicy } from "./policies.ts";
import { deleteSwitch, insertSwitch, listSwitches } from "./rows/kill-switches.ts";
import { recordChange } from "./rows/meta.ts";

/** What is stopped in an emergency, by action type. In force with the write: a claim reads it from here. */

const maxSwitches = 100;

/**
 * Stops everything of a scope. One that is stopped already stays as it is, with the reason it was given first. A glob that fits no
 * type of the policy in force is refused: somebody who thinks that they have stopped something must have.
 */
export function engageSwitch(sql: SqlStorage, engaged: KillSwitch): Result<KillSwitch, Refusal> {
  const { scope, by: actor, at } = engaged;
  const switches = listSwitches(sql);
  const known = switches.find((one) => one.scope === scope);
  if (known !== undefined) return ok(known);
  const types = readPolicy(sql, null)?.document.contracts.map(({ type }) => type) ?? [];
  if (scope !== "*" && !types.some((type) => globMatches(scope, type))) {
    const detail = `fits no action type of the policy in force, so it would stop nothing; there are: ${types.join(", ")}`;
    return refusal("invalid_body", "Nothing was stopped. Name a type, a glob that fits one, or *.", [
      { pointer: "/scope", detail },
    ]);
  }
  if (switches.length >= maxSwitches) {
    return refusal("conflict", `At most ${maxSwitches} kill switches are engaged at once; use a wider glob.`);
  }
  insertSwitch(sql, engaged);
  recordChange(sql, { at, actor, kind: "kill-switch.engaged", id: scope }, true);
  return ok(engaged);
}

/** Lets a scope go on. What was cancelled stays cancelled. */
export function releaseSwitch(
  sql: SqlStorage,
  { scope, actor, now }: { readonly scope: string; readonly actor: string; readonly now: number },
): Result<KillSwitch, Refusal> {
  const known = listSwitches(sql).find((one) => one.scope === scope);
  if (known === undefined) {
    return refusal("not_found", `No kill switch is engaged for ${scope}. Name its scope as it was given.`);
  }
  deleteSwitch(sql, scope);
  recordChange(sql, { at: now, actor, kind: "kill-switch.released", id: scope }, true);
  return ok(known);
}
