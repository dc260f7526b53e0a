import * as v from "valibot";
import type { SlackConfig } from "../../../schemas/config.ts";
import { SlackUser } from "../../../schemas/slack.ts";
import type { SlackCall } from "./client.ts";

/**
 * What Slack says of one of its users. `outside`: a guest, a bot, somebody who has left or who belongs to another workspace.
 * `unreadable`: Slack did not say, and then nothing may be decided. `email` is a confirmed address, or null.
 */
export type Membership =
  | { readonly kind: "full"; readonly email: string | null }
  | { readonly kind: "outside" }
  | { readonly kind: "unreadable" };

/**
 * How long (ms) somebody is taken for the full member they were. Somebody who becomes a guest or leaves can decide in Slack for that
 * much longer, in an isolate that has just seen them, and not in any other.
 */
export const memberFreshMs = 60_000;
/** Members kept per isolate; past it the memory starts over. */
const maxKept = 10_000;

type Full = Extract<Membership, { kind: "full" }>;
const kept = new Map<string, { membership: Full; readAt: number }>();

type Asking = { readonly call: SlackCall; readonly config: SlackConfig };

/** As Slack said within the last minute. A refusal is never kept: whoever was made a member a moment ago is one. `now` is epoch ms. */
export async function knownMembership(user: string, now: number, asking: Asking): Promise<Membership> {
  const name = `${asking.config.HOLDPOINT_SLACK_TEAM}/${user}`;
  const known = kept.get(name);
  if (known !== undefined && now - known.readAt < memberFreshMs) return known.membership;
  const membership = await membershipNow(user, asking);
  kept.delete(name);
  if (membership.kind !== "full") return membership;
  if (kept.size >= maxKept) kept.clear();
  kept.set(name, { membership, readAt: now });
  return membership;
}

/** As Slack says this moment. */
export async function membershipNow(user: string, { call, config }: Asking): Promise<Membership> {
  const answer = await call("users.info", { user });
  if (!answer.ok) return { kind: answer.name === "user_not_found" ? "outside" : "unreadable" };
  const info = v.safeParse(SlackUser, answer.body);
  if (!info.success || info.output.user.id !== user) return { kind: "unreadable" };
  const {
    team_id: team,
    deleted,
    is_bot,
    is_restricted,
    is_ultra_restricted,
    is_stranger,
  } = info.output.user;
  const foreign = team !== config.HOLDPOINT_SLACK_TEAM || is_stranger;
  if (foreign || is_restricted || is_ultra_restricted || deleted || is_bot) return { kind: "outside" };
  const { is_email_confirmed: confirmed, profile } = info.output.user;
  return { kind: "full", email: confirmed ? (profile?.email ?? null) : null };
}
