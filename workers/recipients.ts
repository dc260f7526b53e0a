import type { Delivery } from "../schemas/message.ts";
import type { Recipient } from "./delivery.ts";
import { actionOf, registryOf } from "./stubs.ts";

/**
 * Who a delivery goes to. An endpoint and its secrets are kept for a few seconds per isolate, so that a burst of notices
 * costs one look at the Registry and not two a notice. A change made through this isolate is forgotten at once; elsewhere
 * it is seen within `freshMs`, inside which a rotated secret still overlaps.
 */
const freshMs = 5_000;
/** Recipients kept per isolate; past it the cache starts over (well under 1 kB each). */
const maxKept = 1_000;

type Kept = { recipient: Recipient | null; readAt: number };
const kept = new Map<string, Kept>();

/** Null when the endpoint is gone or switched off, or the action has no callback. Throws when it cannot be looked up. */
export async function recipientOf(env: Env, delivery: Delivery, now: number): Promise<Recipient | null> {
  const { workspace, action, sink } = delivery;
  const name = sink === "callback" ? `${workspace}/${action}/callback` : `${workspace}/${sink}`;
  const cached = kept.get(name);
  if (cached !== undefined && now - cached.readAt < freshMs) return cached.recipient;
  const recipient =
    sink === "callback" ? await callbackOf(env, delivery, now) : await endpointOf(env, delivery, now);
  if (kept.size >= maxKept) kept.clear();
  kept.set(name, { recipient, readAt: now });
  return recipient;
}

/** Drop what is kept of a workspace, after a change of its endpoints or secrets. */
export function forgetRecipients(workspace: string): void {
  for (const name of kept.keys()) if (name.startsWith(`${workspace}/`)) kept.delete(name);
}

/** A callback never carries the payload: the requester has it, and the notice may pass through more hands. */
async function callbackOf(env: Env, { workspace, action }: Delivery, now: number): Promise<Recipient | null> {
  const callback = await actionOf(env, workspace, action).callback();
  if (callback === null) return null;
  const { secretId, url } = callback;
  const { secrets, fault } = await registryOf(env, workspace).signing({ secretId, now });
  return { url, secrets, fault, payload: false, endpointId: null };
}

async function endpointOf(env: Env, { workspace, sink }: Delivery, now: number): Promise<Recipient | null> {
  const id = /^webhook:(.+)$/u.exec(sink)?.[1];
  if (id === undefined) return null;
  const found = await registryOf(env, workspace).destination({ id, now });
  if (found === null || !found.endpoint.active) return null;
  const { url, payload } = found.endpoint;
  return { url, secrets: found.secrets, fault: found.fault, payload, endpointId: id };
}
