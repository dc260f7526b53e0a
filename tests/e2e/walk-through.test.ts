import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { PolicyInput } from "../../schemas/policy.ts";
import { CommandLine, launcher } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { missingLine, stepsOf } from "../support/walk-through.ts";

/** The operator's walk-through, followed to the letter by a shell in an empty folder. */

const page = new URL("../../README.md", import.meta.url);
let engine: TestEngine;
let cli: CommandLine;

beforeAll(async () => {
  engine = await startEngine();
  cli = new CommandLine(engine);
  // `npx holdpoint` is found as it is where the package is installed.
  const bin = join(cli.folder, "bin");
  mkdirSync(bin);
  writeFileSync(
    join(bin, "npx"),
    `#!/bin/sh\n[ "$1" = holdpoint ] && shift && exec "${process.execPath}" "${launcher}" "$@"\n`,
  );
  chmodSync(join(bin, "npx"), 0o755);
});

afterAll(async () => {
  cli?.close();
  await engine?.stop();
});

type Ended = { code: number | null; printed: string };

function shell(command: string): Promise<Ended> {
  const { HOLDPOINT_URL: _url, HOLDPOINT_KEY: _key, ...env } = process.env;
  const path = `${join(cli.folder, "bin")}:${process.env["PATH"] ?? ""}`;
  const child = spawn("sh", ["-c", command], { cwd: cli.folder, env: { ...env, PATH: path } });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, printed })));
}

/** What these read comes from an index that is a moment behind. */
const isBehind = (command: string): boolean => /policy (?:rates|replay)/u.test(command);

function intoContract(type: string, text: string): void {
  const file = join(cli.folder, "policy.json");
  const policy = JSON.parse(readFileSync(file, "utf8")) as PolicyInput;
  const contracts = policy.contracts.map((one) =>
    one.type === type ? { ...one, ...JSON.parse(text) } : one,
  );
  writeFileSync(file, JSON.stringify({ ...policy, contracts }, null, 2));
}

describe("the walk-through in README", () => {
  test("does what it says, command by command", async ({ expect }) => {
    let last = "";
    let commands = 0;
    for (const step of stepsOf(page)) {
      if (step.kind === "file") writeFileSync(join(cli.folder, step.name), step.text);
      else if (step.kind === "contract") intoContract(step.type, step.text);
      else {
        commands += 1;
        const { command, shown } = step;
        // An id is the one of the last action that was asked for.
        const typed = command.replaceAll("act_…", last);
        const result = async (): Promise<string | null> => {
          const { code, printed } = await shell(typed);
          last = /act_[A-Za-z0-9_-]{22}/u.exec(printed)?.[0] ?? last;
          if (code !== 0) return `${command} ended with ${code}:\n${printed}`;
          const missing = missingLine(shown, printed);
          return missing === null ? null : `${command} did not print\n${missing}\nbut\n${printed}`;
        };
        if (isBehind(command)) await expect.poll(result, { timeout: 20_000, interval: 500 }).toBeNull();
        else expect(await result()).toBeNull();
      }
    }
    expect(commands).toBeGreaterThan(10);
  });

  test("is compared line by line: a line that is not printed is noticed, and so is one out of order", ({
    expect,
  }) => {
    const printed = "one  1\nact_abc  two\nthree\n";
    expect(missingLine(["one     1", "act_…  two", "…", "three"], printed)).toBeNull();
    expect(missingLine(["one  2"], printed)).toBe("one  2");
    expect(missingLine(["three", "one  1"], printed)).toBe("one  1");
  });
});
