import * as v from "valibot";
import { GuardrailEvent, GuardrailState, type Level } from "../../../schemas/guardrail.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `guardrails`, `guardrail_signals` and `guardrail_events`. */

const State = v.object({ type: v.string(), value: jsonOf(GuardrailState) });
const Stored = v.object({ value: jsonOf(GuardrailEvent) });
const Number = v.object({ number: v.number() });

/** Null before anything was learnt of the type. */
export function findGuardrail(sql: SqlStorage, type: string): GuardrailState | null {
  return rowOf(sql, State, "SELECT type, value FROM guardrails WHERE type = ?", type)?.value ?? null;
}

export function putGuardrail(sql: SqlStorage, type: string, state: GuardrailState): void {
  const put =
    "INSERT INTO guardrails (type, value) VALUES (?, ?) ON CONFLICT (type) DO UPDATE SET value = excluded.value";
  sql.exec(put, type, JSON.stringify(state));
}

/** The levels of those that have ever moved, by type; all others stand where their contracts say that they begin. */
export function listLevels(sql: SqlStorage): Record<string, Level> {
  const rows = rowsOf(sql, State, "SELECT type, value FROM guardrails ORDER BY type");
  const moved = rows.filter(({ value }) => value.changedAt !== null);
  return Object.fromEntries(moved.map(({ type, value }) => [type, value.level]));
}

/** @returns false where this signal had been heard of. */
export function insertSignal(
  sql: SqlStorage,
  { action, seq, at }: { action: string; seq: number; at: number },
): boolean {
  const insert =
    "INSERT INTO guardrail_signals (at, action, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq";
  return sql.exec(insert, at, action, seq).toArray().length > 0;
}

/** Forgets signals of before a time, at most `most` of them: the next call takes the rest. */
export function deleteSignals(sql: SqlStorage, before: number, most: number): void {
  sql.exec(
    `DELETE FROM guardrail_signals WHERE (at, action, seq) IN
      (SELECT at, action, seq FROM guardrail_signals WHERE at < ? ORDER BY at LIMIT ?)`,
    before,
    most,
  );
}

export function insertEvent(sql: SqlStorage, type: string, event: GuardrailEvent): void {
  const last = "SELECT COALESCE(MAX(number), 0) AS number FROM guardrail_events WHERE type = ?";
  const number = (rowOf(sql, Number, last, type)?.number ?? 0) + 1;
  sql.exec(
    "INSERT INTO guardrail_events (type, number, value) VALUES (?, ?, ?)",
    type,
    number,
    JSON.stringify(event),
  );
}

/** Newest first. */
export function listEvents(sql: SqlStorage, type: string, limit: number): GuardrailEvent[] {
  const statement = "SELECT value FROM guardrail_events WHERE type = ? ORDER BY number DESC LIMIT ?";
  return rowsOf(sql, Stored, statement, type, limit).map(({ value }) => value);
}
