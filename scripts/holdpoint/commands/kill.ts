import type { Command } from "commander";
import { visible } from "../../../core/card/visible.ts";
import { isWaiting } from "../../../client/shape.ts";
import { tellWaiting, tellWarning } from "../render/waiting.ts";
import { ago } from "../render/time.ts";
import { formatTable } from "../render/table.ts";
import { openSession } from "../session.ts";

const killHelp = `
It is in force as soon as it is answered: nothing of it is asked for, decided or claimed any more, and what waits is
cancelled. What runs already goes on, and can be rolled back. Quote the asterisk, or the shell takes it.

Examples:
  $ npx holdpoint kill
  $ npx holdpoint kill payment.refund --reason "Refunds are doubled, INC-7"
  $ npx holdpoint kill '*' --reason "We are being attacked"`;

const unkillHelp = `
What was cancelled stays cancelled: the agents ask again.

Examples:
  $ npx holdpoint unkill payment.refund
  $ npx holdpoint unkill '*'`;

export function addKill(program: Command): void {
  program
    .command("kill")
    .summary("stop an action type, or everything, at once")
    .description("Engage a kill switch; without a type, list those that are engaged.")
    .argument("[type]", "an action type, a glob such as 'db.*', or '*' for everything")
    .option("--reason <text>", "why, for everybody whose action is stopped")
    .addHelpText("after", killHelp)
    .action(async (scope: string | undefined, { reason }: { reason?: string }, command: Command) => {
      if (scope === undefined) return list(command);
      if (reason === undefined) command.error("error: required option '--reason <text>' not specified");
      const { client, terminal } = openSession(command, "operator");
      const engaged = await client.killSwitches.engage(scope, reason ?? "");
      if (terminal.json) return terminal.document(engaged);
      terminal.note(
        terminal.err.red(
          `■ ${scope === "*" ? "Everything" : scope} is stopped by ${engaged.by}: ${visible(engaged.reason)}`,
        ),
      );
      terminal.note(`What waits is being cancelled. To let it go on: npx holdpoint unkill '${scope}'`);
    });
  program
    .command("unkill")
    .summary("let go on what a kill switch stopped")
    .description("Release a kill switch.")
    .argument("<type>", "its scope as it was given, from `kill`")
    .addHelpText("after", unkillHelp)
    .action(async (scope: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.killSwitches.release(scope);
      if (isWaiting(answer)) return tellWaiting(terminal, answer);
      tellWarning(terminal, answer);
      if (terminal.json) terminal.document(answer);
      else terminal.print(`${scope} may be asked for again; what was cancelled stays cancelled`);
    });
}

async function list(command: Command): Promise<void> {
  const { client, terminal } = openSession(command, "operator");
  const answer = await client.killSwitches.list();
  if (terminal.json) return terminal.document(answer);
  if (answer.switches.length === 0) return terminal.print("Nothing is stopped.");
  const rows = answer.switches.map(({ scope, by, at, reason }) => [
    terminal.out.red(visible(scope)),
    ago(at, Date.now()),
    visible(by),
    visible(reason),
  ]);
  terminal.print(formatTable(["STOPPED", "SINCE", "BY", "REASON"], rows, terminal.out.dim));
}
