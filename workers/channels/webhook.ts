import { encodeBase64 } from "../../core/base64.ts";

/**
 * Standard Webhooks, outbound: a signed POST and what its answer means. The signature covers `id.timestamp.body`, one
 * `v1` for each secret that is in force, so that a receiver holding either side of a rotation accepts it.
 */

/** One message to send. `secrets` are `whsec_…`, newest first; `id` is the same in every attempt. */
export type WebhookMessage = {
  readonly url: string;
  readonly id: string;
  readonly body: string;
  readonly secrets: readonly string[];
  /** The newest checkpoint of the workspace's log, a signed note, for the receiver to keep; null where none is known. */
  readonly checkpoint?: string | null;
};

/** What came of an attempt. `permanent`: no later attempt can succeed. `gone`: the receiver asked for no more at all. */
export type Sent =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly error: string;
      readonly permanent: boolean;
      readonly gone: boolean;
      /** What the receiver asked for in `Retry-After`; null where it did not. */
      readonly retryAfterMs: number | null;
    };

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The specification names 15 to 30 s; the shorter, because a lease on the outbox row runs meanwhile. */
const timeoutMs = 15_000;
/** A day: what a delivery's retries span, so a longer wish is cut to it. */
const maxRetryAfterMs = 86_400_000;

/**
 * The `webhook-id` of one event to one recipient. It depends on nothing but them, so every attempt, also one made by
 * hand a week later, carries the same id and a receiver can drop what it has had. Matches `^[A-Za-z0-9_-]+$`.
 */
export function messageId(action: string, seq: number, sink: string): string {
  return `msg_${action}_${seq}_${sink.replaceAll(":", "-")}`;
}

/** The value of `webhook-signature`. `timestamp` is epoch seconds. @throws TypeError for a secret that is no `whsec_` and base64. */
export async function signatureOf(
  secrets: readonly string[],
  message: { id: string; timestamp: number; body: string },
): Promise<string> {
  const content = new TextEncoder().encode(`${message.id}.${message.timestamp}.${message.body}`);
  const sign = async (secret: string): Promise<string> => {
    const hmac = { name: "HMAC", hash: "SHA-256" } as const;
    const key = await crypto.subtle.importKey("raw", keyBytes(secret), hmac, false, ["sign"]);
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
    return `v1,${btoa(String.fromCharCode(...mac))}`;
  };
  return (await Promise.all(secrets.map(sign))).join(" ");
}

/** The key in a secret: base64 of 24 to 64 bytes behind `whsec_`. */
function keyBytes(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = /^whsec_([A-Za-z0-9+/]{32,86}={0,2})$/u.exec(secret)?.[1];
  if (encoded === undefined) throw new TypeError("a webhook secret is whsec_ and base64");
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}

/**
 * One attempt. `now` is epoch ms: the timestamp is of the attempt and not of the event, because receivers refuse a
 * message that is five minutes old.
 * No redirect is followed, no credential but the signature is sent, and nothing of the answer but its status and
 * `Retry-After` is looked at, so that an address which should not have been called says nothing about itself (T12).
 */
export async function sendWebhook(message: WebhookMessage, now: number, fetch: Fetch): Promise<Sent> {
  const timestamp = Math.floor(now / 1_000);
  let signature: string;
  try {
    signature = await signatureOf(message.secrets, { id: message.id, timestamp, body: message.body });
  } catch {
    return { ...failure("not sent: its signing secret cannot be read"), permanent: true };
  }
  let response: Response;
  try {
    response = await fetch(message.url, {
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        "content-type": "application/json",
        "user-agent": "Holdpoint-Webhooks/1",
        "webhook-id": message.id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": signature,
        ...checkpointHeader(message.checkpoint ?? null),
      },
      body: message.body,
    });
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    return failure(late ? `no answer within ${timeoutMs / 1_000} s` : "the connection failed");
  }
  await response.body?.cancel().catch(ignored);
  return sentBy(response.status, response.headers.get("retry-after"), now);
}

/** A note has several lines, so it travels as base64 of its UTF-8. It carries signatures of its own. */
const checkpointHeader = (note: string | null): Record<string, string> =>
  note === null ? {} : { "holdpoint-checkpoint": encodeBase64(new TextEncoder().encode(note)) };

/** The body is not wanted; that it could not be cancelled changes nothing. */
const ignored = (): void => undefined;

/**
 * What an answer means. Only 410 is final, as the specification has it: any other refusal may be a receiver that is being
 * mended, and a day of tries costs little beside a decision nobody heard of.
 */
export function sentBy(status: number, retryAfter: string | null, now: number): Sent {
  if (status >= 200 && status < 300) return { ok: true };
  if (status === 410) return { ...failure("answered 410 Gone"), permanent: true, gone: true };
  if (status >= 300 && status < 400) return failure(`answered ${status}; redirects are not followed`);
  const asked = status === 429 || status === 503 ? retryAfterMs(retryAfter, now) : null;
  return { ...failure(`answered ${status}`), retryAfterMs: asked };
}

type Failure = Extract<Sent, { ok: false }>;
const failure = (error: string): Failure => ({
  ok: false,
  error,
  permanent: false,
  gone: false,
  retryAfterMs: null,
});

/** `Retry-After` as milliseconds from `now`: whole seconds or an HTTP date, at most a day; null for anything else. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const wait = /^\d{1,9}$/u.test(text) ? Number(text) * 1_000 : httpDate(text) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), maxRetryAfterMs) : null;
}

/** Only the form RFC 9110 asks senders for; `Date.parse` alone would read nearly anything. */
function httpDate(text: string): number {
  return /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/u.test(text)
    ? Date.parse(text)
    : Number.NaN;
}
