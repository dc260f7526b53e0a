import * as v from "valibot";
import { SlackLink } from "../../../schemas/link.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `slack_links` and `slack_codes`. */

const Stored = v.object({ value: jsonOf(SlackLink) });
const Code = v.object({ hash: v.string(), person: v.string(), ends_at: v.number() });
export type Code = v.InferOutput<typeof Code>;

export function findLink(sql: SqlStorage, team: string, user: string): SlackLink | null {
  return rowOf(sql, Stored, "SELECT value FROM slack_links WHERE id = ?", idOf(team, user))?.value ?? null;
}

export function listLinks(sql: SqlStorage): SlackLink[] {
  return rowsOf(sql, Stored, "SELECT value FROM slack_links ORDER BY id").map(({ value }) => value);
}

export function insertLink(sql: SqlStorage, link: SlackLink): void {
  sql.exec(
    "INSERT INTO slack_links (id, value) VALUES (?, ?)",
    idOf(link.team, link.user),
    JSON.stringify(link),
  );
}

export function deleteLink(sql: SqlStorage, team: string, user: string): void {
  sql.exec("DELETE FROM slack_links WHERE id = ?", idOf(team, user));
}

/** `hash` is the SHA-256 (hex) of the code. */
export function findCode(sql: SqlStorage, hash: string): Code | null {
  return rowOf(sql, Code, "SELECT hash, person, ends_at FROM slack_codes WHERE hash = ?", hash);
}

export function insertCode(sql: SqlStorage, { hash, person, ends_at }: Code): void {
  sql.exec("INSERT INTO slack_codes (hash, person, ends_at) VALUES (?, ?, ?)", hash, person, ends_at);
}

export function deleteCode(sql: SqlStorage, hash: string): void {
  sql.exec("DELETE FROM slack_codes WHERE hash = ?", hash);
}

export function deleteEndedCodes(sql: SqlStorage, now: number): void {
  sql.exec("DELETE FROM slack_codes WHERE ends_at <= ?", now);
}

const idOf = (team: string, user: string): string => `${team}/${user}`;
