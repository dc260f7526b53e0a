import type { Command } from "commander";
import type { HoldView } from "../../../client/holds.ts";
import { isWaiting } from "../../../client/shape.ts";
import { visible } from "../../../core/card/visible.ts";
import { goneText } from "../render/hold.ts";
import { formatTable } from "../render/table.ts";
import { ago } from "../render/time.ts";
import { tellWaiting, tellWarning } from "../render/waiting.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const help = `
Examples:
  $ npx holdpoint hold put type:payment.refund --reason "Case 2031" --as person:omar
  $ npx holdpoint hold list
  $ npx holdpoint hold release hold_… --reason "Case 2031 is closed" --as person:omar`;

const putHelp = `
SCOPE is all, action:act_…, type:NAME or requester:agent:NAME. It is in force as soon as it is answered. What was let go of
before is gone, and is named. It takes a person's key, of the group operators.

Examples:
  $ npx holdpoint hold put type:payment.refund --reason "Case 2031" --as person:omar
  $ npx holdpoint hold put action:act_… --reason "Case 2031" --until 2027-01-01T00:00:00Z --as person:omar`;

const releaseHelp = `
With two operators or more another one agrees first. What it kept and is overdue by then goes within minutes.

Examples:
  $ npx holdpoint hold release hold_… --reason "Case 2031 is closed" --as person:omar`;

export function addHold(program: Command): void {
  const hold = program
    .command("hold")
    .summary("keep evidence although it is due: put, list, release")
    .description("Legal holds: what they cover is not let go of while they are in force.")
    .addHelpText("after", help);
  hold
    .command("put")
    .description("Put a hold in force at once.")
    .argument("<scope>", "what is held")
    .requiredOption("--reason <text>", "why, for everybody who looks at holds")
    .option("--until <time>", "when it ends by itself, such as 2027-01-01T00:00:00Z")
    .addHelpText("after", putHelp)
    .action(async (scope: string, options: { reason: string; until?: string }, command: Command) => {
      const { client, terminal } = openSession(command, "person");
      const { reason, until } = options;
      const put = await client.holds.put({ scope, reason, until });
      if (terminal.json) return terminal.document(put);
      terminal.print(`${terminal.out.bold(put.id)} holds ${visible(put.scope)}${untilText(put)}`);
      terminal.note(goneText(put.gone));
    });
  hold
    .command("list")
    .description("Holds in force, and the last that have ended.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      show(terminal, await client.holds.list());
    });
  hold
    .command("release")
    .description("Release a hold.")
    .argument("<id>", "hold_…, from `hold list`")
    .requiredOption("--reason <text>", "why it is needed no more")
    .addHelpText("after", releaseHelp)
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      const { client, terminal } = openSession(command, "person");
      const answer = await client.holds.release(id, reason);
      if (isWaiting(answer)) return tellWaiting(terminal, answer);
      tellWarning(terminal, answer);
      if (terminal.json) terminal.document(answer);
      else terminal.print(`${id} is released; what it kept and is overdue goes within minutes`);
    });
}

const untilText = ({ until }: HoldView): string => (until === null ? "" : ` until ${until}`);

function show(terminal: Terminal, answer: { holds: HoldView[] }): void {
  if (terminal.json) return terminal.document(answer);
  if (answer.holds.length === 0) return terminal.print("Nothing is held.");
  const now = Date.now();
  const rows = answer.holds.map(({ id, scope, by, since, until, releasedAt, reason }) => [
    id,
    visible(scope),
    ago(since, now),
    releasedAt === null ? (until ?? "released") : `ended ${ago(releasedAt, now)}`,
    visible(by.id),
    visible(reason),
  ]);
  terminal.print(formatTable(["HOLD", "HOLDS", "SINCE", "UNTIL", "BY", "REASON"], rows, terminal.out.dim));
}
