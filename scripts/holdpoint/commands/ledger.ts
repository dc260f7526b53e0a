import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Checkpoint, LedgerView } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { formatTable } from "../render/table.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const help = `
Reading takes a key with evidence:read, such as the auditor's, or an operator's. A new key is begun by a person with keys:write.
Keep a checkpoint where the engine cannot reach it: \`npx holdpoint verify --checkpoint FILE\` then shows that nothing before it
was changed, added or cut.

Examples:
  $ npx holdpoint ledger
  $ npx holdpoint ledger checkpoint --out checkpoint-2026-07.txt
  $ npx holdpoint ledger rotate`;

export function addLedger(program: Command): void {
  const ledger = program
    .command("ledger")
    .summary("the log that evidence is held against: how it stands, its checkpoint, its keys")
    .description("How the log stands: its size, what is signed, and with which keys.")
    .addHelpText("after", help)
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const status = await client.ledger.status();
      if (terminal.json) terminal.document(status);
      else printStatus(terminal, status);
    });
  addCheckpoint(ledger);
  ledger
    .command("rotate")
    .description("Begin a new key for the log. The one before signs beside it for seven days.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const status = await client.ledger.rotate();
      if (terminal.json) return terminal.document(status);
      printStatus(terminal, status);
      terminal.note("Give the new verifier key to whoever checks, before the one before ends.");
    });
}

function addCheckpoint(ledger: Command): void {
  ledger
    .command("checkpoint")
    .description("The newest signed checkpoint: what an auditor keeps.")
    .option("--out <file>", "write it into this file, which must not be there yet")
    .action(async ({ out }: { out?: string }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const { checkpoint } = await client.ledger.status();
      if (checkpoint === null) {
        throw new CliError("There is no checkpoint yet: nothing has happened, or it is being signed.");
      }
      if (out !== undefined) keep(resolve(out), checkpoint);
      if (terminal.json) return terminal.document(checkpoint);
      if (out === undefined) return terminal.print(checkpoint.note.trimEnd());
      terminal.print(
        `${out}: ${checkpoint.size} lines of ${visible(checkpoint.origin)}, signed ${timeOf(checkpoint.at)}`,
      );
    });
}

/** Never over another one: an older checkpoint proves more than a newer one. */
function keep(path: string, { note }: Checkpoint): void {
  try {
    writeFileSync(path, note, { flag: "wx" });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(`Cannot write ${path}: ${why}`, exitCodes.usage);
  }
}

const timeOf = (at: number): string => new Date(at).toISOString();

function printStatus(terminal: Terminal, status: LedgerView): void {
  const { size, actions, checkpoint, keys, unsigned, lagMs, fault } = status;
  const { red, dim } = terminal.out;
  if (fault !== null) terminal.print(red(`Nothing is signed: ${fault}`));
  terminal.print(`${size} lines, ${actions} actions`);
  terminal.print(
    checkpoint === null
      ? "no checkpoint yet"
      : `signed up to line ${checkpoint.size} at ${timeOf(checkpoint.at)}, root ${checkpoint.root}`,
  );
  if (unsigned > 0) terminal.print(`${unsigned} lines wait to be signed, for ${Math.round(lagMs / 1_000)} s`);
  const rows = keys.map(({ vkey, since, until }) => [
    visible(vkey),
    timeOf(since),
    until === null ? "" : timeOf(until),
  ]);
  if (rows.length > 0) terminal.print(formatTable(["VERIFIER KEY", "SINCE", "UNTIL"], rows, dim));
}
