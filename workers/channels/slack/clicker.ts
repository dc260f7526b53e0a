import type { SlackConfig } from "../../../schemas/config.ts";
import type { Principal } from "../../../schemas/principal.ts";
import type { Snapshot } from "../../../schemas/snapshot.ts";
import { readKnown } from "../../known.ts";
import type { SlackCall } from "./client.ts";

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
  | { readonly kind: "unlinked" }
  | { readonly kind: "foreign" };

/** Whether they are of the workspace that this engine belongs to; somebody of a connected one is not. */
export function isOurs({ user, team }: From, config: SlackConfig): boolean {
  return team?.id === config.HOLDPOINT_SLACK_TEAM && user.team_id === config.HOLDPOINT_SLACK_TEAM;
}

/**
 * Who is behind a signed click: nothing but (team, user) is believed, and it is looked up as the links are this moment. What they
 * may decide is then judged by the action, as for any other vote.
 */
export async function whoClicked(from: From, workspace: string, context: SlackContext): Promise<Clicker> {
  if (!isOurs(from, context.config)) return { kind: "foreign" };
  const snapshot = await readKnown(context.env, workspace);
  const team = context.config.HOLDPOINT_SLACK_TEAM;
  const link = snapshot?.links.find((one) => one.team === team && one.user === from.user.id);
  if (snapshot === null || link === undefined) return { kind: "unlinked" };
  const principal: Principal = {
    workspace,
    kind: "person",
    id: link.person,
    scopes: ["actions:read", "votes:write"],
    keyId: `slack:${team}/${from.user.id}`,
  };
  return { kind: "person", principal, snapshot };
}
