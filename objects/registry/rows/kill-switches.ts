import * as v from "valibot";
import { KillSwitch } from "../../../schemas/kill-switch.ts";
import { jsonOf, rowsOf } from "./read.ts";

/** The statements on `kill_switches`: one row a scope that is stopped. */

const Stored = v.object({ value: jsonOf(KillSwitch) });

/** The one engaged first comes first. */
export function listSwitches(sql: SqlStorage): KillSwitch[] {
  return rowsOf(sql, Stored, "SELECT value FROM kill_switches ORDER BY number").map(({ value }) => value);
}

export function insertSwitch(sql: SqlStorage, engaged: KillSwitch): void {
  sql.exec("INSERT INTO kill_switches (scope, value) VALUES (?, ?)", engaged.scope, JSON.stringify(engaged));
}

export function deleteSwitch(sql: SqlStorage, scope: string): void {
  sql.exec("DELETE FROM kill_switches WHERE scope = ?", scope);
}
