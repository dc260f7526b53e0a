#!/usr/bin/env node
// `npm start`: installs what is missing, builds the page when it is not up to date, then runs the engine under the pinned Node.
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./ensure.mjs";
import { runPinned } from "./launch.mjs";

try {
  await ensureInstalled();
  await ensureBuilt();
  runPinned(join(root, "scripts", "start.ts"), { supervise: true });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
