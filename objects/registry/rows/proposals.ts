import * as v from "valibot";
import { ChangeResult, EngineChange } from "../../../schemas/engine-change.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `proposals`: one row a change that was asked for, by the action that asks. */

const Row = v.object({
  action: v.string(),
  change: v.nullable(jsonOf(EngineChange)),
  base: v.string(),
  actor: v.string(),
  made_at: v.number(),
  result: v.nullable(jsonOf(ChangeResult)),
});
export type ProposalRow = v.InferOutput<typeof Row>;

const columns = "action, change, base, actor, made_at, result";

export function findProposal(sql: SqlStorage, action: string): ProposalRow | null {
  return rowOf(sql, Row, `SELECT ${columns} FROM proposals WHERE action = ?`, action);
}

export function insertProposal(
  sql: SqlStorage,
  {
    action,
    change,
    base,
    actor,
    now,
  }: { action: string; change: EngineChange; base: string; actor: string; now: number },
): void {
  sql.exec(
    "INSERT INTO proposals (action, change, base, actor, made_at) VALUES (?, ?, ?, ?, ?)",
    action,
    JSON.stringify(change),
    base,
    actor,
    now,
  );
}

/** The change itself is of no more use then, and a document is large. */
export function settleProposal(sql: SqlStorage, action: string, result: ChangeResult): void {
  sql.exec("UPDATE proposals SET result = ?, change = NULL WHERE action = ?", JSON.stringify(result), action);
}

export function closeProposal(sql: SqlStorage, action: string): void {
  sql.exec("UPDATE proposals SET is_open = 0 WHERE action = ?", action);
}

const Open = v.object({ action: v.string(), made_at: v.number() });

/** Those whose action does not know yet what came of them, oldest first. */
export function openProposals(sql: SqlStorage, limit: number): { action: string; madeAt: number }[] {
  const statement = "SELECT action, made_at FROM proposals WHERE is_open = 1 ORDER BY made_at LIMIT ?";
  return rowsOf(sql, Open, statement, limit).map(({ action, made_at }) => ({ action, madeAt: made_at }));
}
