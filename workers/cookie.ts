import { isLocal } from "./local.ts";

/**
 * The session's cookie. `__Host-` binds it to this very host over https. On a developer's own machine there is no https, and
 * not every browser keeps a Secure cookie then; there its name holds the port instead, because cookies are shared between ports.
 */
function nameOf(env: Env, url: URL): string {
  return isPlain(env, url) ? `holdpoint-${url.port || "80"}` : "__Host-holdpoint";
}

const isPlain = (env: Env, url: URL): boolean => url.protocol === "http:" && isLocal(env);

/** The cookie's text as a request has it, or null. */
export function sessionCookieOf(request: Request, env: Env, url: URL): string | null {
  const name = nameOf(env, url);
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [key = "", ...value] = pair.trim().split("=");
    if (key === name) return value.join("=");
  }
  return null;
}

/** `Set-Cookie` for a session, or one that forgets it where `text` is "" and `maxAgeMs` 0. Scripts never see it. */
export function sessionCookie(
  env: Env,
  url: URL,
  { text, maxAgeMs }: { text: string; maxAgeMs: number },
): string {
  const secure = isPlain(env, url) ? "" : "; Secure";
  const maxAge = Math.floor(maxAgeMs / 1_000);
  return `${nameOf(env, url)}=${text}; Path=/; HttpOnly${secure}; SameSite=Strict; Max-Age=${maxAge}`;
}
