import { writeFileSync } from "node:fs";
import { Argument, type Command } from "commander";
import { visible } from "../../../core/card/visible.ts";
import { presets, type Stage, staged, stages } from "../../../core/policy/stage.ts";
import type { JsonObject } from "../../../schemas/json.ts";
import { CliError } from "../exit-code.ts";
import { readDocument } from "../options.ts";
import { formatDiff } from "../render/diff.ts";
import { openSession } from "../session.ts";

const help = `
${stages.map((stage) => `  ${stage.padEnd(9)} ${presets[stage].summary}`).join("\n")}

Nothing is published: it shows what would change, and writes the document where --write says.

Examples:
  $ npx holdpoint policy stage db.migrate pilot --write policy.json
  $ npx holdpoint policy stage db.migrate bounded --policy policy.json --write policy.json && npx holdpoint policy publish policy.json`;

export function addPolicyStage(policy: Command): void {
  policy
    .command("stage")
    .description("Set a contract to a stage of its rollout, and say what that measures and when to go on.")
    .argument("<type>", "action type, such as db.migrate")
    .addArgument(new Argument("<stage>", "how far it is").choices(stages))
    .option("--policy <file>", "the document to change; the one in force when left out")
    .option("--write <file>", "where to write the changed document")
    .addHelpText("after", help)
    .action(
      async (
        type: string,
        stage: Stage,
        { policy: file, write }: { policy?: string; write?: string },
        command: Command,
      ) => {
        const { client, terminal } = openSession(command, "operator");
        const before = objectOf(
          file === undefined ? (await client.policy.get()).document : readDocument(file),
        );
        const after = staged(before, type, stage);
        if (!after.ok) throw new CliError(after.error);
        const diff = await client.policy.diff(after.value);
        const { measures, goOn, next, summary } = presets[stage];
        if (write !== undefined) writeFileSync(write, `${JSON.stringify(after.value, null, 2)}\n`);
        if (terminal.json) {
          return terminal.document({ type, stage, measures, goOn, next, diff, document: after.value });
        }
        const { bold } = terminal.out;
        terminal.print(`${bold(visible(type))} at ${bold(stage)}: ${summary}`);
        terminal.print(`  measures  ${measures}`);
        terminal.print(`  go on     ${goOn}`);
        terminal.print(`  next      ${next}`);
        terminal.print("Against the policy in force:");
        terminal.print(formatDiff(diff, terminal.out));
        if (write !== undefined) {
          terminal.note(`Written to ${write}. Publish it with: npx holdpoint policy publish ${write}`);
        }
      },
    );
}

function objectOf(document: unknown): JsonObject {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new CliError("A policy is a JSON object with `roles` and `contracts`.");
  }
  const object: JsonObject = {};
  for (const [key, member] of Object.entries(document)) object[key] = member;
  return object;
}
