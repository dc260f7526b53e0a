import { Option, type Command } from "commander";
import type { EraseAnswer } from "../../../client/holds.ts";
import { retentionClasses, type RetentionClass } from "../../../schemas/retention.ts";
import { openSession } from "../session.ts";

const help = `
  ephemeral    what was shown to reviewers: the context, as most contracts have it
  operational  arguments, target, reasons
  compliance   the evidence, and with it everything: a tombstone stays, which the log still proves

Which part is of which class is for the action's contract to say. Each goes by itself when its time has come; this is for
what must not wait. It cannot be taken back, and the log says who did it. Refused while the action is open or running, while
it may be rolled back, and while it is held. It takes a person's key, of the group operators.

Examples:
  $ npx holdpoint erase act_… --class operational --reason "A password was in it" --as person:omar`;

export function addErase(program: Command): void {
  program
    .command("erase")
    .summary("let go of what an action holds before its time")
    .description("Let go of a class of what an action holds, before its time.")
    .argument("<id>", "the action")
    .addOption(new Option("--class <class>", "what goes").choices(retentionClasses).makeOptionMandatory())
    .requiredOption("--reason <text>", "why it cannot wait")
    .addHelpText("after", help)
    .action(async (id: string, options: { class: RetentionClass; reason: string }, command: Command) => {
      const { client, terminal } = openSession(command, "person");
      const answer = await client.erase(id, { class: options.class, reason: options.reason });
      if (terminal.json) return terminal.document(answer);
      terminal.print(erasedText(answer));
      terminal.note("Webhooks that were sent, Teams and PagerDuty keep what they were told.");
    });
}

function erasedText({ id, erased, gone }: EraseAnswer): string {
  if (gone) return `${id} is erased; the log still proves that it was there`;
  return `${id} holds nothing any more of: ${erased.map((one) => one.class).join(", ")}`;
}
