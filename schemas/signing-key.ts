import * as v from "valibot";

const Base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/u, "is 32 bytes in base64url"));

/** The public half of the key that signs grants (RFC 8037), as `/.well-known/jwks.json` shows it. `kid` is its RFC 7638 thumbprint. */
export const PublicJwk = v.strictObject({
  kty: v.literal("OKP"),
  crv: v.literal("Ed25519"),
  x: Base64url,
  kid: Base64url,
  alg: v.literal("EdDSA"),
  use: v.literal("sig"),
});
export type PublicJwk = v.InferOutput<typeof PublicJwk>;

/** The same with its private half `d`. Never leaves the engine. */
export const PrivateJwk = v.strictObject({ ...PublicJwk.entries, d: Base64url });
export type PrivateJwk = v.InferOutput<typeof PrivateJwk>;
