import type { Command } from "commander";
import { collect } from "../options.ts";
import type { GlobalOptions } from "../session.ts";
import { runVerify, verifyHelp, wantsColor } from "../verify/verify.ts";

export function addVerify(program: Command): void {
  // The option that elsewhere is an API key; here it may be given more than once.
  const keys: string[] = [];
  program.on("option:key", (key: string) => void keys.push(key));
  program
    .command("verify")
    .description(
      "Check evidence offline: that it is what was written when it happened, and what was decided follows from it.",
    )
    .argument("<bundle>", "a bundle, or an exported folder")
    .option("--checkpoint <file>", "a checkpoint that you have kept; may be given more than once", collect)
    .addHelpText("after", verifyHelp)
    .action((path: string, { checkpoint = [] }: { checkpoint?: string[] }, command: Command) => {
      const { json = false, color = true }: GlobalOptions = command.optsWithGlobals();
      const version = program.version() ?? "";
      const said = runVerify({
        path,
        checkpoints: checkpoint,
        keys,
        json,
        color: wantsColor(color),
        version,
      });
      process.stderr.write(said.stderr);
      process.stdout.write(said.stdout);
      process.exitCode = said.exitCode;
    });
}
