import type { Sha256 } from "./merkle.ts";
import type { Ed25519Verify } from "./note.ts";
import type { Sha512 } from "./sshsig.ts";

/** What a verifier looks at, in the order of a reader's interest. */
export const checks = [
  "shape",
  "canonical",
  "chain",
  "commitments",
  "contract",
  "policy",
  "digest",
  "cards",
  "transitions",
  "quorum",
  "separation",
  "clocks",
  "execution",
  "lines",
  "signatures",
  "keys",
  "kept",
  "gaps",
  "outside",
] as const;
export type Check = (typeof checks)[number];

/**
 * One thing that was found. `not_proven`: nothing speaks against it, and nothing shows it; `says` explains why that is so.
 * `open`: it was asked for and could not be looked at, so the whole is not to be relied on before somebody acts on `says`.
 */
export type Finding = {
  readonly check: Check;
  readonly status: "proven" | "not_proven" | "failed";
  /** Plain words, a whole sentence. */
  readonly says: string;
  /** The part that it is about, such as `entry 3`; the file or the action in an export. */
  readonly where: string;
  readonly open?: true;
};

/** Cryptography; passed in, because `core/` has none of its own. */
export type Tools = { readonly sha256: Sha256; readonly sha512: Sha512; readonly verify: Ed25519Verify };

/** `failed` where anything is wrong, or was asked for and could not be looked at. */
export function verdictOf(findings: readonly Finding[]): "proven" | "failed" {
  return findings.some(({ status, open }) => status === "failed" || open === true) ? "failed" : "proven";
}

/** Gathers findings about one thing. */
export class Report {
  readonly findings: Finding[] = [];
  readonly #about: string;

  /** @param about the action or file that all findings are of; empty where there is but one. */
  constructor(about = "") {
    this.#about = about;
  }

  proven(check: Check, says: string, where = ""): void {
    this.#add({ check, status: "proven", says, where });
  }

  notProven(check: Check, says: string, where = ""): void {
    this.#add({ check, status: "not_proven", says, where });
  }

  /** It was asked for, and could not be looked at. */
  open(check: Check, says: string, where = ""): void {
    this.#add({ check, status: "not_proven", says, where, open: true });
  }

  failed(check: Check, says: string, where = ""): void {
    this.#add({ check, status: "failed", says, where });
  }

  hasFailed(check: Check): boolean {
    return this.findings.some((one) => one.check === check && one.status === "failed");
  }

  /** Says that a check holds, where nothing was found against it. */
  conclude(check: Check, says: string): void {
    const spoken = this.findings.some((one) => one.check === check && (one.status === "failed" || one.open));
    if (!spoken) this.proven(check, says);
  }

  #add(finding: Finding): void {
    const where = [this.#about, finding.where].filter((part) => part !== "").join(", ");
    this.findings.push({ ...finding, where });
  }
}
