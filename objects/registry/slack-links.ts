import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { personByEmail } from "../../core/identity.ts";
import type { Directory } from "../../schemas/directory.ts";
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
  const free = freeFor(sql, { team, user, person });
  if (!free.ok) return free;
  deleteCode(sql, hash);
  if (free.value !== null) return ok(free.value);
  const link = { team, user, person, linkedAt: now };
  insertLink(sql, link);
  recordChange(sql, { at: now, actor: person, kind: "slack.linked", id: `${team}/${user}` }, true);
  return ok(link);
}

/**
 * Binds a Slack user to the one active person whose e-mail address Slack says is theirs, and says in link and log that it rests on
 * that alone. Whether addresses count at all is the caller's to judge: Slack's administrators can set them.
 */
export function linkByEmail(
  sql: SqlStorage,
  { team, user, email }: { team: string; user: string; email: string },
  directory: Directory,
  now: number,
): Result<SlackLink, Refusal> {
  const person = personByEmail(directory, email);
  if (person === null) {
    return refusal(
      "not_found",
      "Your Slack e-mail address is nobody's in the directory, or more than one person's.",
    );
  }
  const free = freeFor(sql, { team, user, person });
  if (!free.ok) return free;
  if (free.value !== null) return ok(free.value);
  const link: SlackLink = { team, user, person, linkedAt: now, by: "email" };
  insertLink(sql, link);
  recordChange(sql, { at: now, actor: "engine", kind: "slack.linked_by_email", id: `${team}/${user}` }, true);
  return ok(link);
}

/** The link that there is already, null where both sides have none, or why they cannot be linked. */
function freeFor(
  sql: SqlStorage,
  { team, user, person }: { team: string; user: string; person: string },
): Result<SlackLink | null, Refusal> {
  const links = listLinks(sql);
  const same = links.find((link) => link.team === team && link.user === user);
  if (same !== undefined && same.person !== person) {
    return refusal("conflict", `You are linked as ${same.person} already; have that link removed first.`);
  }
  const other = links.find((link) => link.person === person && link !== same);
  if (other !== undefined) {
    return refusal("conflict", `${person} is linked to another Slack user; have that link removed first.`);
  }
  return ok(same ?? null);
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
