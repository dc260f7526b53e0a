import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Folder } from "../../core/evidence/verify-folder.ts";

/** Writes an export as `holdpoint evidence export` leaves it, as far as a verifier looks at it. */
export function writeExport(path: string, { bundles, lines, checkpoint, question }: Folder): void {
  mkdirSync(join(path, "bundles"), { recursive: true });
  for (const { name, value } of bundles) writeFileSync(join(path, "bundles", name), JSON.stringify(value));
  const numbered = [...lines].map((text, index) => `${JSON.stringify({ index, text })}\n`);
  writeFileSync(join(path, "ledger.jsonl"), numbered.join(""));
  writeFileSync(join(path, "checkpoint"), checkpoint);
  writeFileSync(join(path, "summary.json"), JSON.stringify({ format: "holdpoint-export/1", question }));
}
