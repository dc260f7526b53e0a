import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import * as v from "valibot";
import type { AccessFilter, AccessView, Client } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { durationMs } from "../../../schemas/duration.ts";
import { InstantText } from "../../../schemas/instant.ts";
import { accountOf } from "../evidence/account.ts";
import { exportEvidence, type Asked, type Summary } from "../evidence/export.ts";
import { demandRoom, writeWhole } from "../evidence/files.ts";
import { parseKept } from "../evidence/log.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { formatAccount } from "../render/account.ts";
import { formatTable } from "../render/table.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const help = `
It takes a key with evidence:read, such as the auditor's, or an operator's. Every read is written into the workspace's own log
before it is answered: yours as well.

Examples:
  $ npx holdpoint evidence export --since 7d --out ./evidence
  $ npx holdpoint evidence export --since 2026-01-01T00:00:00Z --type db.migrate --checkpoint ./kept --out ./january
  $ npx holdpoint evidence show act_… --out act.json && npx holdpoint verify act.json
  $ npx holdpoint evidence access --since 24h --by person:alice`;

const exportHelp = `
What comes out is a folder: index.html to read or print, tables for a spreadsheet, one bundle an action, the lines of the log,
the signed checkpoint and the keys, and a README.txt that says how to check all of it without the engine.
Until everything is there the folder is called DIR.partial; the same command goes on with it where it stopped.`;

/** RFC 3339, or how long ago. @returns RFC 3339 UTC */
function moment(text: string): string {
  const ms = durationMs(text);
  if (ms !== undefined) return new Date(Date.now() - ms).toISOString();
  if (v.is(InstantText, text)) return new Date(Date.parse(text)).toISOString();
  throw new InvalidArgumentError("It is a time such as 2026-01-31T12:00:00Z, or how long ago, such as 7d.");
}

/** The moment, with the words that were typed for it. */
type When = { readonly typed: string; readonly at: string };
const when = (typed: string): When => ({ typed, at: moment(typed) });

export function addEvidence(program: Command): void {
  const evidence = program
    .command("evidence")
    .summary("what an auditor takes away, and who has read it")
    .description(
      "Export evidence that can be checked without the engine; show one action's; list who has read.",
    )
    .addHelpText("after", help);
  addExport(evidence);
  addShowOne(evidence);
  addAccess(evidence);
}

type ExportOptions = {
  since?: When;
  until?: When;
  type?: string;
  out: string;
  checkpoint?: string;
  force?: boolean;
};

function addExport(evidence: Command): void {
  evidence
    .command("export")
    .description("Every action of a time, as a folder that an auditor can read and check.")
    .option("--since <time>", "first seen at this time or later: RFC 3339, or how long ago such as 7d", when)
    .option("--until <time>", "first seen before this time", when)
    .option("--type <type>", "only this action type")
    .requiredOption("--out <dir>", "the folder to make")
    .option(
      "--checkpoint <file>",
      "a checkpoint that you have kept: shows that nothing before it was changed",
    )
    .option("--force", "replace an export that is there already")
    .addHelpText("after", exportHelp)
    .action(async (options: ExportOptions, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const asked = askedOf(options, client.url);
      const spinner = terminal.spin(`exporting to ${asked.folder}`);
      let summary: Summary;
      try {
        summary = await exportEvidence(client, asked, (what, count, of) => {
          if (terminal.interactive) spinner.text(`${what}: ${count} of ${of}`);
        });
      } finally {
        spinner.stop();
      }
      if (terminal.json) return terminal.document({ folder: asked.folder, ...summary });
      printSummary(terminal, asked.folder, summary);
    });
}

function askedOf({ since, until, type, out, checkpoint, force = false }: ExportOptions, url: string): Asked {
  const folder = resolve(out);
  demandRoom(folder, force);
  const note = checkpoint === undefined ? null : read(checkpoint);
  const kept = note === null ? null : { note, lines: parseKept(note, checkpoint ?? "") };
  return {
    folder,
    typed: JSON.stringify([url, since?.typed ?? null, until?.typed ?? null, type ?? null, note]),
    question: {
      since: since?.at ?? null,
      until: until?.at ?? null,
      type: type ?? null,
      kept: kept?.lines.size ?? null,
    },
    kept,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(`Cannot read ${path}: ${why}`, exitCodes.usage);
  }
}

function printSummary(terminal: Terminal, folder: string, summary: Summary): void {
  const { actions, events, votes, accesses, checkpoint, contradictions, consistentSince } = summary;
  const { red, green, dim } = terminal.out;
  for (const action of contradictions) {
    terminal.print(`${red("✗")} ${action}: the log holds a contradiction, see its bundle`);
  }
  const proven = `${actions} actions, ${events} events, ${votes} votes, ${accesses} reads of evidence`;
  terminal.print(
    `${green("✓")} ${proven}, proven in ${checkpoint.size} lines of ${visible(checkpoint.origin)}`,
  );
  if (consistentSince !== null) {
    terminal.print(
      `${green("✓")} nothing in the first ${consistentSince} lines was changed since your checkpoint`,
    );
  }
  terminal.print(
    dim(`${folder}: README.txt says how to check it; keep the file checkpoint for the next time`),
  );
}

type ShowOptions = { out?: string; checkpoint?: string; force?: boolean };

function addShowOne(evidence: Command): void {
  evidence
    .command("show")
    .description("The evidence of one action: on the terminal, or as a bundle that `verify` takes.")
    .argument("<action>", "the action")
    .option("--out <file>", "write the bundle into this file")
    .option(
      "--checkpoint <file>",
      "a checkpoint that you have kept: the bundle then proves that nothing before it was changed",
    )
    .option("--force", "overwrite the file")
    .action(async (id: string, { out, checkpoint, force = false }: ShowOptions, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      if (out !== undefined && existsSync(out) && !force) {
        throw new CliError(`${out} is there already: name another file, or give --force.`, exitCodes.usage);
      }
      const kept = checkpoint === undefined ? undefined : parseKept(read(checkpoint), checkpoint).size;
      const bundle = await client.evidence.bundle(id, { since: kept });
      if (out !== undefined) {
        writeWhole(resolve(out), `${JSON.stringify(bundle)}\n`);
        terminal.note(`${out}: check it with npx holdpoint verify ${out}`);
        if (!terminal.json) return;
      }
      if (terminal.json) return terminal.document(bundle);
      terminal.print(formatAccount(accountOf(bundle), terminal.out));
    });
}

type AccessOptions = { since?: When; until?: When; by?: string };

function addAccess(evidence: Command): void {
  evidence
    .command("access")
    .description("Who has read evidence, by which route, of what.")
    .option("--since <time>", "at this time or later: RFC 3339, or how long ago such as 7d", when)
    .option("--until <time>", "before this time", when)
    .option("--by <principal>", "only theirs, such as service:auditor")
    .action(async ({ since, until, by }: AccessOptions, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const filter = {
        ...(since !== undefined && { since: since.at }),
        ...(until !== undefined && { until: until.at }),
        ...(by !== undefined && { by }),
      };
      const items = await readAccesses(client, terminal, filter);
      if (terminal.json) return terminal.document({ items });
      if (items.length === 0) return terminal.print("Nobody has read evidence in this time.");
      const rows = items.map(({ at, by: who, outcome, route, action, asked }) => [
        at,
        visible(who.id),
        outcome,
        route,
        visible(action ?? asked ?? ""),
      ]);
      terminal.print(formatTable(["AT", "WHO", "ANSWER", "ROUTE", "OF"], rows, terminal.out.dim));
    });
}

async function readAccesses(client: Client, terminal: Terminal, filter: AccessFilter): Promise<AccessView[]> {
  const spinner = terminal.spin("reading the log");
  const items: AccessView[] = [];
  try {
    for (let cursor: string | null = ""; cursor !== null;) {
      const page = await client.evidence.access({ ...filter, ...(cursor !== "" && { cursor }) });
      items.push(...page.items);
      cursor = page.nextCursor;
      if (terminal.interactive) spinner.text(`reading the log: ${items.length} reads`);
    }
  } finally {
    spinner.stop();
  }
  return items;
}
