export type SlackManifest = {
  display_information: { name: string; description: string };
  features: { bot_user: { display_name: string; always_online: boolean } };
  oauth_config: { scopes: { bot: ("chat:write" | "users:read")[] } };
  settings: {
    interactivity: { is_enabled: boolean; request_url: string };
    org_deploy_enabled: boolean;
    socket_mode_enabled: boolean;
    token_rotation_enabled: boolean;
  };
};

/** The Slack app of an engine, as Slack takes it: nothing but posting, and knowing who is a full member. */
export function slackManifest(origin: string): SlackManifest {
  return {
    display_information: { name: "Holdpoint", description: "Decide on what agents ask for" },
    features: { bot_user: { display_name: "holdpoint", always_online: true } },
    oauth_config: { scopes: { bot: ["chat:write", "users:read"] } },
    settings: {
      interactivity: { is_enabled: true, request_url: `${origin}/slack/interactivity` },
      org_deploy_enabled: false,
      socket_mode_enabled: false,
      token_rotation_enabled: false,
    },
  };
}

/** Where one click makes the app from its manifest. */
export function slackAppLink(origin: string): string {
  const manifest = encodeURIComponent(JSON.stringify(slackManifest(origin)));
  return `https://api.slack.com/apps?new_app=1&manifest_json=${manifest}`;
}
