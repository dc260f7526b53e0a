#!/usr/bin/env node
// `npm run selfhost`: installs what is missing, builds the page when it is not up to date, then serves under plain workerd.
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./ensure.mjs";
import { runPinned } from "./launch.mjs";

try {
  await ensureInstalled();
  await ensureBuilt();
  runPinned(join(root, "scripts", "selfhost.ts"), { supervise: true });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
