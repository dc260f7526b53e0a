import { bytesOfBase64 } from "./base64.ts";
import { HoldpointError } from "./error.ts";

/** Headers as `fetch` has them, or as Node's `http` and most frameworks give them. */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export type WebhookCheck = {
  /** `whsec_…`; during a rotation both, in any order. */
  secret: string | readonly string[];
  headers: HeaderSource;
  /** The body exactly as it came, before any parsing. */
  body: string | Uint8Array<ArrayBuffer>;
  /** Epoch milliseconds. */
  now?: number;
  /** How far the sender's clock may be from ours, both ways. */
  toleranceSeconds?: number;
};

export type Webhook = {
  /** The same for every try of one message: keep it longer than a sender retries, and drop what you have seen. */
  id: string;
  /** Unix seconds at which this try was signed. */
  timestamp: number;
  /** The parsed body. */
  payload: unknown;
};

type VerifyKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A sender rotating secrets sends two signatures; more than this is somebody making us work. */
const mostSignatures = 16;

/**
 * Verifies a Standard Webhooks v1 message (HMAC-SHA256) and answers its parsed body. In order:
 * (1) each of the three headers is there once and well-formed; (2) the time is near ours, in the past and in the future;
 * (3) some signature of the list is the HMAC of `id.timestamp.body` under some secret, compared in constant time by
 * `crypto.subtle.verify`; (4) the body is JSON. Every failure throws `bad_webhook`: answer it with 401.
 */
export async function verifyWebhook(check: WebhookCheck): Promise<Webhook> {
  // (1)
  const id = headerOf(check.headers, "webhook-id");
  const time = headerOf(check.headers, "webhook-timestamp");
  const list = headerOf(check.headers, "webhook-signature");
  if (!/^[A-Za-z0-9_-]{1,256}$/u.test(id)) throw bad("webhook-id is not a message id");
  if (!/^\d{10}$/u.test(time)) throw bad("webhook-timestamp is not Unix seconds");
  // (2)
  const { now = Date.now(), toleranceSeconds = 300 } = check;
  const timestamp = Number(time);
  if (!(Math.abs(now / 1_000 - timestamp) <= toleranceSeconds)) {
    throw bad(`webhook-timestamp is more than ${toleranceSeconds} s from this clock`);
  }
  // (3)
  const body = typeof check.body === "string" ? new TextEncoder().encode(check.body) : check.body;
  const keys = await Promise.all([check.secret].flat().map(keyOf));
  const signed = concat(new TextEncoder().encode(`${id}.${time}.`), body);
  if (!(await anyHolds(signaturesOf(list), keys, signed))) {
    throw bad("no signature in webhook-signature is by this secret");
  }
  // (4)
  return { id, timestamp, payload: jsonOf(body) };
}

function bad(detail: string): HoldpointError {
  return new HoldpointError({ code: "bad_webhook", detail: `Refused: ${detail}.` });
}

function headerOf(headers: HeaderSource, name: string): string {
  const value = isGetter(headers) ? headers.get(name) : valueIn(headers, name);
  if (typeof value !== "string" || value === "") throw bad(`${name} is missing or sent twice`);
  return value;
}

function isGetter(headers: HeaderSource): headers is { get(name: string): string | null } {
  return typeof headers["get"] === "function";
}

function valueIn(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  name: string,
): string | undefined {
  const values = Object.entries(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value ?? []);
  return values.length === 1 ? values[0] : undefined;
}

/** Only v1 (HMAC) is ours; other versions in the list are for other readers. */
function signaturesOf(list: string): Uint8Array<ArrayBuffer>[] {
  return list
    .split(" ")
    .slice(0, mostSignatures)
    .filter((entry) => entry.startsWith("v1,"))
    .map((entry) => bytesOfBase64(entry.slice("v1,".length)))
    .filter((bytes) => bytes !== undefined);
}

async function keyOf(secret: string): Promise<VerifyKey> {
  const bytes = secret.startsWith("whsec_") ? bytesOfBase64(secret.slice("whsec_".length)) : undefined;
  if (bytes === undefined || bytes.length < 24 || bytes.length > 64) {
    throw new HoldpointError({
      code: "bad_webhook",
      detail: "The secret is not whsec_ and base64 of 24 to 64 bytes: copy it again.",
    });
  }
  return await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/** Tries every pair, also after one has held, so that the time taken does not say which. */
async function anyHolds(
  signatures: Uint8Array<ArrayBuffer>[],
  keys: VerifyKey[],
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const pairs = signatures.flatMap((signature) =>
    keys.map((key) => crypto.subtle.verify("HMAC", key, signature, signed)),
  );
  return (await Promise.all(pairs)).includes(true);
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw bad("the body is not JSON");
  }
}
