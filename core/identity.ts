import type { Directory, Person } from "../schemas/directory.ts";
import { refuse, ok, type Result } from "./result.ts";

/**
 * One person is one person (threat T7): whatever proves who they are, an e-mail address, an SSO subject, a Slack account or a key,
 * leads to one id of the directory or to nobody.
 */

const maxEmailLength = 254;
const maxLocalLength = 64;
/** The printable ASCII that RFC 5322 allows in a plain local part: nothing quoted, nothing that looks like something else. */
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/u;
const domainPart = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/**
 * The form in which two addresses of one mailbox are the same text. Only ASCII is taken, and that is asked before anything is
 * normalised or made lower-case: both turn the Kelvin sign into a plain k, and a Cyrillic letter is a Latin one to the eye.
 */
export function canonicalEmail(text: string): Result<string, string> {
  if (text.length > maxEmailLength) return refuse(`is longer than ${maxEmailLength} characters`);
  if (/\s/u.test(text)) return refuse("holds white space");
  if (!/^[\x21-\x7e]*$/u.test(text)) {
    return refuse("holds letters beyond ASCII; give the address as its mail system writes it");
  }
  const lower = text.toLowerCase();
  const at = lower.lastIndexOf("@");
  const [local, domain] = [lower.slice(0, Math.max(at, 0)), lower.slice(at + 1)];
  if (local.length > maxLocalLength || !localPart.test(local) || !domainPart.test(domain)) {
    return refuse("is not an e-mail address such as alice@example.com");
  }
  return ok(lower);
}

/** The one active person with this address; null where there is none, more than one, or the address is not plain. */
export function personByEmail(directory: Directory, email: string): string | null {
  const wanted = canonicalEmail(email);
  if (!wanted.ok) return null;
  const found = Object.values(directory.people).filter(
    (person) => person.active && hasEmail(person, wanted.value),
  );
  return found.length === 1 ? (found[0]?.id ?? null) : null;
}

function hasEmail({ email }: Person, wanted: string): boolean {
  if (email === undefined) return false;
  const own = canonicalEmail(email);
  return own.ok && own.value === wanted;
}

/** Everyone who is declared to be the same human as `person`, themselves included, however many steps away. */
export function aliasesOf(person: string, people: Directory["people"]): Set<string> {
  return closure(person, aliasLinks(people));
}

/** Every pair that `sameAs` declares. One side saying so is enough: the other must not be able to deny it. */
export function aliasLinks(people: Directory["people"]): [string, string][] {
  return Object.values(people).flatMap(({ id, sameAs = [] }) =>
    sameAs.map((other): [string, string] => [id, other]),
  );
}

/** Everyone linked to `start` by these pairs, in either direction. */
export function closure(start: string, links: readonly (readonly [string, string])[]): Set<string> {
  const linked = new Set([start]);
  for (const one of linked) {
    // A Set is walked to its end even as it grows, so this reaches the whole class.
    for (const [from, to] of links) {
      if (from === one) linked.add(to);
      if (to === one) linked.add(from);
    }
  }
  return linked;
}
