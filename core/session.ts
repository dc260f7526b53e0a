import type { Directory } from "../schemas/directory.ts";
import type { Scope } from "../schemas/principal.ts";

/** How long after signing in a person may decide on what is critical without signing in again. */
export const freshMs = 5 * 60_000;

/** Whether a sign-in is recent enough to decide on what is critical. */
export const isFresh = (signedInAt: number, now: number): boolean => now - signedInAt < freshMs;

const everybody = [
  "actions:read",
  "votes:write",
  "policy:read",
  "directory:read",
  "metrics:read",
] as const satisfies readonly Scope[];

/** What a person may do on the page, as the directory is now; operators may also send dead letters again. */
export function sessionScopes(directory: Directory, person: string): Scope[] {
  const { operators } = directory.groups;
  return operators?.members.includes(person) === true ? [...everybody, "deliveries:write"] : [...everybody];
}

/**
 * The one active person with this e-mail address, whatever its case; null where there is none or more than one. Only A to Z have a
 * case here: Unicode would make a k of the Kelvin sign, and of somebody else's address this one (threat T2).
 */
export function personByEmail(directory: Directory, email: string): string | null {
  const wanted = folded(email);
  const found = Object.values(directory.people).filter(
    (person) => person.active && person.email !== undefined && folded(person.email) === wanted,
  );
  return found.length === 1 ? (found[0]?.id ?? null) : null;
}

const folded = (text: string): string => text.replaceAll(/[A-Z]/gu, (letter) => letter.toLowerCase());
