/**
 * The text of a pass: a sign-in link's token, a session's cookie or a WebSocket ticket. `<workspace>.<32 random bytes in
 * base64url>`: the workspace says whose Registry to ask, and proves nothing by itself.
 */
const pattern = /^([a-z][a-z0-9-]{0,38})\.[A-Za-z0-9_-]{43}$/u;

/** The text of a pass from 43 characters of base64url. */
export const passTextOf = (workspace: string, secret: string): string => `${workspace}.${secret}`;

/** The workspace a pass names; null for text that is no pass. */
export function workspaceOfPass(text: string): string | null {
  return pattern.exec(text)?.[1] ?? null;
}
