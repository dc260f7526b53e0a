/**
 * What the app may do. `channels:history` and `groups:history` reach only channels that the app was invited to, `im:history` only
 * what it and a person have said to each other; `im:write` finds where that is.
 */
export type SlackScope =
  | "chat:write"
  | "users:read"
  | "users:read.email"
  | "channels:history"
  | "groups:history"
  | "im:history"
  | "im:write";

export type SlackManifest = {
  display_information: { name: string; description: string };
  features: { bot_user: { display_name: string; always_online: boolean } };
  oauth_config: { scopes: { bot: SlackScope[] } };
  settings: {
    interactivity: { is_enabled: boolean; request_url: string };
    org_deploy_enabled: boolean;
    socket_mode_enabled: boolean;
    token_rotation_enabled: boolean;
  };
};

const posting = [
  "chat:write",
  "users:read",
  "channels:history",
  "groups:history",
  "im:history",
  "im:write",
] as const;

/**
 * The Slack app of an engine, as Slack takes it: posting, finding a card again whose answer was lost, and knowing who is a full
 * member. People's e-mail addresses only where they are to be matched by them.
 */
export function slackManifest(origin: string, { matchEmail = false } = {}): SlackManifest {
  const email = matchEmail ? (["users:read.email"] as const) : [];
  return {
    display_information: { name: "Holdpoint", description: "Decide on what agents ask for" },
    features: { bot_user: { display_name: "holdpoint", always_online: true } },
    oauth_config: {
      scopes: { bot: [...posting, ...email] },
    },
    settings: {
      interactivity: { is_enabled: true, request_url: `${origin}/slack/interactivity` },
      org_deploy_enabled: false,
      socket_mode_enabled: false,
      token_rotation_enabled: false,
    },
  };
}

/** Where one click makes the app from its manifest. */
export function slackAppLink(origin: string, options: { matchEmail?: boolean } = {}): string {
  const manifest = encodeURIComponent(JSON.stringify(slackManifest(origin, options)));
  return `https://api.slack.com/apps?new_app=1&manifest_json=${manifest}`;
}
