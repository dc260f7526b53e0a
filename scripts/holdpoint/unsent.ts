import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { ReportBody } from "../../schemas/action.ts";
import { CliError } from "./exit-code.ts";

/** A report that could not be delivered, with everything that is needed to deliver it later, by hand. */
export const UnsentReport = v.strictObject({
  url: v.string(),
  action: v.string(),
  idempotencyKey: v.string(),
  report: ReportBody,
});
export type UnsentReport = v.InferOutput<typeof UnsentReport>;

/**
 * Keeps a report beside dev.json, else in the working folder's `.holdpoint`, else where temporary files go: losing it would
 * leave the engine with "unknown" for ever. Answers the path. Only the owner may read it: it holds the lease.
 */
export function keepUnsent(unsent: UnsentReport, devPath: string | undefined): string {
  const folders = [devPath === undefined ? join(process.cwd(), ".holdpoint") : dirname(devPath), tmpdir()];
  for (const [index, folder] of folders.entries()) {
    const path = join(folder, `unsent-${unsent.action}-${unsent.report.fence}.json`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(path, `${JSON.stringify(unsent, null, 2)}\n`, { mode: 0o600 });
      return path;
    } catch (error) {
      if (index === folders.length - 1) throw error;
    }
  }
  throw new CliError("There is no folder to keep the report in.");
}

export function readUnsent(path: string): UnsentReport {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), UnsentReport), text);
  if (!parsed.success) throw new CliError(`${path} is not a report that \`holdpoint run\` kept.`);
  return parsed.output;
}

export function dropUnsent(path: string): void {
  rmSync(path, { force: true });
}
