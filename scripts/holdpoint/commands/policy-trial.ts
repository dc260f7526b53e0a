import type { Command } from "commander";
import type { AskedAbout, Candidate, ExamplesRun } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { collect, readDocument } from "../options.ts";
import { formatEvaluation } from "../render/evaluation.ts";
import { openSession, openTerminal } from "../session.ts";
import type { Terminal } from "../terminal.ts";
import { argumentsOf } from "./request.ts";

const evaluateHelp = `
Nothing is asked for and nobody is told. Without --policy or --policy-version it is the policy in force.

Examples:
  $ npx holdpoint policy evaluate --type db.migrate --target orders-db --segment prod-data --arg migration=0042.sql
  $ npx holdpoint policy evaluate --policy policy.json --type payment.refund --target shop --agent agent:other \\
      --args @refund.json --sum 'sum(args.amount) by agent over 24h=250000'`;

const testHelp = `
The examples are a JSON list of
  { "name": "A small refund is allowed",
    "request": { "type", "target", "args", "agent", "onBehalfOf"?, "at"?, "sums"? },
    "expect": { "outcome": "allow|gate|deny|refuse", "because"?, "seats"?: { "oncall": ["person:alice"] }, "level"? } }
They are held against the engine's directory, or without any engine against that of --directory: { "people", "groups", "agents",
"schedules"?, "onCall"?, "owners"?, "delegations"? } by id, each as the API takes it.

Examples:
  $ npx holdpoint policy test policy.json --examples examples.json
  $ npx holdpoint policy test policy.json --examples examples.json --directory directory.json --json`;

type EvaluateOptions = {
  type: string;
  target: string;
  agent: string;
  args?: string;
  arg?: string[];
  segment?: string;
  environment?: string;
  tool?: string;
  onBehalfOf?: string;
  at?: string;
  sum?: string[];
  policy?: string;
  policyVersion?: string;
};

/** What a policy says, before it says it to anybody. */
export function addPolicyTrial(policy: Command): void {
  policy
    .command("evaluate")
    .description(
      "What the policy says to one request, why, and who could fill each seat. Nothing is asked for.",
    )
    .requiredOption("--type <type>", "action type, such as db.migrate")
    .requiredOption("--target <name>", "what it is aimed at")
    .option("--agent <agent>", "who would ask", "agent:demo")
    .option("--args <json>", "all arguments as a JSON object")
    .option("--arg <name=value>", "one argument (may be repeated)", collect)
    .option("--segment <name>", "network segment of the target")
    .option("--environment <name>", "environment of the target")
    .option("--tool <name>", "tool it is done with")
    .option("--on-behalf-of <person>", "the person this is done for")
    .option("--at <time>", "RFC 3339 time at which it would be asked for")
    .option("--sum <sum=number>", "what a sum comes to with it (may be repeated)", collect)
    .option("--policy <file>", "a document that is not published")
    .option("--policy-version <version>", "sha256:…, from `policy versions`")
    .addHelpText("after", evaluateHelp)
    .action(async (options: EvaluateOptions, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const { version, evaluation } = await client.policy.evaluate(askedOf(options), candidateOf(options));
      if (terminal.json) return terminal.document({ version, evaluation });
      terminal.print(formatEvaluation(evaluation, options.type, terminal.out));
    });
  policy
    .command("test")
    .description(
      "Hold a document against examples with the decisions you expect. Exits 1 when one comes out differently.",
    )
    .argument("<file>", "a JSON document, or - for stdin")
    .requiredOption("--examples <file>", "the examples, a JSON list")
    .option("--directory <file>", "people, groups and agents; then no engine is needed")
    .addHelpText("after", testHelp)
    .action(async (file: string, options: { examples: string; directory?: string }, command: Command) => {
      const run = await runOf(file, options, command);
      if (run.failed > 0) process.exitCode = exitCodes.error;
      printRun(openTerminal(command), run);
    });
}

async function runOf(
  file: string,
  { examples, directory }: { examples: string; directory?: string },
  command: Command,
): Promise<ExamplesRun> {
  const document = readDocument(file);
  const given = readDocument(examples);
  if (directory === undefined) {
    return openSession(command, "operator").client.policy.test(given, { document });
  }
  // Loaded only here: it reads conditions, which every other command leaves to the engine.
  const { testOffline } = await import("../offline.ts");
  const asked = { file, examples, directory };
  return testOffline({ document, examples: given, directory: readDocument(directory) }, asked, Date.now());
}

function printRun(terminal: Terminal, run: ExamplesRun): void {
  if (terminal.json) return terminal.document(run);
  const { bold, green, red } = terminal.out;
  for (const { name, pass, outcome, because, differences } of run.results) {
    terminal.print(`${pass ? green("✓") : red("✗")} ${visible(name)}`);
    for (const { what, expected, got } of differences) {
      terminal.print(`    ${bold(visible(what))}`);
      terminal.print(red(`      - ${visible(JSON.stringify(expected))}`));
      terminal.print(green(`      + ${visible(JSON.stringify(got))}`));
    }
    if (!pass) terminal.print(`    it is ${outcome}: ${visible(because)}`);
  }
  terminal.print(`${run.passed} as expected, ${run.failed} not`);
}

function candidateOf({ policy, policyVersion }: EvaluateOptions): Candidate {
  return {
    ...(policy !== undefined && { document: readDocument(policy) }),
    ...(policyVersion !== undefined && { version: policyVersion }),
  };
}

function askedOf(options: EvaluateOptions): AskedAbout {
  const { type, agent, segment, environment, tool, onBehalfOf, at, sum = [] } = options;
  return {
    type,
    agent,
    target: {
      resource: options.target,
      ...(segment !== undefined && { segment }),
      ...(environment !== undefined && { environment }),
      ...(tool !== undefined && { tool }),
    },
    args: argumentsOf(options),
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    ...(at !== undefined && { at }),
    ...(sum.length > 0 && { sums: Object.fromEntries(sum.map(sumOf)) }),
  };
}

function sumOf(pair: string): [string, string] {
  const at = pair.lastIndexOf("=");
  if (at < 1) throw new CliError(`--sum ${pair}: write it as SUM=NUMBER.`, exitCodes.usage);
  return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}
