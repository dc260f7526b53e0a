import type { Command } from "commander";
import type { Client } from "../../../client/index.ts";
import type { PurgeView } from "../../../client/holds.ts";
import { isWaiting } from "../../../client/shape.ts";
import { tellWaiting, tellWarning } from "../render/waiting.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const help = `
Examples:
  $ npx holdpoint workspace purge --confirm default --reason "The pilot is over" --as person:omar
  $ npx holdpoint workspace purge --as person:omar`;

const purgeHelp = `
Every value of every action goes, with the workspace's people, agents, keys, sessions, webhooks and rules: nobody can sign in
afterwards. The log stays with its hashes, checkpoints and keys, so that evidence that you have exported still verifies:
export first what must be kept. With two operators or more another one agrees first. Refused while anything is held, and
while something runs unless --cancel-running. Without --confirm it says how far it has come.

Examples:
  $ npx holdpoint workspace purge --confirm default --reason "The pilot is over" --as person:omar
  $ npx holdpoint workspace purge --as person:omar`;

type Options = { confirm?: string; reason?: string; cancelRunning?: boolean };

export function addWorkspace(program: Command): void {
  const workspace = program
    .command("workspace")
    .summary("forget a whole workspace: purge")
    .description("What is done to a workspace as a whole.")
    .addHelpText("after", help);
  workspace
    .command("purge")
    .description("Have the whole workspace forgotten, or see how far that has come.")
    .option("--confirm <workspace>", "its name, so that no other one is forgotten")
    .option("--reason <text>", "why, for whoever agrees to it")
    .option("--cancel-running", "forget what runs, too: its executors are told that it is not there")
    .addHelpText("after", purgeHelp)
    .action(async ({ confirm, reason, cancelRunning = false }: Options, command: Command) => {
      const { client, terminal } = openSession(command, "person");
      if (confirm === undefined) return show(terminal, await client.workspace.show());
      if (reason === undefined) command.error("error: required option '--reason <text>' not specified");
      await begin(client, terminal, { confirm, reason: reason ?? "", cancelRunning });
    });
}

async function begin(
  client: Client,
  terminal: Terminal,
  order: { confirm: string; reason: string; cancelRunning: boolean },
): Promise<void> {
  const answer = await client.workspace.begin(order);
  if (isWaiting(answer)) return tellWaiting(terminal, answer);
  tellWarning(terminal, answer);
  show(terminal, answer);
}

const stageTexts = {
  actions: "its actions are being forgotten",
  stores: "its lists and copies are being forgotten",
  people: "only its people, keys and rules are left",
  done: "everything is forgotten",
  reopened: "it was made again",
} as const satisfies Record<PurgeView["stage"], string>;

function show(terminal: Terminal, view: PurgeView): void {
  if (terminal.json) return terminal.document(view);
  const { workspace, stage, done, left, failed, closesAt, checkpoint } = view;
  terminal.print(`${workspace}: ${stageTexts[stage]}`);
  terminal.print(
    `${done} actions forgotten, ${left} left, ${failed} of them did not answer and are asked again`,
  );
  if (closesAt !== null) terminal.print(`From ${closesAt} on nobody can sign in, nor ask this again.`);
  if (checkpoint !== null) {
    terminal.print(`The last checkpoint, to keep with your bundles:\n\n${checkpoint.note}`);
  }
}
