import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Tools that nobody here wrote and that not every machine has, and how to see that they are there. */
const probes = {
  "ssh-keygen": () => spawnSync("ssh-keygen", ["-?"]).error === undefined,
  openssl: () =>
    (spawnSync("openssl", ["version"], { encoding: "utf8" }).stdout ?? "").startsWith("OpenSSL 3"),
  go: () =>
    spawnSync("go", ["version"]).error === undefined &&
    existsSync("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog"),
} as const;
/** `sigstore` needs Node only, which runs this. */
export const auditTools = ["ssh-keygen", "openssl", "go", "sigstore"] as const;
export type AuditTool = (typeof auditTools)[number] | "note" | "keys";

/**
 * Which of the tools are not on this machine: tests that need one are then skipped, and say so. Where
 * HOLDPOINT_REQUIRE_AUDIT_TOOLS is 1, one that is missing is a failure.
 */
export function missingTools(wanted: readonly AuditTool[]): AuditTool[] {
  const missing = wanted.filter((tool) => tool in probes && !probes[tool as keyof typeof probes]());
  if (missing.length === 0) return missing;
  const words = `not installed, so not tested against: ${missing.join(", ")}`;
  if (process.env["HOLDPOINT_REQUIRE_AUDIT_TOOLS"] === "1") throw new Error(words);
  console.warn(words);
  return missing;
}
