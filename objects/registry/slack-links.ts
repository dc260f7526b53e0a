import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { SlackLink } from "../../schemas/link.ts";
import { newLinkCode, sha256Hex } from "./random.ts";
import { findEntry } from "./rows/directory.ts";
import { recordChange } from "./rows/meta.ts";
import {
  deleteCode,
  deleteEndedCodes,
  deleteLink,
  findCode,
  findLink,
  insertCode,
  insertLink,
  listLinks,
} from "./rows/slack-links.ts";

/** Who changed it, and when (epoch ms). */
type Change = { readonly actor: string; readonly now: number };

/** How long a code may be entered. */
export const codeMs = 10 * 60_000;

/** A one-time code for a person of the directory: `code` is shown this once, its hash is kept. */
export function createCode(
  sql: SqlStorage,
  person: string,
  { now }: Change,
): Result<{ code: string; endsAt: number }, Refusal> {
  if (findEntry(sql, "person", person) === null) {
    return refusal("not_found", "There is no such person in this directory.");
  }
  const code = newLinkCode();
  const endsAt = now + codeMs;
  deleteEndedCodes(sql, now);
  insertCode(sql, { hash: hashOf(code), person, ends_at: endsAt });
  return ok({ code, endsAt });
}

/**
 * Binds a Slack user, proven by a signed request, to the person who asked for the code. A code is good once, for the first
 * who enters it. Neither side may be linked already: who is who must never be ambiguous (threat T7).
 */
export function linkSlack(
  sql: SqlStorage,
  { code, team, user }: { code: string; team: string; user: string },
  now: number,
): Result<SlackLink, Refusal> {
  deleteEndedCodes(sql, now);
  const hash = hashOf(code);
  const found = findCode(sql, hash);
  if (found === null) return refusal("not_found", "This code is wrong, used or older than ten minutes.");
  const { person } = found;
  const links = listLinks(sql);
  const same = links.find((link) => link.team === team && link.user === user);
  if (same !== undefined && same.person !== person) {
    return refusal("conflict", `You are linked as ${same.person} already; have that link removed first.`);
  }
  const other = links.find((link) => link.person === person && link !== same);
  if (other !== undefined) {
    return refusal("conflict", `${person} is linked to another Slack user; have that link removed first.`);
  }
  deleteCode(sql, hash);
  if (same !== undefined) return ok(same);
  const link = { team, user, person, linkedAt: now };
  insertLink(sql, link);
  recordChange(sql, { at: now, actor: person, kind: "slack.linked", id: `${team}/${user}` }, true);
  return ok(link);
}

export function unlinkSlack(
  sql: SqlStorage,
  { team, user }: { team: string; user: string },
  { actor, now }: Change,
): Result<null, Refusal> {
  if (findLink(sql, team, user) === null) return refusal("not_found", "There is no such link.");
  deleteLink(sql, team, user);
  recordChange(sql, { at: now, actor, kind: "slack.unlinked", id: `${team}/${user}` }, true);
  return ok(null);
}

/** A person who leaves the directory leaves no link behind for whoever gets the same id later. */
export function unlinkPerson(sql: SqlStorage, person: string): void {
  for (const link of listLinks(sql)) if (link.person === person) deleteLink(sql, link.team, link.user);
}

/** As it was shown or as people type it: case and dashes do not matter. */
const hashOf = (code: string): string => sha256Hex(code.toUpperCase().replaceAll(/[^0-9A-Z]/gu, ""));
