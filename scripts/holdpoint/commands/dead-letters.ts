import type { Command } from "commander";
import { formatTable } from "../render/table.ts";
import { visible } from "../../../core/card/visible.ts";
import { openSession } from "../session.ts";

const overview = `
A notice that could not be delivered over a day of tries is kept here. Mend the receiver, then send it again.

Examples:
  $ npx holdpoint dead-letters list
  $ npx holdpoint dead-letters retry ID`;

export function addDeadLetters(program: Command): void {
  const letters = program
    .command("dead-letters")
    .summary("notices that could not be delivered")
    .description("Notices that used up their tries.")
    .addHelpText("after", overview);
  letters
    .command("list")
    .description("List them, newest first.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.deadLetters.list();
      if (terminal.json) return terminal.document(answer);
      if (answer.items.length === 0) return terminal.print("Everything was delivered.");
      const rows = answer.items.map((letter) => [
        letter.id,
        letter.action,
        visible(letter.type),
        visible(letter.sink),
        String(letter.tries),
        visible(letter.lastError),
      ]);
      terminal.print(
        formatTable(["ID", "ACTION", "TYPE", "RECIPIENT", "TRIES", "LAST ERROR"], rows, terminal.out.dim),
      );
    });
  letters
    .command("retry")
    .description("Send one again.")
    .argument("<id>", "its id, from `dead-letters list`")
    .action(async (id: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.deadLetters.retry(id);
      if (terminal.json) terminal.document(answer);
      else terminal.print(`${id} is in line again`);
    });
}
