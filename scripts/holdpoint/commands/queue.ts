import { type Command, InvalidArgumentError } from "commander";
import * as v from "valibot";
import type { ListFilter } from "../../../client/index.ts";
import { HoldpointError } from "../../../client/index.ts";
import { type ActionSummary, State } from "../../../schemas/action.ts";
import { pause } from "../../../client/backoff.ts";
import { exitCodeOfSignal, Interrupts } from "../interrupts.ts";
import { colourOf, riskText } from "../render/card.ts";
import { formatTable } from "../render/table.ts";
import { formatMs, left } from "../render/time.ts";
import { visible } from "../../../core/card/visible.ts";
import { openSession, type Session } from "../session.ts";
import type { Paint } from "../terminal.ts";

type QueueOptions = { state: State | "all"; mine?: boolean; watch?: boolean };
type Row = ActionSummary;

const examples = `
Newest first. The list comes from an index that may be a moment behind; \`show\` is the truth about one action.

--mine is for people: what waits for you. For an agent's key it is what that agent asked for.
--watch looks every 2 s. On a terminal the table is drawn again; elsewhere every change is a line, with --json a JSON
line {"change": "added|changed|removed", "action": …}.

Examples:
  $ npx holdpoint queue
  $ npx holdpoint queue --mine --as person:bob --watch
  $ npx holdpoint queue --state all --json | jq '.items[].id'`;

export function addQueue(program: Command): void {
  program
    .command("queue")
    .summary("what is waiting")
    .description("List actions: what is waiting, unless --state says otherwise.")
    .option("--state <state>", "list those in this state, or all", parseState, "pending")
    .option("--mine", "only what waits for me")
    .option("--watch", "keep looking")
    .addHelpText("after", examples)
    .action(async (options: QueueOptions, command: Command) => {
      const session = openSession(command, "operator");
      const list = await lister(session, options);
      if (options.watch === true) {
        process.exitCode = await watch(session, list);
        return;
      }
      const items = await list();
      if (session.terminal.json) session.terminal.document({ items });
      else session.terminal.print(table(items, session.terminal.out, options.state));
    });
}

function parseState(text: string): State | "all" {
  if (text === "all") return text;
  const parsed = v.safeParse(State, text);
  if (parsed.success) return parsed.output;
  throw new InvalidArgumentError(`It is all, or one of ${State.options.join(", ")}.`);
}

async function lister({ client }: Session, { state, mine }: QueueOptions): Promise<() => Promise<Row[]>> {
  const filter: ListFilter = { limit: 100, ...(state === "all" ? {} : { state }) };
  if (mine !== true) return async () => (await client.list(filter)).items;
  const me = await client.whoami();
  if (me.kind === "person") return async () => (await client.list({ ...filter, waitingFor: "me" })).items;
  return async () => (await client.list(filter)).items.filter((item) => item.requester.id === me.id);
}

function table(items: readonly Row[], paint: Paint, state: string): string {
  if (items.length === 0) return state === "pending" ? "Nothing is waiting." : "There is nothing here.";
  const headings = ["ID", "AGE", "STATE", "RISK", "TYPE", "TARGET", "REQUESTER", "SEATS", "LEFT"];
  return formatTable(
    headings,
    items.map((item) => cells(item, paint)),
    paint.dim,
  );
}

function cells(item: Row, paint: Paint): string[] {
  const now = Date.now();
  const seats = item.seats.map(({ seat, filled, n }) => `${visible(seat)} ${filled}/${n}`).join(" ");
  return [
    item.id,
    formatMs(Math.max(0, now - Date.parse(item.createdAt))),
    colourOf(item.state, paint)(item.state.replaceAll("_", " ")),
    riskText(item.risk, paint),
    visible(item.type),
    visible(item.target.resource),
    visible(item.requester.id),
    seats,
    left(item.deadline, now) ?? "",
  ];
}

const everyMs = 2_000;

/** Looks again and again until Ctrl-C. An engine that is away for a moment is said once and waited for. */
async function watch(session: Session, list: () => Promise<Row[]>): Promise<number> {
  const { terminal } = session;
  const draw = terminal.json || !process.stdout.isTTY ? changes(session) : screen(terminal.out);
  const stop = new AbortController();
  const interrupts = new Interrupts((signal) => stop.abort(signal));
  let away = false;
  try {
    while (!stop.signal.aborted) {
      try {
        draw(await list());
        away = false;
      } catch (error) {
        if (
          !(error instanceof HoldpointError) ||
          (error.code !== "network" && error.status < 500 && error.status !== 429)
        ) {
          throw error;
        }
        if (!away) terminal.note(`${terminal.err.yellow("!")} ${error.detail} Looking again.`);
        away = true;
      }
      await pause(everyMs, stop.signal).catch(() => undefined);
    }
    return exitCodeOfSignal(interrupts.since(0) ?? "SIGINT");
  } finally {
    interrupts.dispose();
  }
}

/** Draws over the last table, wherever the terminal has scrolled. */
function screen(paint: Paint): (items: Row[]) => void {
  return (items) => {
    const text = table(items, paint, "pending");
    process.stdout.write(
      `\u001B[H\u001B[2J${paint.dim(`${new Date().toLocaleTimeString()}, Ctrl-C to stop`)}\n${text}\n`,
    );
  };
}

/** One line for everything that came, changed or went since the last look. */
function changes({ terminal }: Session): (items: Row[]) => void {
  let before = new Map<string, Row>();
  const say = (change: "added" | "changed" | "removed", action: Row): void => {
    if (terminal.json) return terminal.document({ change, action }, { line: true });
    const sign = { added: "+", changed: "~", removed: "-" }[change];
    terminal.print(`${sign} ${cells(action, terminal.out).join("  ")}`);
  };
  return (items) => {
    const now = new Map(items.map((item) => [item.id, item]));
    for (const item of items.toReversed()) {
      const known = before.get(item.id);
      if (known === undefined) say("added", item);
      else if (known.seq !== item.seq) say("changed", item);
    }
    for (const [id, item] of before) if (!now.has(id)) say("removed", item);
    before = now;
  };
}
