import { bytesOfBase64Url } from "./base64.ts";
import { HoldpointError } from "./error.ts";
import { type Guard, isObject } from "./shape.ts";

/** An Ed25519 public key as `/.well-known/jwks.json` lists it. */
export type PublicKey = { kty: string; crv?: string; x?: string; kid?: string; alg?: string; use?: string };
export type KeySet = { keys: readonly PublicKey[] };

/** What a grant says: this executor may do this, once, under this fence, until `exp`. Times are Unix seconds. */
export type GrantClaims = {
  iss: string;
  /** The executor. */
  sub: string;
  iat: number;
  exp: number;
  workspace: string;
  action: string;
  type: string;
  target: Record<string, unknown>;
  digest: string;
  fence: number;
  purpose: "execute" | "rollback";
};

export type GrantCheck = {
  jwks: KeySet;
  /** What the holder is about to do. Each value given must be the grant's own. */
  expect: {
    actionId: string;
    digest: string;
    executor?: string;
    fence?: number;
    purpose?: "execute" | "rollback";
    workspace?: string;
    issuer?: string;
  };
  /** Epoch milliseconds. */
  now?: number;
  /** Seconds the two clocks may differ; also how far `iat` may lie in the future. */
  toleranceSeconds?: number;
};

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type VerifyKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/**
 * Verifies a grant (compact JWS, EdDSA) without asking the engine. In order: (1) three canonical base64url parts;
 * (2) the header says EdDSA, the grant type, a `kid`, and nothing that asks for more; (3) `kid` names exactly one Ed25519 key
 * of the set; (4) the signature holds; (5) the claims are all there; (6) it has begun and not expired; (7) it is for this
 * action, digest and whatever else is expected. Nothing of the content is looked at before (4). Throws `bad_grant`.
 */
export async function verifyGrant(jws: string, check: GrantCheck): Promise<GrantClaims> {
  // (1)
  const [head, payload, signature, ...rest] = jws.split(".");
  const signatureBytes = bytesOfBase64Url(signature ?? "");
  if (head === undefined || payload === undefined || signatureBytes === undefined || rest.length > 0) {
    throw bad("it is not a compact JWS");
  }
  // (2), (3)
  const key = await keyFor(jsonPart(head), check.jwks);
  // (4)
  const signed = new TextEncoder().encode(`${head}.${payload}`);
  if (!(await crypto.subtle.verify("Ed25519", key, signatureBytes, signed))) {
    throw bad("its signature does not hold");
  }
  // (5)
  const claims = jsonPart(payload);
  if (!isClaims(claims)) throw bad("a claim is missing or of another type");
  // (6)
  const { now = Date.now(), toleranceSeconds = 0 } = check;
  const seconds = now / 1_000;
  if (seconds >= claims.exp + toleranceSeconds) {
    throw bad(`it expired at ${new Date(claims.exp * 1_000).toISOString()}`);
  }
  // The engine signs with its own clock, in whole seconds; a minute is more than two synchronised clocks differ.
  if (claims.iat > seconds + Math.max(toleranceSeconds, 60)) {
    throw bad("it was issued in the future: check this clock");
  }
  // (7)
  expectClaims(claims, check.expect);
  return claims;
}

function bad(detail: string): HoldpointError {
  return new HoldpointError({
    code: "bad_grant",
    title: "The grant does not verify",
    detail: `The grant cannot be trusted: ${detail}. Run nothing under it.`,
  });
}

async function keyFor(header: Record<string, unknown>, jwks: KeySet): Promise<VerifyKey> {
  if (header["alg"] !== "EdDSA") throw bad("its algorithm is not EdDSA");
  if (header["typ"] !== "holdpoint-grant+jwt") throw bad("it is no grant but some other token");
  if ("crit" in header || "b64" in header) throw bad("its header asks for an extension");
  const named = jwks.keys.filter((key) => key.kid !== undefined && key.kid === header["kid"]);
  const [key] = named;
  if (key === undefined || named.length > 1) throw bad("no key of the engine has its kid");
  const { kty, crv, x, alg = "EdDSA", use = "sig" } = key;
  const fits = kty === "OKP" && crv === "Ed25519" && (alg === "EdDSA" || alg === "Ed25519") && use === "sig";
  if (!fits || x === undefined || bytesOfBase64Url(x)?.length !== 32) {
    throw bad("the key it names is no Ed25519 signing key");
  }
  return await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"]);
}

function jsonPart(part: string): Record<string, unknown> {
  const bytes = bytesOfBase64Url(part);
  if (bytes === undefined) throw bad("it is not a compact JWS");
  let value: unknown;
  try {
    value = JSON.parse(text.decode(bytes));
  } catch {
    throw bad("a part of it is not JSON");
  }
  if (!isObject(value)) throw bad("a part of it is not a JSON object");
  return value;
}

const isClaims: Guard<GrantClaims> = (value): value is GrantClaims =>
  isObject(value) &&
  ["iss", "sub", "workspace", "action", "type", "digest"].every((name) => typeof value[name] === "string") &&
  ["iat", "exp", "fence"].every((name) => Number.isFinite(value[name])) &&
  isObject(value["target"]) &&
  (value["purpose"] === "execute" || value["purpose"] === "rollback");

function expectClaims(
  claims: GrantClaims,
  { actionId, digest, executor, fence, purpose, workspace, issuer }: GrantCheck["expect"],
): void {
  const pairs: [name: string, actual: string | number, expected: string | number | undefined][] = [
    ["action", claims.action, actionId],
    ["digest", claims.digest, digest],
    ["executor", claims.sub, executor],
    ["fence", claims.fence, fence],
    ["purpose", claims.purpose, purpose],
    ["workspace", claims.workspace, workspace],
    ["issuer", claims.iss, issuer],
  ];
  for (const [name, actual, expected] of pairs) {
    if (expected !== undefined && actual !== expected) {
      throw bad(`it is for another ${name} (${actual}, not ${expected})`);
    }
  }
}
