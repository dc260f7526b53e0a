import type { Command } from "commander";
import type { PolicyCheck } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { tellWarning } from "../render/waiting.ts";
import { jsonPlaces } from "../../../core/json-places.ts";
import { exitCodes } from "../exit-code.ts";
import { readDocumentText } from "../options.ts";
import { openSession } from "../session.ts";
import type { Terminal } from "../terminal.ts";

const help = `
Each finding has the place in the file, line:column. Errors are what would keep it from being published; warnings are what
is likely not meant: a seat that nobody could fill when a certain agent asks, a branch that is never reached, a rule that asks for
less than the one in force, a freeze without an end.

Examples:
  $ npx holdpoint policy check policy.json
  $ npx holdpoint policy check policy.json --strict --json`;

/** A finding at its place in the file. */
type Placed = NonNullable<PolicyCheck["findings"]>[number] & { line: number; column: number };

export function addPolicyCheck(policy: Command): void {
  policy
    .command("check")
    .description(
      "Find every fault of a document, and what is doubtful about it, without publishing it. Exits 1 when there are errors.",
    )
    .argument("<file>", "a JSON document, or - for stdin")
    .option("--strict", "exit 1 for warnings too")
    .addHelpText("after", help)
    .action(async (file: string, { strict = false }: { strict?: boolean }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const { text, document } = readDocumentText(file);
      const answer = await client.policy.check(document);
      const findings = placed(text, answer);
      const errors = findings.filter(({ severity }) => severity === "error").length;
      if (errors > 0 || !answer.ok || (strict && findings.length > 0)) process.exitCode = exitCodes.error;
      if (terminal.json) return terminal.document({ ...answer, findings });
      print(terminal, file, answer, findings);
    });
}

/** The findings from the top of the file to its end, and with them what only the text shows. */
function placed(text: string, { findings, errors }: PolicyCheck): Placed[] {
  const places = jsonPlaces(text);
  const found = findings ?? errors.map((error) => ({ severity: "error" as const, ...error }));
  const twice = places.twice.map((pointer) => ({
    severity: "error" as const,
    pointer,
    detail: "stands here a second time, and only the last one counts",
  }));
  return [...found, ...twice]
    .map((finding) => {
      const within = "within" in finding ? finding.within : undefined;
      const { pointer } = finding;
      return { ...finding, ...(within === undefined ? places.at(pointer) : places.within(pointer, within)) };
    })
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
}

function print(terminal: Terminal, file: string, answer: PolicyCheck, findings: readonly Placed[]): void {
  tellWarning(terminal, answer);
  const { version } = answer;
  const { bold, green, red, yellow } = terminal.out;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const counts = [
    ...(errors > 0 ? [counted(errors, "error")] : []),
    ...(warnings > 0 ? [counted(warnings, "warning")] : []),
  ].join(" and ");
  if (errors > 0) terminal.print(`${red("✗")} ${file} has ${counts}`);
  else {
    const named = version === null ? "" : ` (${version})`;
    terminal.print(
      `${green("✓")} ${file} is a valid policy${named}${warnings > 0 ? `, with ${counts}` : ""}`,
    );
  }
  for (const { severity, pointer, detail, line, column } of findings) {
    const word = severity === "error" ? red("error") : yellow("warning");
    const where = `${file === "-" ? "stdin" : file}:${line}:${column}`;
    terminal.print(`  ${where} ${word} ${bold(visible(pointer === "" ? "/" : pointer))}: ${visible(detail)}`);
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
