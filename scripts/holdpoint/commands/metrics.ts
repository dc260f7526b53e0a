import { type Command, Option } from "commander";
import type { MetricsWindow } from "../../../client/metrics.ts";
import { metricsWindows } from "../../../schemas/metrics.ts";
import { formatFigures } from "../render/figures.ts";
import { openSession } from "../session.ts";

const examples = `
It takes a key with metrics:read, which people have. The same figures are on the page, and at /metrics for Prometheus.

Examples:
  $ npx holdpoint metrics
  $ npx holdpoint metrics --window 7d
  $ npx holdpoint metrics --window 1h --json | jq .queueTime.decided`;

export function addMetrics(program: Command): void {
  program
    .command("metrics")
    .summary("how long people wait, and who decides how much")
    .description("Queue time, what is pending, decisions in under five seconds, and each reviewer's load.")
    .addOption(
      new Option("--window <window>", "over the last hour, day or week")
        .choices(metricsWindows)
        .default("24h"),
    )
    .addHelpText("after", examples)
    .action(async ({ window }: { window: MetricsWindow }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const figures = await client.metrics({ window });
      if (terminal.json) terminal.document(figures);
      else terminal.print(formatFigures(figures, terminal.out));
    });
}
