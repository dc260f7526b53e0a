import { type Command, Option } from "commander";
import { type BreakGlassTerms, verifyDigest } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { glassReasonLength, type ReviewVerdict } from "../../../schemas/break-glass.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { formatCard, stateText } from "../render/card.ts";
import { formatMs } from "../render/time.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

type BreakOptions = { reason: string; incident: string; yes?: boolean };
type ReviewOptions = { verdict: ReviewVerdict; note: string };

const breakHelp = `
For an emergency in which the people whose seats are open cannot be reached. It approves the action in their stead and
skips nothing else: what runs, when, and under which lease stays as it was asked for. The contract says who has this
right (\`breakGlass\`); the agent's owner never does. Everybody who was passed over is told, and somebody else must
review it in time, or you cannot do it again.

On a terminal you type the target to confirm; elsewhere --yes is needed.

Examples:
  $ npx holdpoint break-glass act_V1StGXR8_Z5jdHi6B-myT --as person:bob --incident INC-1042 \\
      --reason "Checkout is down and no DBA answers the pager"`;

const reviewHelp = `
For those who could have voted, and operators; never for whoever broke the glass. It may come at any time afterwards,
also when the action has long ended, and changes nothing about it.

Examples:
  $ npx holdpoint review act_V1StGXR8_Z5jdHi6B-myT --as person:alice --verdict justified --note "I was on a plane"`;

export function addBreakGlass(program: Command): void {
  program
    .command("break-glass")
    .summary("approve alone in an emergency, and answer for it")
    .description("Approve an action alone, round the people whose seats are open.")
    .argument("<id>", "the action")
    .requiredOption("--incident <reference>", "the incident it is for, such as INC-1042")
    .requiredOption("--reason <text>", `why it cannot wait, in ${glassReasonLength} characters or more`)
    .option("-y, --yes", "do not ask")
    .addHelpText("after", breakHelp)
    .action(breakGlass);
  program
    .command("review")
    .summary("say whether breaking the glass was justified")
    .description("Review why somebody broke the glass.")
    .argument("<id>", "the action")
    .addOption(
      new Option("--verdict <verdict>", "what you have found")
        .choices(["justified", "unjustified"])
        .makeOptionMandatory(),
    )
    .requiredOption("--note <text>", "why")
    .addHelpText("after", reviewHelp)
    .action(review);
}

async function breakGlass(
  id: string,
  { reason, incident, yes }: BreakOptions,
  command: Command,
): Promise<void> {
  const { client, terminal } = openSession(command, "person");
  const action = await client.get(id);
  await verifyDigest(action);
  const terms = await client.breakGlassTerms(id);
  terminal.note(formatCard(action, terminal.err, Date.now()));
  // Where it is refused anyway, the engine says why: nobody is made to type for that.
  if (terms.mayBreak.allowed && yes !== true) {
    terminal.note(terminal.err.red(consequences(terms)));
    await confirm(terminal, action.target.resource, id);
  }
  const after = await client.breakGlass(id, { digest: action.digest, reason, incident });
  const due = after.deadlines.review ?? "never";
  if (terminal.json) terminal.document(after);
  else terminal.print(`${id} ${stateText(after, terminal.out)}; review due ${due}`);
}

function consequences({ skips, tells, reviewDueMs }: BreakGlassTerms): string {
  const seats = skips.map(({ seat, missing }) => `${missing} × ${visible(seat)}`).join(", ");
  const due = reviewDueMs === null ? "" : ` within ${formatMs(reviewDueMs)}`;
  return [
    "Breaking the glass approves this at once, as you alone.",
    `  skipped: ${seats === "" ? "the second person" : seats}`,
    `  told:    ${tells.length === 0 ? "nobody but the contract's channels" : tells.map(visible).join(", ")}`,
    `  review:  by somebody else${due}, or you cannot do it again`,
  ].join("\n");
}

/** @throws CliError unless the person typed what it is about */
async function confirm(terminal: Terminal, target: string, id: string): Promise<void> {
  const typed = await terminal.ask(`Type the target, ${visible(target)}, to break the glass: `);
  if (typed === undefined) {
    throw new CliError("Nobody can be asked here: say --yes to break the glass without.", exitCodes.usage);
  }
  if (typed !== target) {
    throw new CliError(`${id}: that is not its target; no glass was broken, and nothing was sent.`);
  }
}

async function review(id: string, { verdict, note }: ReviewOptions, command: Command): Promise<void> {
  const { client, terminal } = openSession(command, "person");
  const after = await client.review(id, { verdict, note });
  if (terminal.json) terminal.document(after);
  else terminal.print(`${id} reviewed: ${verdict}`);
}
