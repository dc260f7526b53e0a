import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { configDefaults, defineConfig } from "vitest/config";
import { seedVariable } from "./scripts/prove/part.ts";
import { parts, quickFiles } from "./scripts/prove/parts.ts";
import { Interleaved } from "./tests/support/sequencer.ts";
import waiting from "./tests/waiting.json" with { type: "json" };

/** How long a test may take before it counts as stuck: many times what any takes, as a busy machine is no fault of the product's. */
const patienceMs = 300_000;

/**
 * Real engines. Four files at a time, or as many as `npm test` says for what it runs side by side: most of their time is waiting for
 * a lease or a retry to come due. More would starve each other of their deadlines on a small machine.
 */
const lanes = Number(process.env["HOLDPOINT_LANES"] ?? 4);
const realServer = { maxWorkers: lanes, testTimeout: patienceMs, hookTimeout: patienceMs } as const;

/** The page is part of the Worker: whatever starts one needs it built. */
const globalSetup = "./tests/support/build.mjs";

/** `npm test` runs its campaigns by a step of their own. */
const isApart = process.env["HOLDPOINT_CAMPAIGNS"] === "apart";
/** And what mostly waits beside the rest. */
const waitsApart = process.env["HOLDPOINT_WAITING"] === "apart";
const exclude = [...configDefaults.exclude, ...(isApart ? quickFiles : []), ...(waitsApart ? waiting : [])];

/** What says how many trials a campaign makes and from which seed: workerd sees nothing of the environment by itself. */
const campaignVariables = [
  seedVariable,
  "HOLDPOINT_LEDGERS",
  "HOLDPOINT_CLOCKED_LIVES",
  ...parts.flatMap(({ size }) => (size === null ? [] : [size])),
];
const env = Object.fromEntries(
  campaignVariables.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

export default defineConfig({
  test: {
    passWithNoTests: true,
    sequence: { sequencer: Interleaved },
    projects: [
      {
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts", "tests/model/**/*.test.ts"],
          exclude,
          // The model explores every reachable state; it is the one that takes long. By itself vitest leaves one processor idle.
          testTimeout: patienceMs,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: { HOLDPOINT_SETUP_TOKEN: "a-setup-token-for-tests-only", HOLDPOINT_LOCAL: "true" },
              r2Buckets: ["EVIDENCE"],
            },
          }),
        ],
        test: {
          name: "objects",
          globalSetup,
          include: ["tests/objects/**/*.test.ts"],
          exclude,
          env,
          testTimeout: patienceMs,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e",
          globalSetup,
          include: ["tests/e2e/**/*.test.ts"],
          exclude,
          ...realServer,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "browser",
          globalSetup,
          include: ["tests/browser/**/*.test.ts"],
          ...realServer,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
