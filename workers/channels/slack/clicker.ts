import type { SlackConfig } from "../../../schemas/config.ts";
import type { SlackLink } from "../../../schemas/link.ts";
import type { Principal } from "../../../schemas/principal.ts";
import type { Snapshot } from "../../../schemas/snapshot.ts";
import { forget, readKnown } from "../../known.ts";
import { registryOf } from "../../stubs.ts";
import type { SlackCall } from "./client.ts";
import { knownMembership, membershipNow } from "./member.ts";

/** What a click or a submission is worked on with. */
export type SlackContext = {
  readonly env: Env;
  readonly url: URL;
  /** Epoch ms at which the request came in. */
  readonly now: number;
  readonly config: SlackConfig;
  readonly call: SlackCall;
  /** Calls to Slack go on behind the answer, because Slack waits three seconds for it. */
  readonly waitUntil: (work: Promise<unknown>) => void;
};

type From = {
  readonly user: { readonly id: string; readonly team_id?: string | null | undefined };
  readonly team: { readonly id: string } | null;
};

export type Clicker =
  | { readonly kind: "person"; readonly principal: Principal; readonly snapshot: Snapshot }
  /** `why`: what was against linking them by their e-mail address; null where addresses do not count. */
  | { readonly kind: "unlinked"; readonly why: string | null }
  | { readonly kind: "foreign" }
  /** Slack did not say whether they are a full member. */
  | { readonly kind: "unreadable" };

/** Whether they are of the workspace that this engine belongs to; somebody of a connected one is not. */
export function isOurs({ user, team }: From, config: SlackConfig): boolean {
  return team?.id === config.HOLDPOINT_SLACK_TEAM && user.team_id === config.HOLDPOINT_SLACK_TEAM;
}

/**
 * Who is behind a signed click: nothing but (team, user) is believed. Slack is asked whether that is a full member still, and who it
 * is here is looked up as the links are this moment. What they may decide is then judged by the action, as for any other vote.
 */
export async function whoClicked(from: From, workspace: string, context: SlackContext): Promise<Clicker> {
  if (!isOurs(from, context.config)) return { kind: "foreign" };
  const [membership, snapshot] = await Promise.all([
    knownMembership(from.user.id, context.now, context),
    readKnown(context.env, workspace),
  ]);
  if (membership.kind === "unreadable") return membership;
  if (membership.kind === "outside") return { kind: "foreign" };
  if (snapshot === null) return { kind: "unlinked", why: null };
  const team = context.config.HOLDPOINT_SLACK_TEAM;
  const link = snapshot.links.find((one) => one.team === team && one.user === from.user.id);
  if (link !== undefined) return personBehind(link, workspace, snapshot);
  return context.config.HOLDPOINT_SLACK_MATCH_EMAIL
    ? matched(from.user.id, workspace, context)
    : { kind: "unlinked", why: null };
}

function personBehind({ team, user, person }: SlackLink, workspace: string, snapshot: Snapshot): Clicker {
  const principal: Principal = {
    workspace,
    kind: "person",
    id: person,
    scopes: ["actions:read", "votes:write"],
    keyId: `slack:${team}/${user}`,
  };
  return { kind: "person", principal, snapshot };
}

/**
 * Links whoever has exactly one person's confirmed e-mail address: by Slack's word and the directory of this moment, because a link
 * stays.
 */
async function matched(user: string, workspace: string, context: SlackContext): Promise<Clicker> {
  const { env, now, config } = context;
  const membership = await membershipNow(user, context);
  if (membership.kind === "unreadable") return membership;
  if (membership.kind === "outside") return { kind: "foreign" };
  const { email } = membership;
  if (email === null) return { kind: "unlinked", why: "Slack names no confirmed e-mail address of yours." };
  const team = config.HOLDPOINT_SLACK_TEAM;
  const linked = await registryOf(env, workspace).linkSlackByEmail({ team, user, email }, now);
  if (!linked.ok) return { kind: "unlinked", why: linked.error.detail };
  forget(workspace);
  const snapshot = await readKnown(env, workspace);
  return snapshot === null
    ? { kind: "unlinked", why: null }
    : personBehind(linked.value, workspace, snapshot);
}
