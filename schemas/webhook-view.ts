import * as v from "valibot";
import { DeadLetter } from "./message.ts";
import { Endpoint, SecretRecord } from "./webhook.ts";

/** How endpoints, secrets and dead letters are shown: times as RFC 3339 text, secrets only in the answer that makes them. */

const Instant = v.pipe(v.string(), v.isoTimestamp());

export const EndpointView = v.object({ ...Endpoint.entries, createdAt: Instant });
export type EndpointView = v.InferOutput<typeof EndpointView>;
export const EndpointList = v.object({ items: v.array(EndpointView) });

export const SecretView = v.object({
  ...SecretRecord.entries,
  createdAt: Instant,
  overlapUntil: v.nullable(Instant),
});
export type SecretView = v.InferOutput<typeof SecretView>;
export const SecretList = v.object({ items: v.array(SecretView) });

/** `secret` is `whsec_…`, shown this once. */
export const NewSecret = v.object({ ...SecretView.entries, secret: v.string() });
export type NewSecret = v.InferOutput<typeof NewSecret>;

/** Answer of `POST /v1/webhooks`: with the signing secret where the endpoint got one of its own. */
export const NewEndpoint = v.object({ ...EndpointView.entries, secret: v.nullable(v.string()) });

/** The body of a POST that needs to say nothing; a field is refused, as everywhere. */
export const NoFields = v.strictObject({});

export const RotateSecretBody = v.strictObject({
  /** How long (ms) the former secret still signs beside the new one; a day when left out, at most seven. */
  overlapMs: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(7 * 86_400_000))),
});

export const DeadLetterView = v.object({
  ...DeadLetter.entries,
  /** Names it in `POST /v1/dead-letters/:id/retry`. */
  id: v.string(),
  action: v.string(),
  at: Instant,
});
export type DeadLetterView = v.InferOutput<typeof DeadLetterView>;
export const DeadLetterList = v.object({
  items: v.array(DeadLetterView),
  nextCursor: v.nullable(v.string()),
});
