import { type Command, InvalidArgumentError } from "commander";
import type { Candidate, Client, Replay } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { joined, type Replayed } from "../../../core/policy/tally.ts";
import { readDocument } from "../options.ts";
import { formatTable } from "../render/table.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const help = `
Every action of these days is held against the document as it was asked for: with its arguments, its sums, its guardrail's level
and its agent of then. Nothing is asked for again. What a kill switch refused is left out: no policy changes that.

Examples:
  $ npx holdpoint policy replay policy.json --days 30
  $ npx holdpoint policy replay policy.json --days 7 --json | jq '.changed[].id'`;

function days(text: string): number {
  const count = /^\d{1,2}$/u.test(text) ? Number(text) : 0;
  if (count < 1 || count > 90) throw new InvalidArgumentError("It is a number of days from 1 to 90.");
  return count;
}

export function addPolicyReplay(policy: Command): void {
  policy
    .command("replay")
    .description("Which recorded actions would have come out differently under a document, and why.")
    .argument("<file>", "a JSON document, or - for stdin")
    .option("--days <n>", "how far back", days, 7)
    .addHelpText("after", help)
    .action(async (file: string, options: { days: number }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const found = await replayAll(client, terminal, { document: readDocument(file) }, options.days);
      if (terminal.json) return terminal.document(found);
      print(terminal, found, options.days);
    });
}

async function replayAll(
  client: Client,
  terminal: Terminal,
  candidate: Candidate,
  within: number,
): Promise<Replayed> {
  const spinner = terminal.spin("replaying");
  let found: Replayed = { replayed: 0, notReplayable: 0, stopped: 0, changed: [], counts: [] };
  let cursor: string | null = null;
  try {
    do {
      const page: Replay = await client.policy.replay({ ...candidate, days: within, cursor, limit: 100 });
      const { nextCursor, ...more } = page;
      found = joined(found, more);
      cursor = nextCursor;
      if (terminal.interactive) spinner.text(`replaying: ${found.replayed}, ${found.changed.length} changed`);
    } while (cursor !== null);
  } finally {
    spinner.stop();
  }
  return found;
}

function print(terminal: Terminal, found: Replayed, within: number): void {
  const { bold, dim } = terminal.out;
  for (const { id, type, agent, target, at, was, would } of found.changed) {
    const change = bold(`${was.outcome} → ${would.outcome}`);
    terminal.print(`${id}  ${at}  ${visible(type)} on ${visible(target)} by ${visible(agent)}: ${change}`);
    terminal.print(dim(`    was: ${visible(was.because)}`));
    terminal.print(`    would be: ${visible(would.because)}`);
  }
  const rows = found.counts
    .toSorted((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : b.count - a.count))
    .map(({ type, was, would, count }) => [visible(type), was, would, String(count)]);
  if (rows.length > 0) terminal.print(formatTable(["TYPE", "WAS", "WOULD BE", "ACTIONS"], rows, dim));
  const rest = [
    ...(found.stopped > 0 ? [`${found.stopped} stopped by a kill switch`] : []),
    ...(found.notReplayable > 0 ? [`${found.notReplayable} not replayable: nothing is kept of them`] : []),
  ];
  const tail = rest.length === 0 ? "" : ` (${rest.join(", ")})`;
  const span = within === 1 ? "the last day" : `the last ${within} days`;
  terminal.print(
    `${found.replayed} actions of ${span} replayed, ${found.changed.length} would change${tail}`,
  );
}
