import { type Command, CommanderError } from "commander";
import { describe, test } from "vitest";
import { createProgram } from "../../scripts/holdpoint/program.ts";

/** A program that keeps what it would have written. */
function quietProgram(): { program: Command; written: () => string } {
  let text = "";
  const program = createProgram("1.2.3");
  const quiet = (command: Command): void => {
    command.configureOutput({ writeOut: (more) => (text += more), writeErr: (more) => (text += more) });
    for (const child of command.commands) quiet(child);
  };
  quiet(program);
  return { program, written: () => text };
}

async function parse(args: readonly string[]): Promise<{ error: unknown; text: string }> {
  const { program, written } = quietProgram();
  const error: unknown = await program.parseAsync(args, { from: "user" }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, text: written() };
}

const names = createProgram("").commands.map((command) => command.name());

describe("help", () => {
  test("of the whole says what there is, as whom, and what the exit codes mean", async ({ expect }) => {
    const { text } = await parse(["--help"]);
    for (const name of names) expect(text).toContain(`  ${name}`);
    for (const words of [
      "Exit codes:",
      "HOLDPOINT_KEY",
      ".holdpoint/dev.json",
      "agent:demo",
      "--as person:bob",
    ]) {
      expect(text).toContain(words);
    }
  });

  test.for(names)("of %s teaches by example", async (name, { expect }) => {
    const { error, text } = await parse([name, "--help"]);
    expect(error).toBeInstanceOf(CommanderError);
    expect(text).toContain(`  $ npx holdpoint ${name}`);
  });

  test("every command that was promised is there", ({ expect }) => {
    const promised = [
      "run",
      "request",
      "wait",
      "approve",
      "deny",
      "queue",
      "show",
      "cancel",
      "rollback",
      "policy",
      "metrics",
      "key",
      "doctor",
    ];
    expect(names).toEqual(expect.arrayContaining(promised));
  });
});

describe("a command line that is not understood", () => {
  const asking = ["run", "--type", "host.shell", "--target", "prod-db-1", "--reason", "x"];
  test.for([
    [["run", "--type", "x"], "--target"],
    [[...asking, "--timeout", "soon", "--", "true"], "--timeout"],
    [asking, "missing required argument"],
    [["deny", "act_x"], "--reason"],
    [["queue", "--state", "lost"], "rolled_back"],
    [["wait", "act_x", "--until", "later"], "rolled_back"],
    [["key", "create"], "--principal"],
    [["policy", "frob"], "unknown command"],
    [["show"], "missing required argument"],
    [["--frob"], "unknown option"],
  ] as const)("is refused with what is wrong: %j", async ([args, words], { expect }) => {
    const { error, text } = await parse(args);
    expect(error).toBeInstanceOf(CommanderError);
    expect(error).not.toHaveProperty("exitCode", 0);
    expect(text).toContain(words);
  });
});
