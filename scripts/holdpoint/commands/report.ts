import type { Command } from "commander";
import { CliError, exitCodes } from "../exit-code.ts";
import { stateText } from "../render/card.ts";
import { openSession } from "../session.ts";
import { dropUnsent, readUnsent } from "../unsent.ts";

const examples = `
\`run\` keeps its report in such a file when the engine could not be reached until the end. The engine takes a late
report once, as long as nothing was rolled back meanwhile. The file is removed when it has arrived.

Examples:
  $ npx holdpoint report --file .holdpoint/unsent-act_V1StGXR8_Z5jdHi6B-myT-1.json`;

export function addReport(program: Command): void {
  program
    .command("report")
    .summary("send a report that `run` could not deliver")
    .description("Send a report that `run` could not deliver.")
    .requiredOption("--file <path>", "the file that `run` named")
    .addHelpText("after", examples)
    .action(async ({ file }: { file: string }, command: Command) => {
      const { url, action: id, idempotencyKey, report } = readUnsent(file);
      const { client, terminal } = openSession(command, "agent");
      if (client.url !== url) {
        throw new CliError(
          `This report is for ${url}, not for ${client.url}: give --url ${url} and its key.`,
          exitCodes.usage,
        );
      }
      const { effect, ...rest } = report;
      const action = await client.report(
        id,
        { ...rest, ...(effect === undefined ? {} : { effect }) },
        { idempotencyKey },
      );
      dropUnsent(file);
      if (terminal.json) terminal.document(action);
      else terminal.print(`${action.id} ${stateText(action, terminal.out)}`);
    });
}
