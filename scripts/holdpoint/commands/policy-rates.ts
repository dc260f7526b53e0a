import { Argument, type Command, Option } from "commander";
import type { RateRow } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { formatTable } from "../render/table.ts";
import { openSession } from "../session.ts";

const help = `
A gate is needless where people approved and somebody said that nobody need have been asked; it was missed where policy let
through what did harm or should have been asked. What nobody has spoken of counts as right, so both are lower bounds. In
brackets the 95 % interval. WATCHED is what a contract in warn or shadow would have said.

Examples:
  $ npx holdpoint policy rates
  $ npx holdpoint policy rates db.migrate --window 30d`;

const windows = ["24h", "7d", "30d"] as const;

export function addPolicyRates(policy: Command): void {
  policy
    .command("rates")
    .description(
      "How often gates were needless or missed, how runs went, and what watching contracts would have said.",
    )
    .addArgument(new Argument("[type]", "one action type only"))
    .addOption(new Option("--window <window>", "over how long").choices(windows).default("7d"))
    .addHelpText("after", help)
    .action(
      async (type: string | undefined, options: { window: (typeof windows)[number] }, command: Command) => {
        const { client, terminal } = openSession(command, "operator");
        const rates = await client.policy.rates(options.window);
        const rows = rates.byType.filter(({ name }) => type === undefined || name === type);
        if (terminal.json) return terminal.document({ ...rates, byType: rows });
        if (rows.length === 0) {
          return terminal.print(
            `Nothing of ${type ?? "any type"} was decided in the last ${options.window}.`,
          );
        }
        const headings = [
          "TYPE",
          "ACTIONS",
          "NEEDLESS GATES",
          "MISSED GATES",
          "SUCCEEDED",
          "ROLLED BACK",
          "WATCHED",
        ];
        terminal.print(formatTable(headings, rows.map(cellsOf), terminal.out.dim));
        if (!rates.complete) terminal.note("There is more in this window than was looked at.");
      },
    );
}

function cellsOf({
  name,
  actions,
  needlessGates,
  missedGates,
  success,
  rollback,
  watched,
}: RateRow): string[] {
  const said =
    watched === undefined ? "–" : `${watched.allow} allow, ${watched.gate} gate, ${watched.deny} deny`;
  const figures = [needlessGates, missedGates, success, rollback].map(rateText);
  return [visible(name), String(actions), ...figures, said];
}

const percent = (share: number): string => (share * 100).toFixed(1);

function rateText({ hits, trials, low, high }: RateRow["success"]): string {
  return trials === 0 ? "–" : `${hits} of ${trials} (${percent(low)} to ${percent(high)} %)`;
}
