import type { Command } from "commander";
import { readDocument } from "../options.ts";
import { isWaiting } from "../../../client/shape.ts";
import { tellWaiting, tellWarning } from "../render/waiting.ts";
import { formatDiff } from "../render/diff.ts";
import { formatTable } from "../render/table.ts";
import { visible } from "../../../core/card/visible.ts";
import { openSession } from "../session.ts";
import { addPolicyCheck } from "./policy-check.ts";
import { addPolicyRates } from "./policy-rates.ts";
import { addPolicyReplay } from "./policy-replay.ts";
import { addPolicyStage } from "./policy-stage.ts";
import { addPolicyTrial } from "./policy-trial.ts";

const overview = `
A policy is one JSON document: role classes, and a contract for each action type. Each document that was ever
published is a version, named by its hash.

Examples:
  $ npx holdpoint policy show > policy.json
  $ npx holdpoint policy check policy.json
  $ npx holdpoint policy diff policy.json
  $ npx holdpoint policy evaluate --type db.migrate --target orders-db --segment prod-data --arg migration=0042.sql
  $ npx holdpoint policy test policy.json --examples examples.json
  $ npx holdpoint policy replay policy.json --days 30
  $ npx holdpoint policy stage db.migrate pilot --policy policy.json --write policy.json
  $ npx holdpoint policy publish policy.json --note "Two people for db.migrate"
  $ npx holdpoint policy versions && npx holdpoint policy activate sha256:…`;

export function addPolicy(program: Command): void {
  const policy = program
    .command("policy")
    .summary("check, try, publish and compare the policy")
    .description("The rules in force: what needs whose approval.")
    .addHelpText("after", overview);
  addPolicyCheck(policy);
  addPolicyTrial(policy);
  addPolicyReplay(policy);
  addPolicyStage(policy);
  addPolicyRates(policy);
  addReading(policy);
  addWriting(policy);
}

function addReading(policy: Command): void {
  policy
    .command("diff")
    .description("What a document would change against the policy in force.")
    .argument("<file>", "a JSON document, or - for stdin")
    .action(async (file: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.policy.diff(readDocument(file));
      if (terminal.json) terminal.document(answer);
      else terminal.print(formatDiff(answer, terminal.out));
    });
  policy
    .command("show")
    .description("Print the document in force, or of a version.")
    .argument("[version]", "sha256:…")
    .action(async (version: string | undefined, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.policy.get(version);
      if (!terminal.json) terminal.note(terminal.err.dim(answer.version));
      terminal.document(terminal.json ? answer : answer.document);
    });
  policy
    .command("versions")
    .description("List what was published, newest first.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.policy.versions();
      if (terminal.json) return terminal.document(answer);
      const rows = answer.items.map(({ version, publishedAt, publishedBy, active, note }) => [
        version,
        publishedAt,
        visible(publishedBy),
        active ? "yes" : "",
        visible(note ?? ""),
      ]);
      terminal.print(formatTable(["VERSION", "PUBLISHED", "BY", "IN FORCE", "NOTE"], rows, terminal.out.dim));
    });
}

function addWriting(policy: Command): void {
  policy
    .command("publish")
    .description(
      "Put a document in force. Requests that are open keep the version they were made under, and must satisfy both.",
    )
    .argument("<file>", "a JSON document, or - for stdin")
    .option("--note <text>", "what changed and why")
    .action(async (file: string, { note }: { note?: string }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.policy.publish(readDocument(file), note === undefined ? {} : { note });
      if (isWaiting(answer)) return tellWaiting(terminal, answer);
      tellWarning(terminal, answer);
      if (terminal.json) terminal.document(answer);
      else {
        terminal.print(
          `${terminal.out.green("✓")} in force: ${answer.version}${answer.created !== false ? "" : " (it was published before)"}`,
        );
      }
    });
  policy
    .command("activate")
    .description("Put an earlier version in force again.")
    .argument("<version>", "sha256:…, from `policy versions`")
    .action(async (version: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.policy.activate(version);
      if (isWaiting(answer)) return tellWaiting(terminal, answer);
      tellWarning(terminal, answer);
      if (terminal.json) terminal.document(answer);
      else terminal.print(`${terminal.out.green("✓")} in force: ${answer.version}`);
    });
}
