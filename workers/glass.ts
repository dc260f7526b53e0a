import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { isFresh } from "../core/session.ts";
import type { BreakGlassBody, ReviewBody } from "../schemas/break-glass.ts";
import { GlassTerms } from "../schemas/glass-terms.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import type { GlassReply } from "../objects/action/messages.ts";
import type { Opened, UseInput } from "../objects/registry/glass.ts";
import { sha256Hex, unauthenticated } from "./auth.ts";
import { carryOutApproved } from "./carry-out.ts";
import { absent } from "./absent.ts";
import { ProblemError } from "./http/problem.ts";
import type { Call } from "./http/route.ts";
import { readKnown, readLive } from "./known.ts";
import { knownFor } from "./policy-in-force.ts";
import { actionOf, registryOf } from "./stubs.ts";
import { actorOf, tell, unavailable, type Done } from "./tell.ts";

/**
 * Approves an action alone, as a person who has that right.
 * 1. A person (403), who has signed in just now where they come from the page (403).
 * 2. The terms, with policy and directory as the Registry has them this moment (404, 503).
 * 3. A use is opened in the Registry: 403 while a review of theirs is overdue, 429 past their number a day.
 * 4. The action is told; where it refuses, the use is closed again. Where nobody knows what it did, the use stays: a use
 *    without an effect can be dismissed, an effect without a use could not be found.
 */
export async function breakGlass(call: Call<BreakGlassBody>, id: string): Promise<Done> {
  const { principal, body, now, env } = call;
  if (principal.kind !== "person") {
    throw new ProblemError("not_eligible", {
      detail: "Only people break the glass: use a person's key, or sign in.",
    });
  }
  demandFresh(call);
  const sender = { ...call, snapshot: await snapshotNow(call) };
  const terms = await termsOf(sender, id);
  const { digest, reason, incident } = body;
  const use = useIdOf(call, id);
  const { perPersonPerDay, reviewDueMs } = terms;
  const mayEver = perPersonPerDay !== null && reviewDueMs !== null;
  if (mayEver) {
    const { id: person } = principal;
    await open(sender, { id: use, person, action: id, incident, now, reviewDueMs, perPersonPerDay });
  }
  const command = { type: "breakGlass", actor: actorOf(principal), digest, reason, incident, use } as const;
  try {
    const done = await tell(sender, id, command, "votes");
    await carryOutApproved(env, principal.workspace, id, done.body);
    return done;
  } catch (error) {
    const isRefusal = error instanceof ProblemError;
    if (isRefusal && mayEver) await registryOf(env, principal.workspace).closeGlassUse({ id: use, now });
    throw error;
  }
}

/** Step-up, whatever the risk: a browser left open goes round nobody. */
function demandFresh({ principal: { signedInAt }, now }: Call<unknown>): void {
  if (signedInAt === undefined || isFresh(signedInAt, now)) return;
  throw new ProblemError("forbidden", {
    detail: "Sign in again, then break the glass within five minutes. Nothing was changed.",
    errors: [{ pointer: "/session", detail: "is older than five minutes" }],
  });
}

/** Policy and directory of this moment. @throws ProblemError 401 for a key that is gone, 503 where they cannot be read. */
async function snapshotNow({ env, principal, now }: Call<unknown>): Promise<Snapshot> {
  const { workspace, keyId, signedInAt } = principal;
  let snapshot: Snapshot | null;
  try {
    snapshot =
      signedInAt === undefined ? await readLive(env, workspace, keyId, now) : await readKnown(env, workspace);
  } catch (error) {
    console.error("registry", faultText(error));
    throw unavailable();
  }
  if (snapshot === null) throw unauthenticated();
  return snapshot;
}

/** The same call is the same use, however often it comes. */
function useIdOf({ principal, idempotencyKey }: Call<unknown>, action: string): string {
  if (idempotencyKey === null) return `use_${crypto.randomUUID()}`;
  return `use_${sha256Hex(JSON.stringify([principal.id, action, idempotencyKey])).slice(0, 32)}`;
}

async function open(call: Call<unknown>, input: UseInput): Promise<void> {
  const registry = registryOf(call.env, call.principal.workspace);
  let opened: Opened = await registry.openGlassUse(input);
  if (opened.kind === "blocked") {
    // A review, or a refusal, that the Registry has not heard of blocks nobody.
    for (const action of opened.actions) await settleUses(call, action, "engine");
    opened = await registry.openGlassUse(input);
  }
  if (opened.kind === "open") return;
  if (opened.kind === "blocked") {
    const detail = `You broke the glass on ${opened.actions.join(", ")}, and its review is overdue. Ask somebody who could have voted, or an operator, to review it first.`;
    throw new ProblemError("forbidden", { detail });
  }
  const seconds = Math.max(1, Math.ceil((opened.freeAt - input.now) / 1_000));
  const detail = `You have broken the glass ${input.perPersonPerDay} times within 24 hours, which is as often as the policy allows. Ask somebody else, or wait for the approvers.`;
  throw new ProblemError("rate_limited", { detail }, { "retry-after": String(seconds) });
}

/** What the caller may do about breaking the glass of an action now. @throws ProblemError 404, 503 */
export async function termsOf({ env, principal, snapshot }: Call<unknown>, id: string): Promise<GlassTerms> {
  const ask = (type?: string): Promise<GlassReply> =>
    actionOf(env, principal.workspace, id).glass(
      knownFor(snapshot, principal, "votes", type),
      actorOf(principal),
    );
  const first = await ask();
  const reply = first.kind === "needsContract" ? await ask(first.type) : first;
  if (reply.kind === "absent") throw await absent(env, principal.workspace, id);
  if (reply.kind === "needsContract") throw unavailable();
  return v.parse(GlassTerms, JSON.parse(reply.body));
}

/**
 * Brings the Registry's uses of an action to what the action says of them: one that was reviewed is, and old ones that never
 * took effect are ended. @returns how many of those there were.
 */
async function settleUses(call: Call<unknown>, action: string, by: string): Promise<number> {
  const { env, principal, now } = call;
  const { use } = await termsOf(call, action);
  const registry = registryOf(env, principal.workspace);
  const done = use?.review ?? null;
  if (use !== null && done !== null) await registry.reviewGlassUse({ id: use.id, ...done });
  return registry.dismissGlassUses({ action, effective: use?.id ?? null, by, now });
}

/**
 * Takes a review to the action and then to the Registry. An operator who reviews what came to nothing ends it there.
 * @returns the action as JSON text
 */
export async function review(call: Call<ReviewBody>, id: string): Promise<string> {
  const { env, principal, body, url } = call;
  const { verdict, note } = body;
  const command = { type: "review", actor: actorOf(principal), verdict, note } as const;
  try {
    const done = await tell(call, id, command, "votes");
    await settleUses(call, id, principal.id);
    return done.body;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== "wrong_state") throw error;
    const { operator } = knownFor(call.snapshot, principal, "nothing");
    const ended = operator ? await settleUses(call, id, principal.id) : 0;
    const view = ended > 0 ? await actionOf(env, principal.workspace, id).view(url.origin) : null;
    if (view === null) throw error;
    return view;
  }
}
