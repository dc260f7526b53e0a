import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { NewAction } from "../../../client/index.ts";
import type { JsonObject } from "../../../schemas/json.ts";
import { CliError, exitCodeOfState, exitCodes } from "../exit-code.ts";
import { Interrupts, exitCodeOfSignal } from "../interrupts.ts";
import { collect, parseDuration, readJsonObject } from "../options.ts";
import { openSession, type Session } from "../session.ts";
import { announce, awaitDecision, sayEnd } from "../waiting.ts";

type RequestOptions = {
  type: string;
  target: string;
  reason: string;
  args?: string;
  arg?: string[];
  segment?: string;
  environment?: string;
  tool?: string;
  context?: string;
  rollbackPlan?: string;
  preconditions?: string;
  notBefore?: string;
  notAfter?: string;
  supersedes?: string;
  onBehalfOf?: string;
  idempotencyKey?: string;
  wait?: boolean;
  timeout?: number;
};

const examples = `
JSON values are given as text, as @FILE, or as - for stdin. --arg sets one argument; its value is read as JSON where
it is some (numbers, true, "…"), else as text. With --json the action is printed as it is.

Examples:
  $ npx holdpoint request --type db.migrate --target orders-db --segment prod-data --reason "Drop the legacy table" \\
      --arg migration=0042_drop_legacy.sql --arg rows=120000
  $ npx holdpoint request --type email.send --target newsletter --reason "Weekly" --args @email.json --wait
  $ ID=$(npx holdpoint request … --json | jq -r .id) && npx holdpoint wait "$ID"`;

export function addRequest(program: Command): void {
  program
    .command("request")
    .summary("ask for an action of any type")
    .description(
      "Ask for an action of any type. Whoever carries it out waits, claims and reports through the API or the client.",
    )
    .requiredOption("--type <type>", "action type, such as db.migrate")
    .requiredOption("--target <name>", "what it is aimed at")
    .requiredOption("--reason <text>", "why, in your own words; approvers read it")
    .option("--args <json>", "all arguments as a JSON object")
    .option("--arg <name=value>", "one argument (may be repeated)", collect)
    .option("--segment <name>", "network segment of the target")
    .option("--environment <name>", "environment of the target")
    .option("--tool <name>", "tool it is done with")
    .option("--context <json>", "what else reviewers should see; not part of what is approved")
    .option("--rollback-plan <json>", "how to undo it, approved together with it")
    .option("--preconditions <json>", "what must still be so when it is claimed")
    .option("--not-before <time>", "RFC 3339 time before which it must not start")
    .option("--not-after <time>", "RFC 3339 time after which it must not start")
    .option("--supersedes <id>", "the earlier action this one replaces")
    .option("--on-behalf-of <person>", "the person this is done for")
    .option("--idempotency-key <key>", "the same key and body is the same action")
    .option("--wait", "wait for the decision")
    .option("--timeout <duration>", "with --wait: stop waiting after this long", parseDuration)
    .addHelpText("after", examples)
    .action(async (options: RequestOptions, command: Command) => {
      process.exitCode = await request(openSession(command, "agent"), options);
    });
}

async function request(session: Session, options: RequestOptions): Promise<number> {
  const { client, terminal } = session;
  const idempotencyKey = options.idempotencyKey ?? `request-${randomUUID()}`;
  const asked = await client.request(actionOf(options), { idempotencyKey });
  announce(session, asked);
  if (options.wait !== true || asked.state !== "pending") {
    if (asked.state === "denied") sayEnd(terminal, asked);
    if (terminal.json) terminal.document(asked);
    else terminal.print(asked.id);
    return exitCodeOfState(asked);
  }
  const interrupts = new Interrupts((signal) => process.exit(exitCodeOfSignal(signal)));
  try {
    const decided = await awaitDecision(session, interrupts, asked, {
      timeoutMs: options.timeout,
      idempotencyKey,
    });
    if (typeof decided === "number") return decided;
    if (decided.state !== "approved") sayEnd(terminal, decided);
    if (terminal.json) terminal.document(decided);
    else terminal.print(`${decided.id} ${decided.state}`);
    return exitCodeOfState(decided);
  } finally {
    interrupts.dispose();
  }
}

function actionOf(options: RequestOptions): NewAction {
  const { segment, environment, tool } = options;
  return {
    type: options.type,
    target: {
      resource: options.target,
      ...(segment === undefined ? {} : { segment }),
      ...(environment === undefined ? {} : { environment }),
      ...(tool === undefined ? {} : { tool }),
    },
    args: argumentsOf(options),
    reason: options.reason,
    context: optionalObject(options.context, "--context"),
    rollbackPlan: optionalObject(options.rollbackPlan, "--rollback-plan"),
    preconditions: optionalObject(options.preconditions, "--preconditions"),
    notBefore: options.notBefore ?? null,
    notAfter: options.notAfter ?? null,
    supersedes: options.supersedes ?? null,
    onBehalfOf: options.onBehalfOf ?? null,
  };
}

function optionalObject(source: string | undefined, name: string): JsonObject | null {
  return source === undefined ? null : readJsonObject(source, name);
}

/** The arguments of an action, from `--args` and each `--arg`. */
export function argumentsOf({ args, arg }: Pick<RequestOptions, "args" | "arg">): NewAction["args"] {
  return { ...(args === undefined ? {} : readJsonObject(args, "--args")), ...singleArgs(arg ?? []) };
}

function singleArgs(pairs: readonly string[]): NewAction["args"] {
  const args: NewAction["args"] = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new CliError(`--arg ${pair}: write it as name=value.`, exitCodes.usage);
    args[pair.slice(0, at)] = jsonOrText(pair.slice(at + 1));
  }
  return args;
}

function jsonOrText(text: string): NewAction["args"][string] {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
