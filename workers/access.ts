import { createRemoteJWKSet, jwtVerify } from "jose";
import * as v from "valibot";
import { personByEmail } from "../core/identity.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { WorkspaceName } from "../schemas/text.ts";
import { askKnown } from "./known.ts";
import { isLocal } from "./local.ts";

/**
 * Cloudflare Access in front of the page. The token is always verified here, because other addresses of the Worker go
 * round Access.
 */
const Settings = v.object({
  /** `acme` of acme.cloudflareaccess.com. */
  HOLDPOINT_ACCESS_TEAM: v.pipe(v.string(), v.minLength(1)),
  /** The application's audience tag. */
  HOLDPOINT_ACCESS_AUD: v.pipe(v.string(), v.minLength(1)),
  /** The workspace that its people belong to. */
  HOLDPOINT_ACCESS_WORKSPACE: v.optional(WorkspaceName, "default"),
});

/** A person's token. A service token has a `common_name`, an empty `sub` and no e-mail address: it is never a reviewer. */
const Claims = v.object({
  email: v.pipe(v.string(), v.email()),
  sub: v.pipe(v.string(), v.minLength(1)),
  iat: v.number(),
  exp: v.number(),
  common_name: v.optional(v.never()),
});

/** Times are epoch ms; `epoch` is the Registry's count of withdrawals of access. */
export type AccessPerson = {
  workspace: string;
  person: string;
  signedInAt: number;
  endsAt: number;
  snapshot: Snapshot;
  epoch: number;
};

/** Key sets by issuer: jose fetches one when it meets an unknown key, and at most every half minute. */
const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

/**
 * The person behind the request's Access token.
 * 1. Access is configured and the header is there, else `undefined`: the caller looks elsewhere.
 * 2. Signature (RS256, the team's keys), audience, issuer and time are right, else null.
 * 3. It is a person's, whose e-mail address is that of exactly one active person of the directory, else null.
 */
export async function accessPerson(request: Request, env: Env): Promise<AccessPerson | null | undefined> {
  const token = request.headers.get("cf-access-jwt-assertion");
  const settings = v.safeParse(Settings, env);
  if (token === null || !settings.success) return undefined;
  const { HOLDPOINT_ACCESS_AUD: audience, HOLDPOINT_ACCESS_WORKSPACE: workspace } = settings.output;
  const issuer = issuerOf(settings.output.HOLDPOINT_ACCESS_TEAM, env);
  const claims = await verified(token, issuer, audience);
  if (claims === null) return null;
  const known = await askKnown(env, workspace);
  const person = known === null ? null : personByEmail(known.snapshot.directory, claims.email);
  if (known === null || person === null) return null;
  return { workspace, person, signedInAt: claims.iat * 1_000, endsAt: claims.exp * 1_000, ...known };
}

async function verified(
  token: string,
  issuer: string,
  audience: string,
): Promise<v.InferOutput<typeof Claims> | null> {
  const keys = keySets.get(issuer) ?? createRemoteJWKSet(new URL(`${issuer}/cdn-cgi/access/certs`));
  keySets.set(issuer, keys);
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ["RS256"] });
    const claims = v.safeParse(Claims, payload);
    return claims.success ? claims.output : null;
  } catch {
    return null;
  }
}

/** A whole address instead of a team's name is taken on a developer's own machine only. */
function issuerOf(team: string, env: Env): string {
  if (isLocal(env) && /^http:\/\/127\.0\.0\.1:\d+$/u.test(team)) return team;
  if (!/^[a-z0-9-]+$/u.test(team)) throw new Error("HOLDPOINT_ACCESS_TEAM is the team's name alone");
  return `https://${team}.cloudflareaccess.com`;
}
