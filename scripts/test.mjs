// `npm test`: installs what is missing, then runs every check there is, in order of what is quickest to fail.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { binFolder, ensureBuilt, ensureInstalled, root } from "./ensure.mjs";

const chromium = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

const waiting = JSON.parse(readFileSync(join(root, "tests", "waiting.json"), "utf8"));

const steps = [
  { name: "bindings", commands: [["wrangler", "types", "--include-runtime=false", "--check"]] },
  {
    name: "types",
    commands: [
      ["tsc", "--project", "tsconfig.worker.json"],
      ["tsc", "--project", "tsconfig.node.json"],
      ["tsc", "--project", "tsconfig.page.json"],
      ["tsc", "--project", "tsconfig.browser.json"],
    ],
  },
  { name: "lint", commands: [["oxlint", "--deny-warnings"]] },
  { name: "format", commands: [["oxfmt", "--check"]] },
  {
    name: "tests",
    get commands() {
      return [
        ["vitest", "run", "--project=unit", "--project=objects"],
        ["vitest", "run", "--project=e2e", ...browser()],
      ];
    },
    // What mostly waits for leases and retries to come due does so while others keep the processors busy.
    beside: ["vitest", "run", "--project=e2e", ...waiting],
    // Those with a step of their own (scripts/prove/parts.ts) are left to it.
    env: { HOLDPOINT_CAMPAIGNS: "apart", HOLDPOINT_WAITING: "apart" },
    besideEnv: { HOLDPOINT_WAITING: "", HOLDPOINT_LANES: "2" },
  },
  { name: "proof", commands: [["node", join("scripts", "prove.ts"), "--quick"]] },
];

const env = {
  ...process.env,
  // The pinned Node and tools come before whatever the machine has.
  PATH: `${binFolder}${delimiter}${process.env.PATH ?? ""}`,
  // Keeps wrangler from the network and from writing logs.
  ...JSON.parse(readFileSync(join(root, "scripts", "quiet.json"), "utf8")),
};

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  const chosen = choose(args);
  if (chosen === null) return 2;
  const started = performance.now();
  try {
    await ensureInstalled();
    await ensureBuilt();
    for (const step of chosen) {
      if (await run(step)) continue;
      console.error(`\nFAILED: ${step.name}. Alone: npm test -- --only ${step.name}`);
      return 1;
    }
  } catch (error) {
    console.error(`\nFAILED: ${error.message}`);
    return 1;
  }
  console.log(`Everything passed in ${secondsSince(started)} s.`);
  return 0;
}

/** The steps to run, or null after saying what is wrong with the arguments. */
function choose(args) {
  if (args.length === 0) return steps;
  const step =
    args.length === 2 && args[0] === "--only" ? steps.find(({ name }) => name === args[1]) : undefined;
  if (step !== undefined) return [step];
  console.error(`Usage: npm test [-- --only ${steps.map(({ name }) => name).join("|")}]`);
  return null;
}

/** Runs a step's commands until one fails, and what goes on beside them. @returns whether all of them passed. */
async function run({ name, commands, beside, env: own = {}, besideEnv = {} }) {
  const started = performance.now();
  const other = beside === undefined ? null : spawned(beside, { ...own, ...besideEnv }, "pipe");
  // What it says comes in one piece, when it has ended.
  let said = "";
  const saying = (text) => void (said += text);
  other?.child.stdout.on("data", saying);
  other?.child.stderr.on("data", saying);
  let passed = true;
  for (const command of commands) {
    console.log(`── ${name}: ${command.join(" ")}`);
    passed = (await spawned(command, own, "inherit").ended) === 0;
    if (!passed) break;
  }
  if (!passed) other?.child.kill();
  const otherPassed = other === null || (await other.ended) === 0;
  if (passed && other !== null) console.log(`── ${name}, beside these: ${beside.join(" ")}\n${said}`);
  if (!passed || !otherPassed) return false;
  console.log(`ok ${name} (${secondsSince(started)} s)\n`);
  return true;
}

/** A command of ours. `ended` is the code it ends with. */
function spawned([command, ...args], own, output) {
  const child = spawn(join(binFolder, command), args, {
    cwd: root,
    env: { ...env, ...own },
    stdio: ["ignore", output, output],
  });
  const ended = new Promise((resolve) => {
    child.on("error", (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
  return { child, ended };
}

/** The tests in a browser, where this machine can run them. Throws where CI=true: there it has to. */
function browser() {
  if (existsSync(chromium)) return ["--project=browser"];
  const missing = `There is no Chromium at ${chromium}; install it or set CHROMIUM_PATH.`;
  if (process.env.CI === "true") throw new Error(`The browser tests cannot run. ${missing}`);
  console.log(`SKIPPED: the browser tests. ${missing}`);
  return [];
}

function secondsSince(started) {
  return ((performance.now() - started) / 1000).toFixed(1);
}
