import { Buffer } from "node:buffer";
import type { LeaseAnswer } from "../objects/action/messages.ts";
import { engineOf } from "./stubs.ts";

/** The key that signs grants, kept by this isolate; the Registry of the engine made it. */
type Signer = { readonly kid: string; readonly key: CryptoKey };
let signer: Signer | null = null;

const encode = (value: object | Uint8Array): string =>
  Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString("base64url");

/**
 * The grant of a lease: a compact JWS (RFC 7515, EdDSA) that anybody can verify offline against
 * `/.well-known/jwks.json`. Times are Unix seconds; it ends when the execution must. Ed25519 is deterministic and
 * every claim comes from the lease, so a repeated claim gets the very same text.
 */
export async function signGrant(
  env: Env,
  lease: LeaseAnswer,
  action: { workspace: string; id: string },
  issuer: string,
): Promise<string> {
  signer ??= await loadSigner(env);
  const header = { alg: "EdDSA", typ: "holdpoint-grant+jwt", kid: signer.kid };
  const claims = {
    iss: issuer,
    sub: lease.executor,
    jti: `${action.id}.${lease.fence}`,
    iat: Math.floor(lease.claimedAt / 1_000),
    exp: Math.floor(lease.executionEnds / 1_000),
    workspace: action.workspace,
    action: action.id,
    type: lease.type,
    target: lease.target,
    digest: lease.digest,
    fence: lease.fence,
    purpose: lease.purpose,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = await crypto.subtle.sign("Ed25519", signer.key, Buffer.from(signed));
  return `${signed}.${encode(new Uint8Array(signature))}`;
}

async function loadSigner(env: Env): Promise<Signer> {
  const { current } = await engineOf(env).signingKeys();
  const key = await crypto.subtle.importKey("jwk", current, "Ed25519", false, ["sign"]);
  return { kid: current.kid, key };
}
