import { createHmac } from "node:crypto";
import { addresseeOf, coalescingKey, perHourOf } from "../core/budget.ts";
import type { Sight } from "../schemas/channel.ts";
import type { Delivery } from "../schemas/message.ts";
import type { NoticeVerdict } from "../schemas/notice.ts";
import type { Policy } from "../schemas/policy.ts";
import { readKnown } from "./known.ts";
import { boardOf } from "./stubs.ts";

/** How long the policy is taken for the one in force, so that a flood of messages is no flood of questions to the Registry. */
const freshMs = 5_000;
/** Workspaces kept per isolate; past it the memory starts over. */
const maxKept = 1_000;

type Kept = { policy: Policy | null; salt: string; readAt: number };
const kept = new Map<string, Kept>();

/**
 * Whether people are to be sent a message about an action as it is now (threat T10). The Board is asked for every one of them,
 * and for none to a machine. Throws where it cannot be asked: the message then comes again.
 */
export async function allowed(
  env: Env,
  { workspace, action, seq, sink, type }: Delivery,
  { action: view, shown }: Sight,
  now: number,
): Promise<NoticeVerdict> {
  const addressee = addresseeOf(sink);
  if (addressee === null) return { kind: "send", identical: 0 };
  const { policy, salt } = await rulesOf(env, workspace, now);
  const perHour = perHourOf(policy, addressee);
  return boardOf(env, workspace).allow({
    action,
    seq,
    sink,
    type,
    risk: view.risk,
    pending: view.state === "pending",
    // Keyed, so that what a row of the Board stands for cannot be found by trying.
    key: coalescingKey(view, (text) => createHmac("sha256", salt).update(text).digest("hex")),
    shown: shown !== null,
    perHour,
    origin: new URL(view.links.page).origin,
    now,
  });
}

async function rulesOf(env: Env, workspace: string, now: number): Promise<Kept> {
  const known = kept.get(workspace);
  if (known !== undefined && now - known.readAt < freshMs) return known;
  const snapshot = await readKnown(env, workspace);
  const fresh = {
    policy: snapshot?.policy?.document ?? null,
    salt: snapshot?.salt ?? workspace,
    readAt: now,
  };
  if (kept.size >= maxKept) kept.clear();
  kept.set(workspace, fresh);
  return fresh;
}
