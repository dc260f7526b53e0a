import type { Command } from "commander";
import { slackAppLink, slackManifest } from "../../../core/slack-manifest.ts";
import { visible } from "../../../core/card/visible.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { openSession, openTerminal } from "../session.ts";

const overview = `
The app is made once, by whoever runs the engine; every reviewer links themselves once.

Examples:
  $ npx holdpoint slack manifest --url https://holdpoint.example.com
  $ npx holdpoint slack link --as person:alice`;

const afterwards = `Open the link, choose the workspace and install the app. Then give the engine
  HOLDPOINT_SLACK_BOT_TOKEN       "Bot User OAuth Token" under OAuth & Permissions (xoxb-…)
  HOLDPOINT_SLACK_SIGNING_SECRET  "Signing Secret" under Basic Information
  HOLDPOINT_SLACK_TEAM            the workspace's id (T…), in the address of Slack in a browser
with \`npx wrangler secret put NAME\`, and invite the app to the channels that contracts name in \`notify\`.`;

const byEmail = `
HOLDPOINT_SLACK_MATCH_EMAIL "true" links whoever's confirmed Slack address is exactly one active person's in the directory. Slack's
administrators can set those addresses: with it, they can decide who is who.`;

export function addSlack(program: Command): void {
  const slack = program
    .command("slack")
    .summary("set up Slack, and link yourself to it")
    .description("Decide in Slack: the app, and who is who.")
    .addHelpText("after", overview);
  slack
    .command("manifest")
    .description("Print the Slack app's manifest, and the link that makes the app with one click.")
    .option("--match-email", "also ask for people's e-mail addresses, for HOLDPOINT_SLACK_MATCH_EMAIL")
    .action(({ matchEmail = false }: { matchEmail?: boolean }, command: Command) => {
      const { url }: { url?: string } = command.optsWithGlobals();
      const origin = originOf(url);
      const terminal = openTerminal(command);
      if (terminal.json) {
        const link = slackAppLink(origin, { matchEmail });
        return terminal.document({ manifest: slackManifest(origin, { matchEmail }), link });
      }
      terminal.print(JSON.stringify(slackManifest(origin, { matchEmail }), null, 2));
      terminal.print(`\n${slackAppLink(origin, { matchEmail })}`);
      terminal.note(`\n${afterwards}${matchEmail ? byEmail : ""}`);
    });
  slack
    .command("link")
    .description("Get the code that links your Slack user to you. On stdout: the code and nothing else.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "person");
      const answer = await client.slackCode();
      if (terminal.json) return terminal.document(answer);
      terminal.note(
        `For ${visible(answer.person)}, until ${answer.expiresAt}, once. In Slack, click Approve or Deny on any card, then "Link me", and enter:`,
      );
      terminal.print(answer.code);
    });
}

function originOf(url: string | undefined): string {
  const parsed = url === undefined ? null : URL.parse(url);
  if (parsed?.protocol === "https:") return parsed.origin;
  throw new CliError("Say where Slack reaches the engine: --url https://…", exitCodes.usage);
}
