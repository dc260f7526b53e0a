import type { Command } from "commander";
import { HoldpointError, verifyDigest } from "../../../client/index.ts";
import type { ActionView } from "../../../schemas/action.ts";
import { CliError, exitCodeOf } from "../exit-code.ts";
import { formatCard } from "../render/card.ts";
import { errorDocument, formatError } from "../render/problem.ts";
import { openSession, type Session } from "../session.ts";

type Decision = "approve" | "deny";
type Options = { reason?: string; yes?: boolean };

const examples = {
  approve: `
Everything that would run is shown first; the vote is for exactly that, and counts for nothing else. On a terminal you
are asked before it is sent; a script is not. A decision is a person's: set HOLDPOINT_KEY to your own key, or choose
one of .holdpoint/dev.json with --as. Until the action is decided you may change your mind: vote again.

Examples:
  $ npx holdpoint approve act_V1StGXR8_Z5jdHi6B-myT --as person:bob
  $ npx holdpoint approve act_… act_… --reason "Looked at both" --yes`,
  deny: `
A denial needs a reason: the agent mends its request by it. One denial ends the action, unless its contract asks for
more.

Examples:
  $ npx holdpoint deny act_V1StGXR8_Z5jdHi6B-myT --as person:bob --reason "Not during the sale"`,
};

export function addDecide(program: Command): void {
  program
    .command("approve")
    .summary("approve what is waiting, as yourself")
    .description("Approve actions, after showing everything that would run.")
    .argument("<id...>", "the actions")
    .option("--reason <text>", "why")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", examples.approve)
    .action((ids: string[], options: Options, command: Command) =>
      decideAll("approve", ids, options, command),
    );
  program
    .command("deny")
    .summary("deny what is waiting, with a reason")
    .description("Deny actions.")
    .argument("<id...>", "the actions")
    .requiredOption("--reason <text>", "why; the agent reads it")
    .addHelpText("after", examples.deny)
    .action((ids: string[], options: Options, command: Command) => decideAll("deny", ids, options, command));
}

/** One verdict an action: one that fails does not keep the others. The exit code is the first failure's. */
async function decideAll(
  decision: Decision,
  ids: readonly string[],
  options: Options,
  command: Command,
): Promise<void> {
  const session = openSession(command, "person");
  const { terminal } = session;
  const items: Record<string, unknown>[] = [];
  for (const id of ids) {
    try {
      const action = await decide(session, decision, id, options);
      items.push({ id, action });
    } catch (error) {
      if (!(error instanceof HoldpointError || error instanceof CliError)) throw error;
      terminal.note(formatError(error, terminal.err));
      items.push({ id, ...errorDocument(error) });
      process.exitCode = process.exitCode || exitCodeOf(error);
    }
  }
  if (terminal.json) terminal.document(ids.length === 1 ? (items[0]?.["action"] ?? items[0]) : { items });
}

async function decide(
  { client, terminal }: Session,
  decision: Decision,
  id: string,
  options: Options,
): Promise<ActionView> {
  const action = await client.get(id);
  await verifyDigest(action);
  terminal.note(formatCard(action, terminal.err, Date.now()));
  // One that is decided already is not asked about, and still sent: the engine answers with the truth and records that it came late.
  if (decision === "approve" && options.yes !== true && action.state === "pending") {
    const answer = await terminal.confirm("Approve?");
    if (answer === false) {
      throw new CliError(
        `${id}: not approved, and nothing was sent. To deny it: npx holdpoint deny ${id} --reason "…"`,
      );
    }
  }
  const after = await client.vote(id, { decision, digest: action.digest, reason: options.reason ?? null });
  if (!terminal.json) terminal.print(resultOf(after, decision));
  return after;
}

function resultOf(action: ActionView, decision: Decision): string {
  if (action.state === "approved") return `${action.id} approved`;
  if (action.state === "denied") return `${action.id} denied`;
  const open = action.seats
    .filter(({ filled, n }) => filled < n)
    .map(({ seat, filled, n, from }) => `${n - filled} more for ${seat} from ${from.join(", ")}`);
  return `${action.id} ${decision === "approve" ? "approval" : "denial"} recorded; it waits for ${open.join(" and ") || "others"}`;
}
