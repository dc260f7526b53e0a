import type { Command } from "commander";
import { openSession } from "../session.ts";

const help = `
The link works once, for five minutes, and is yours alone: whoever opens it first is you. An operator's key makes one
for anybody with --for.

Examples:
  $ npx holdpoint sign-in --as person:bob
  $ npx holdpoint sign-in --as operator --for person:alice`;

export function addSignIn(program: Command): void {
  program
    .command("sign-in")
    .summary("a link that signs you in on the page")
    .description("Make a link that signs a person in on the page. On stdout: the link and nothing else.")
    .option("--for <person>", "make it for somebody else, as an operator")
    .addHelpText("after", help)
    .action(async ({ for: person }: { for?: string }, command: Command) => {
      const { client, terminal } = openSession(command, "person");
      const link = await client.signInLink(person);
      if (terminal.json) return terminal.document(link);
      terminal.note(`For ${link.person}, until ${link.expiresAt}. It works once:`);
      terminal.print(link.url);
    });
}
