import * as v from "valibot";
import { durationMs } from "./duration.ts";
import { AgentId, Label, Slug } from "./text.ts";

/**
 * Who may say which agent a token's bearer is: an OpenID Connect issuer of the workspace's list, and what its tokens must
 * claim. One mechanism for GitHub Actions, Kubernetes service accounts, SPIFFE JWT-SVIDs and whoever else signs JWTs.
 */

/** Signatures with a public key only: with a shared secret, whoever verifies could also sign. */
export const issuerAlgorithms = ["RS256", "ES256", "EdDSA"] as const;
export const IssuerAlgorithm = v.picklist(issuerAlgorithms);
export type IssuerAlgorithm = v.InferOutput<typeof IssuerAlgorithm>;

const Url = v.pipe(
  v.string(),
  v.maxLength(2_048),
  v.regex(/^https?:\/\/[\x21-\x7e]+$/u, "is an address such as https://token.actions.githubusercontent.com"),
);

/** A claim by its path: `sub`, or `kubernetes.io.serviceaccount.name` for one inside others, whose names may hold dots. */
const ClaimPath = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9_/:-]{1,64}(?:\.[A-Za-z0-9_/:-]{1,64}){0,7}$/u,
    "is the name of a claim, such as sub or kubernetes.io.namespace",
  ),
);
const ClaimGlob = v.pipe(v.string(), v.minLength(1), v.maxLength(512));

/** All its claims must be there and fit: then the bearer is this agent. `*` is any run of characters, `?` exactly one. */
export const IssuerRule = v.strictObject({
  claims: v.pipe(
    v.record(ClaimPath, ClaimGlob),
    v.check((claims) => Object.keys(claims).length > 0, "names at least one claim"),
    v.check((claims) => Object.keys(claims).length <= 16, "names at most 16 claims"),
  ),
  agent: AgentId,
});
export type IssuerRule = v.InferOutput<typeof IssuerRule>;

const oneMinute = 60_000;
const oneDay = 86_400_000;
const TokenAge = v.pipe(
  v.string(),
  v.check((text) => {
    const age = durationMs(text);
    return age !== undefined && age >= oneMinute && age <= oneDay;
  }, 'is a duration from "1m" to "24h"'),
);

export const Issuer = v.strictObject({
  id: Slug,
  description: v.optional(v.nullable(Label), null),
  /** `iss` of its tokens, to the letter. */
  issuer: Url,
  /** Where its keys are; from `<issuer>/.well-known/openid-configuration` where it is null. */
  jwksUrl: v.optional(v.nullable(Url), null),
  /** `aud` of its tokens. Give each workspace one of its own: a token for somebody else is then worth nothing here. */
  audience: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
  algorithms: v.optional(
    v.pipe(v.array(IssuerAlgorithm), v.minLength(1, "names at least one algorithm"), v.maxLength(3)),
    ["RS256"],
  ),
  rules: v.pipe(v.array(IssuerRule), v.maxLength(100)),
  /** How long after it was issued a token is still taken, whatever `exp` it has. */
  maxTokenAge: v.optional(TokenAge, "1h"),
});
export type Issuer = v.InferOutput<typeof Issuer>;

/** As it is written: the id is in the address. */
export const IssuerBody = v.omit(Issuer, ["id"]);
export const IssuerList = v.object({ items: v.array(Issuer) });
