// `npm test`: installs what is missing, then runs every check there is, in order of what is quickest to fail.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { binFolder, ensureBuilt, ensureInstalled, root } from "./ensure.mjs";

const chromium = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

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
      return [["vitest", "run", ...leftOut()]];
    },
    // Those with a step of their own (scripts/prove/parts.ts) are left to it.
    env: { HOLDPOINT_CAMPAIGNS: "apart" },
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

/** Runs a step's commands until one fails. @returns whether all of them passed. */
async function run({ name, commands, env: own = {} }) {
  const started = performance.now();
  for (const [command, ...args] of commands) {
    console.log(`── ${name}: ${[command, ...args].join(" ")}`);
    const code = await new Promise((resolve) => {
      const child = spawn(join(binFolder, command), args, {
        cwd: root,
        env: { ...env, ...own },
        stdio: ["ignore", "inherit", "inherit"],
      });
      child.on("error", (error) => {
        console.error(error.message);
        resolve(1);
      });
      child.on("exit", resolve);
    });
    if (code !== 0) return false;
  }
  console.log(`ok ${name} (${secondsSince(started)} s)\n`);
  return true;
}

/** Arguments for vitest that leave out what this machine cannot run. Throws where CI=true: there it has to run. */
function leftOut() {
  const folder = join(root, "tests", "browser");
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  const any = files.some((file) => file.endsWith(".test.ts"));
  if (!any || existsSync(chromium)) return [];
  const missing = `There is no Chromium at ${chromium}; install it or set CHROMIUM_PATH.`;
  if (process.env.CI === "true") throw new Error(`The browser tests cannot run. ${missing}`);
  console.log(`SKIPPED: the browser tests. ${missing}`);
  return ["--project=!browser"];
}

function secondsSince(started) {
  return ((performance.now() - started) / 1000).toFixed(1);
}
