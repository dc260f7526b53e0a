import { Option, type Command } from "commander";
import type { Feedback } from "../../../client/index.ts";
import { feedbackLabels } from "../../../schemas/feedback.ts";
import { openSession } from "../session.ts";

const help = `
  needless_gate  nobody need have been asked
  missed_gate    policy let it through, and people should have been asked
  harm           it did harm

It is kept in the action's log and counts in the rates of its type. Where the contract has a guardrail, harm and a missed
gate tighten it at once; a needless gate loosens nothing by itself. Saying the same again replaces your note.

Examples:
  $ npx holdpoint feedback act_V1StGXR8_Z5jdHi6B-myT --label needless_gate --as person:bob
  $ npx holdpoint feedback act_… --label harm --incident INC-7 --note "It restarted the wrong host"`;

type Options = Feedback & { note?: string; incident?: string };

export function addFeedback(program: Command): void {
  program
    .command("feedback")
    .summary("say what came of an action: a needless gate, a missed gate, harm")
    .description("Say what you think of an action afterwards.")
    .argument("<id>", "the action")
    .addOption(new Option("--label <label>", "what it was").choices(feedbackLabels).makeOptionMandatory())
    .option("--incident <reference>", "where the story is told, such as INC-7")
    .option("--note <text>", "in your words")
    .addHelpText("after", help)
    .action(async (id: string, { label, incident, note }: Options, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const action = await client.feedback(id, { label, incident: incident ?? null, note: note ?? null });
      if (terminal.json) terminal.document(action);
      else terminal.print(`${action.id} is noted as ${label.replaceAll("_", " ")}`);
    });
}
