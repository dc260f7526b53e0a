#!/usr/bin/env node
// `npx holdpoint`: runs the command line under the pinned Node, whatever Node the machine has.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, pinnedNode, root } from "./ensure.mjs";
import { runPinned } from "./launch.mjs";

try {
  // Only when nothing is there: a command line that people wait for does not compare lock files.
  if (!existsSync(pinnedNode)) await ensureInstalled();
  runPinned(join(root, "scripts", "holdpoint", "main.ts"));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
