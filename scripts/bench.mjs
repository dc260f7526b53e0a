#!/usr/bin/env node
// `npm run bench`: installs what is missing, then measures under the pinned Node.
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./ensure.mjs";
import { runPinned } from "./launch.mjs";

try {
  await ensureInstalled();
  await ensureBuilt();
  runPinned(join(root, "scripts", "bench.ts"), { supervise: true });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
