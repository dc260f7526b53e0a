#!/usr/bin/env node
// `npm run selfhost:backup`: installs what is missing, then runs backup.ts under the pinned Node.
import { join } from "node:path";
import { ensureInstalled, root } from "../ensure.mjs";
import { runPinned } from "../launch.mjs";

try {
  await ensureInstalled();
  runPinned(join(root, "scripts", "selfhost", "backup.ts"));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
