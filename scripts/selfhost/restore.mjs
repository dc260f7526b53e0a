#!/usr/bin/env node
// `npm run selfhost:restore`: installs what is missing, then runs restore.ts under the pinned Node.
import { join } from "node:path";
import { ensureInstalled, root } from "../ensure.mjs";
import { runPinned } from "../launch.mjs";

try {
  await ensureInstalled();
  runPinned(join(root, "scripts", "selfhost", "restore.ts"));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
