import * as v from "valibot";
import { passTextOf } from "../../core/pass-text.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { Person } from "../../schemas/directory.ts";
import { SessionRecord } from "../../schemas/session.ts";
import { PersonId } from "../../schemas/text.ts";
import { liveKey } from "./keys.ts";
import { newId, newPassSecret, sha256Hex } from "./random.ts";
import { findEntry } from "./rows/directory.ts";
import { recordChange } from "./rows/meta.ts";
import { deletePass, findPass, insertPass } from "./rows/passes.ts";

/**
 * How people get onto the page: a link that works once for five minutes becomes a session of twelve hours, and a session
 * gives out tickets that open one WebSocket each within thirty seconds. Only hashes are stored.
 */
const linkMs = 5 * 60_000;
const sessionMs = 12 * 3_600_000;
const ticketMs = 30_000;

const LinkRecord = v.strictObject({ person: PersonId, keyId: v.string() });
const StoredPerson = v.pipe(v.string(), v.parseJson(), Person);
const TicketRecord = v.strictObject({ holder: v.string() });

/** The text is in here and nowhere else; `expiresAt` is epoch ms. */
export type NewPass = { text: string; expiresAt: number };
export type SignedIn = NewPass & { session: SessionRecord };

/** A link for an active person of the directory, made with a key. */
export function createLink(
  sql: SqlStorage,
  { person, keyId }: { person: string; keyId: string },
  { workspace, actor, now }: { workspace: string; actor: string; now: number },
): Result<NewPass, Refusal> {
  if (!isActive(sql, person)) return refusal("not_found", "There is no such active person here.");
  const made = newPass(workspace, now + linkMs);
  insertPass(sql, {
    kind: "link",
    hash: sha256Hex(made.text),
    endsAt: made.expiresAt,
    record: { person, keyId },
    now,
  });
  recordChange(sql, { at: now, actor, kind: "link.created", id: person }, false);
  return ok(made);
}

/** Uses a link up. Whatever is wrong with it, the answer is the same. */
export function signIn(
  sql: SqlStorage,
  { hash }: { hash: string },
  { workspace, now }: { workspace: string; now: number },
): Result<SignedIn, Refusal> {
  const link = findPass(sql, LinkRecord, { kind: "link", hash, now });
  if (link === null || !isActive(sql, link.person) || liveKey(sql, link.keyId, null, now) === null) {
    return spent();
  }
  deletePass(sql, "link", hash);
  const made = newPass(workspace, now + sessionMs);
  const session: SessionRecord = {
    id: newId("ses"),
    ...link,
    signedInAt: now,
    endsAt: made.expiresAt,
  };
  insertPass(sql, {
    kind: "session",
    hash: sha256Hex(made.text),
    endsAt: made.expiresAt,
    record: session,
    now,
  });
  recordChange(sql, { at: now, actor: link.person, kind: "session.created", id: session.id }, false);
  return ok({ ...made, session });
}

/** One answer for a link that is used, over, withdrawn or was never made. */
export const spent = (): Result<never, Refusal> =>
  refusal("unauthenticated", "This link was used already or is over. Ask for a new one.");

/** The session behind a cookie, or null once it is over or the key it began with is. */
export function liveSession(
  sql: SqlStorage,
  { hash, now }: { hash: string; now: number },
): SessionRecord | null {
  const session = findPass(sql, SessionRecord, { kind: "session", hash, now });
  return session === null || liveKey(sql, session.keyId, null, now) === null ? null : session;
}

export function endSession(sql: SqlStorage, { hash, now }: { hash: string; now: number }): void {
  const session = findPass(sql, SessionRecord, { kind: "session", hash, now });
  if (session === null) return;
  deletePass(sql, "session", hash);
  recordChange(sql, { at: now, actor: session.person, kind: "session.ended", id: session.id }, false);
}

/** A ticket for `holder` alone: the id of a session or of a key. */
export function createTicket(
  sql: SqlStorage,
  { holder }: { holder: string },
  { workspace, now }: { workspace: string; now: number },
): NewPass {
  const made = newPass(workspace, now + ticketMs);
  insertPass(sql, {
    kind: "ticket",
    hash: sha256Hex(made.text),
    endsAt: made.expiresAt,
    record: { holder },
    now,
  });
  return made;
}

/** Uses a ticket up, whoever shows it. @returns whether it was this holder's. */
export function redeemTicket(
  sql: SqlStorage,
  { hash, holder, now }: { hash: string; holder: string; now: number },
): boolean {
  const ticket = findPass(sql, TicketRecord, { kind: "ticket", hash, now });
  if (ticket === null) return false;
  deletePass(sql, "ticket", hash);
  return ticket.holder === holder;
}

function newPass(workspace: string, expiresAt: number): NewPass {
  return { text: passTextOf(workspace, newPassSecret()), expiresAt };
}

function isActive(sql: SqlStorage, person: string): boolean {
  const entry = findEntry(sql, "person", person);
  return entry !== null && v.parse(StoredPerson, entry).active;
}
