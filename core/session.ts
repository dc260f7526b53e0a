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
  "feedback:write",
] as const satisfies readonly Scope[];

/** What a person may do on the page, as the directory is now; operators may also send dead letters again. */
export function sessionScopes(directory: Directory, person: string): Scope[] {
  const { operators } = directory.groups;
  return operators?.members.includes(person) === true ? [...everybody, "deliveries:write"] : [...everybody];
}
