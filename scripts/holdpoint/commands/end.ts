import type { Command } from "commander";
import { stateText } from "../render/card.ts";
import { openSession } from "../session.ts";

type Options = { reason: string };

const cancelHelp = `
The agent that asked, or its owner, may cancel while nothing runs. To stop what others asked for, see \`revoke\`.

Examples:
  $ npx holdpoint cancel act_V1StGXR8_Z5jdHi6B-myT --reason "Found another way"`;

const revokeHelp = `
Whoever approved it, the agent's owner, or an operator may take an approval back until it is claimed. Afterwards
it runs already: then \`rollback\` is the way, where the contract has one.

Examples:
  $ npx holdpoint revoke act_V1StGXR8_Z5jdHi6B-myT --as person:bob --reason "The sale has begun"`;

export function addEnd(program: Command): void {
  program
    .command("cancel")
    .summary("take back a request")
    .description("Take back a request of your own.")
    .argument("<id>", "the action")
    .option("--reason <text>", "why", "cancelled on the command line")
    .addHelpText("after", cancelHelp)
    .action(async (id: string, { reason }: Options, command: Command) => {
      const { client, terminal } = openSession(command, "agent");
      const action = await client.cancel(id, reason);
      if (terminal.json) terminal.document(action);
      else terminal.print(`${action.id} ${stateText(action, terminal.out)}`);
    });
  program
    .command("revoke")
    .summary("take back an approval before it is used")
    .description("Take back an approval before it is used.")
    .argument("<id>", "the action")
    .requiredOption("--reason <text>", "why")
    .addHelpText("after", revokeHelp)
    .action(async (id: string, { reason }: Options, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const action = await client.revoke(id, reason);
      if (terminal.json) terminal.document(action);
      else terminal.print(`${action.id} ${stateText(action, terminal.out)}`);
    });
}
