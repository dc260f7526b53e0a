// The `holdpoint` command line: `npx holdpoint --help`.
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { createProgram } from "./program.ts";
import { errorDocument, formatError } from "./render/problem.ts";
import { openTerminal } from "./session.ts";

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);
const program = createProgram(version);
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and --version are thrown too, with exit code 0; everything else is a command line that was not understood.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  } else {
    const terminal = openTerminal(program);
    terminal.note(formatError(error, terminal.err));
    if (terminal.json) terminal.document(errorDocument(error));
    process.exitCode = exitCodeOf(error);
  }
}
// Whatever is still open (an idle connection, a socket that is closing) must not hold the command; what was written must get out.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
