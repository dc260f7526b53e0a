#!/usr/bin/env node
// `npm run prove`: installs what is missing, then proves under the pinned Node.
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./ensure.mjs";
import { runPinned } from "./launch.mjs";

try {
  await ensureInstalled();
  await ensureBuilt();
  runPinned(join(root, "scripts", "prove.ts"), { supervise: true });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
