import type { Command } from "commander";
import type { ActionView } from "../../../schemas/action.ts";
import { formatCard } from "../render/card.ts";
import { formatTimeline } from "../render/timeline.ts";
import { visible } from "../../../core/card/visible.ts";
import { openSession } from "../session.ts";
import type { Paint } from "../terminal.ts";

const examples = `
Examples:
  $ npx holdpoint show act_V1StGXR8_Z5jdHi6B-myT
  $ npx holdpoint show act_… --json | jq '.events[].type'`;

export function addShow(program: Command): void {
  program
    .command("show")
    .summary("an action and everything that happened to it")
    .description("Show an action and its timeline. With --json: {action, events}.")
    .argument("<id>", "the action")
    .addHelpText("after", examples)
    .action(async (id: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const [action, events] = await Promise.all([client.get(id), client.events(id)]);
      if (terminal.json) return terminal.document({ action, events });
      const paint = terminal.out;
      terminal.print(formatCard(action, paint, Date.now()));
      for (const [name, result] of [
        ["outcome", action.outcome] as const,
        ["rollback", action.rollback?.outcome ?? null] as const,
      ]) {
        if (result !== null) terminal.print(outcomeLines(name, result, paint).join("\n"));
      }
      terminal.print(`\n${formatTimeline(events, paint)}`);
    });
}

function outcomeLines(name: string, result: NonNullable<ActionView["outcome"]>, paint: Paint): string[] {
  const { outcome, effect, summary, evidence } = result;
  const how = outcome === "failed" ? `failed (${effect})` : outcome;
  const output = ["stdout", "stderr"].flatMap((stream) =>
    tailOf(evidence?.[stream]).map((line) => paint.dim(`  ${stream} │ ${line}`)),
  );
  return [`  ${name.padEnd(14)}${how}: ${visible(summary)}`, ...output];
}

/** The end of a command's output, as `run` reports it. */
function tailOf(captured: unknown): string[] {
  if (
    typeof captured !== "object" ||
    captured === null ||
    !("tail" in captured) ||
    typeof captured.tail !== "string"
  ) {
    return [];
  }
  return captured.tail === "" ? [] : captured.tail.trimEnd().split("\n").map(visible);
}
