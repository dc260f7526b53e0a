import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from "jose";
import { createHash } from "node:crypto";
import * as v from "valibot";
import { agentOfClaims } from "../core/issuer.ts";
import { durationMs } from "../schemas/duration.ts";
import type { Issuer } from "../schemas/issuer.ts";
import { defaultScopes, type Principal } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import type { Standing } from "../schemas/standing.ts";
import { WorkspaceName } from "../schemas/text.ts";
import { ProblemError } from "./http/problem.ts";
import { KeysUnavailable, keysOf } from "./issuer-keys.ts";
import { askRecent } from "./known.ts";

/**
 * Workload identity: an agent in CI, in a cluster or in a mesh comes with the token that its own platform signed for it, and no key of
 * ours exists that could leak. A token names no workspace: the header `Holdpoint-Workspace` does, and the token must satisfy that
 * workspace's own list of issuers, so that it is nothing in any other.
 *
 * A bearer token may be sent more than once, so its `jti` is not remembered; it is short-lived (`maxTokenAge`) instead.
 */
const maxTokenBytes = 8 * 1024;
/** Seconds by which the clocks of issuer and engine may differ. */
const clockTolerance = 30;

const defaultWorkspace = "default";

/** The bearer token where it is a JWT and no key of ours; null for anything else. */
export function workloadTokenOf(request: Request): string | null {
  const match = /^Bearer ([^\s,]+)$/iu.exec(request.headers.get("authorization") ?? "");
  const text = match?.[1] ?? "";
  return !text.startsWith("hp_") && text.split(".", 4).length === 3 ? text : null;
}

/**
 * The agent that a token speaks for.
 * 1. The workspace's list has the token's issuer, to the letter; until then nothing in the token is believed, and nobody is called.
 * 2. Signature by a key of that issuer, with an algorithm of the list; issuer, audience and times are right.
 * 3. The claims fit rules for exactly one agent, who is active.
 * @throws ProblemError 401 that says which of these failed; 503 where the issuer's keys cannot be read
 */
export async function byWorkload(
  token: string,
  request: Request,
  env: Env,
  now: number,
): Promise<{ principal: Principal; snapshot: Snapshot; standing: Standing }> {
  if (token.length > maxTokenBytes) throw refused(`it is longer than ${maxTokenBytes} bytes`);
  const named = v.safeParse(WorkspaceName, request.headers.get("holdpoint-workspace") ?? defaultWorkspace);
  if (!named.success || named.output === "engine") throw refused("Holdpoint-Workspace names no workspace");
  const workspace = named.output;
  const iss = issuerIn(token);
  const known = await askRecent(env, workspace, now);
  const issuer = known?.snapshot.issuers?.find((one) => one.issuer === iss);
  if (known === null || issuer === undefined) {
    throw refused(
      "its issuer is not one that this workspace trusts; `Holdpoint-Workspace` says which one is meant",
    );
  }
  const { snapshot, epoch } = known;
  const claims = await verified(token, issuer, env, now);
  const found = agentOfClaims(issuer.rules, claims);
  if (!found.ok) throw refused(found.error);
  const agent = found.value;
  if (!isActiveAgent(snapshot, agent)) throw refused(`${agent} is not an active agent of this workspace`);
  const scopes = [...defaultScopes.agent];
  const keyId = keyIdOf(issuer, agent);
  // A verified token has an end; one without is not taken.
  const endsAt = (claims.exp ?? 0) * 1_000;
  const standing: Standing = { holder: { kind: "workload", agent, issuer: issuer.id }, epoch, endsAt };
  return { principal: { workspace, kind: "agent", id: agent, scopes, keyId }, snapshot, standing };
}

/** Whether the issuer that a principal was proven by is in the list unchanged. */
export function tokenHolds({ id, keyId }: Principal, snapshot: Snapshot): boolean {
  const issuers = snapshot.issuers ?? [];
  return isActiveAgent(snapshot, id) && issuers.some((issuer) => keyIdOf(issuer, id) === keyId);
}

export function isActiveAgent({ directory }: Snapshot, agent: string): boolean {
  return Object.hasOwn(directory.agents, agent) && directory.agents[agent]?.active === true;
}

/** Names the issuer as it is now with all its rules: after any change of it, the token is looked at again. */
export function keyIdOf(issuer: Issuer, agent: string): string {
  const version = createHash("sha256").update(JSON.stringify(issuer)).digest("hex").slice(0, 16);
  return `oidc:${issuer.id}:${version}:${agent}`;
}

const Named = v.object({ iss: v.string() });

/** `iss` as the token says it, for looking it up and for nothing else. */
function issuerIn(token: string): string {
  try {
    decodeProtectedHeader(token);
    return v.parse(Named, decodeJwt(token)).iss;
  } catch {
    throw refused("it is not a JSON Web Token with an issuer (`iss`)");
  }
}

async function verified(token: string, issuer: Issuer, env: Env, now: number): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keysOf(issuer, env), {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: [...issuer.algorithms],
      clockTolerance,
      currentDate: new Date(now),
      maxTokenAge: Math.floor((durationMs(issuer.maxTokenAge) ?? 0) / 1_000),
      requiredClaims: ["exp", "iat"],
    });
    return payload;
  } catch (error) {
    if (error instanceof KeysUnavailable) throw unavailable(error.message);
    throw refused(reasonOf(error, issuer));
  }
}

/** jose's errors → what was wrong, in words that show nothing of the token. */
function reasonOf(error: unknown, { algorithms, audience }: Issuer): string {
  if (error instanceof errors.JWTExpired) {
    return error.claim === "iat" ? "it was issued too long ago (`iat`)" : "it has expired (`exp`)";
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === "missing") return `it lacks the claim \`${error.claim}\``;
    const known: Readonly<Record<string, string>> = {
      aud: `its audience (\`aud\`) is not ${audience}`,
      iss: "its issuer (`iss`) is another",
      nbf: "it is not valid yet (`nbf`)",
      iat: "it was issued in the future (`iat`)",
      exp: "its end (`exp`) is not a time",
    };
    return known[error.claim] ?? "one of its claims is not right";
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return `it is not signed with ${algorithms.join(", ")}`;
  if (error instanceof errors.JWKSNoMatchingKey) return "its issuer has no such key (`kid`)";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "it does not name one key (`kid`)";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is not its issuer's";
  return "it is not a signed JSON Web Token";
}

function refused(what: string): ProblemError {
  const detail = `The token was not taken: ${what}. Send a fresh token, or a key of this engine.`;
  const challenge = 'Bearer realm="holdpoint", error="invalid_token"';
  return new ProblemError("unauthenticated", { detail }, { "www-authenticate": challenge });
}

function unavailable(what: string): ProblemError {
  const detail = `Nothing was changed: ${what}. Try again shortly.`;
  return new ProblemError("policy_unavailable", { detail }, { "retry-after": "5" });
}
