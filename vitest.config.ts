import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { configDefaults, defineConfig } from "vitest/config";
import { seedVariable } from "./scripts/prove/part.ts";
import { parts, quickFiles } from "./scripts/prove/parts.ts";
import { Interleaved } from "./tests/support/sequencer.ts";

/**
 * Real engines. Four files at a time: most of their time is waiting for a lease or a retry to come due. More would starve each
 * other of their deadlines on a small machine.
 */
const realServer = { maxWorkers: 4, testTimeout: 60_000, hookTimeout: 60_000 } as const;

/** The page is part of the Worker: whatever starts one needs it built. */
const globalSetup = "./tests/support/build.mjs";

/** `npm test` runs its campaigns by a step of their own. */
const isApart = process.env["HOLDPOINT_CAMPAIGNS"] === "apart";
const exclude = [...configDefaults.exclude, ...(isApart ? quickFiles : [])];

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
          testTimeout: 60_000,
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
          testTimeout: 30_000,
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
