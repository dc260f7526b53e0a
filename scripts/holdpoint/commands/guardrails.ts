import type { Command } from "commander";
import type { Guardrail } from "../../../client/index.ts";
import { isWaiting } from "../../../client/shape.ts";
import { visible } from "../../../core/card/visible.ts";
import { formatTable } from "../render/table.ts";
import { ago, left } from "../render/time.ts";
import { tellWaiting, tellWarning } from "../render/waiting.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const overview = `
A contract with a \`guardrail\` stands somewhere between allow, notify, one, rule, rulePlusOne and deny. Incidents tighten it
at once; clean runs only propose to loosen it. A proposal is an action like any other: operators approve or deny it.

Examples:
  $ npx holdpoint guardrails
  $ npx holdpoint guardrails db.migrate
  $ npx holdpoint guardrails propose db.migrate --reason "The cause is mended" --as person:omar`;

export function addGuardrails(program: Command): void {
  const guardrails = program
    .command("guardrails")
    .summary("where guardrails stand, and what is proposed")
    .description("Show where each contract's guardrail stands; with a type, also what has happened to it.")
    .argument("[type]", "one action type only")
    .addHelpText("after", overview)
    .action(async (type: string | undefined, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const { items: all } = await client.guardrails.list();
      const items = type === undefined ? all : all.filter((one) => one.type === type);
      if (terminal.json) terminal.document({ items });
      else if (items.length === 0) terminal.print(noneText(type));
      else {
        terminal.print(tableOf(items, terminal));
        if (type !== undefined) for (const one of items) terminal.print(`\n${historyOf(one, terminal)}`);
        tellProposals(items, terminal);
      }
      if (type !== undefined && items.length === 0) process.exitCode = 1;
    });
  guardrails
    .command("propose")
    .description("Propose to open what stands at deny, where nothing runs that could be learnt from.")
    .argument("<type>", "the action type")
    .requiredOption("--reason <text>", "why")
    .action(async (type: string, { reason }: { reason: string }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.guardrails.propose(type, reason);
      if (isWaiting(answer)) return tellWaiting(terminal, answer);
      tellWarning(terminal, answer);
      if (terminal.json) terminal.document(answer);
      else terminal.print(tableOf([answer], terminal));
    });
}

/** How to decide what is proposed, for each proposal. */
function tellProposals(items: readonly Guardrail[], terminal: Terminal): void {
  for (const { type, proposal } of items) {
    if (proposal === null) continue;
    const { from, to, action } = proposal;
    terminal.note(
      `${visible(type)} is proposed to go from ${from} to ${to}. Look at it: npx holdpoint show ${action}`,
    );
    terminal.note(`Decide it: npx holdpoint approve ${action} --as person:NAME, or deny`);
  }
}

const noneText = (type: string | undefined): string =>
  type === undefined
    ? "No contract of the policy in force has a guardrail."
    : `${type} has no guardrail in the policy in force.`;

function tableOf(items: readonly Guardrail[], { out }: Terminal): string {
  const now = Date.now();
  const rows = items.map(({ type, level, floor, ceiling, tally, harm, coolUntil, proposal }) => [
    visible(type),
    level === "deny" ? out.red(level) : level,
    `${floor} to ${ceiling}`,
    String(tally.clean),
    String(tally.incidents),
    `${percent(harm.low)} to ${percent(harm.high)}`,
    left(coolUntil, now) ?? "–",
    proposal === null ? "–" : `${proposal.to} by ${proposal.action}`,
  ]);
  const head = ["TYPE", "LEVEL", "BOUNDS", "CLEAN", "INCIDENTS", "HARM 95%", "COOLS", "PROPOSED"];
  return formatTable(head, rows, out.dim);
}

function historyOf({ history }: Guardrail, { out }: Terminal): string {
  if (history.length === 0) return "It has not moved.";
  const rows = history.map(({ at, event, from, to, by, because, evidence }) => [
    ago(at, Date.now()),
    event,
    `${from} → ${to}`,
    visible(by),
    visible(because),
    [
      `${evidence.tally.clean} clean, ${evidence.tally.incidents} incidents`,
      ...evidence.actions.map(visible),
    ].join(", "),
  ]);
  return formatTable(["WHEN", "WHAT", "LEVEL", "BY", "BECAUSE", "EVIDENCE"], rows, out.dim);
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
