import type { Command } from "commander";
import type { OnCallStanding } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { collect, parseDuration } from "../options.ts";
import { formatTable } from "../render/table.ts";
import { left } from "../render/time.ts";
import { openSession } from "../session.ts";

const overview = `
A rule's selector oncall:NAME is whoever is shown here. Schedules are put with the API (PUT /v1/schedules/NAME); what is
set goes before the schedule of that name until it ends.

Examples:
  $ npx holdpoint oncall
  $ npx holdpoint oncall primary
  $ npx holdpoint oncall set primary --person alice --for 8h
  $ npx holdpoint oncall clear primary`;

type SetOptions = { person: string[]; for: number };

export function addOnCall(program: Command): void {
  const oncall = program
    .command("oncall")
    .summary("who is on call now, and who is next")
    .description("Show who is on call now and when the next handover is.")
    .argument("[name]", "one name only")
    .addHelpText("after", overview)
    .action(async (name: string | undefined, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const items = name === undefined ? (await client.onCall.list()).items : [await client.onCall.get(name)];
      if (terminal.json) return terminal.document(name === undefined ? { items } : items[0]);
      if (items.length === 0) return terminal.print("There is no schedule, and nobody was set on call.");
      const rows = items.map(rowOf);
      terminal.print(formatTable(["NAME", "ON CALL", "SAYS", "NEXT"], rows, terminal.out.dim));
    });
  oncall
    .command("set")
    .description("Say who is on call, for at most 14 days.")
    .argument("<name>", "the NAME of oncall:NAME")
    .requiredOption("--person <person>", "who, such as alice (may be repeated)", collect)
    .requiredOption("--for <duration>", 'for how long, such as "8h"', parseDuration)
    .action(async (name: string, { person, for: length }: SetOptions, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const people = person.map((id) => (id.startsWith("person:") ? id : `person:${id}`));
      const until = new Date(Date.now() + length).toISOString();
      const answer = await client.onCall.set(name, { people, until });
      if (terminal.json) terminal.document(answer);
      else terminal.print(`${people.join(", ")} on call for ${name} until ${until}`);
    });
  oncall
    .command("clear")
    .description("Take back what was set, so that the schedule counts again.")
    .argument("<name>", "the NAME of oncall:NAME")
    .action(async (name: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.onCall.clear(name);
      if (terminal.json) terminal.document(answer);
      else terminal.print(`${name} is as its schedule says`);
    });
}

const sources = {
  webhook: "set until then",
  schedule: "the schedule",
  none: "nobody: what was set has ended",
};

function rowOf({ name, people, source, next }: OnCallStanding): string[] {
  const then = next === null ? "" : `${left(next.at, Date.now()) ?? ""}: ${listed(next.people)} (${next.at})`;
  return [visible(name), listed(people), sources[source], then];
}

const listed = (people: readonly string[]): string =>
  people.length === 0 ? "nobody" : people.map(visible).join(", ");
