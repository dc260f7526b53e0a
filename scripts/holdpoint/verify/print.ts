import { styleText } from "node:util";
import { visible } from "../../../core/card/visible.ts";
import { checks, type Check } from "../../../core/evidence/verify-finding.ts";
import { verdictOf, type Finding } from "../../../core/evidence/verify.ts";

/** Findings as a person reads them: what is proven, what is not and why, and what is wrong. */

const names: Readonly<Record<Check, string>> = {
  shape: "form",
  canonical: "one text",
  chain: "chain",
  commitments: "values",
  contract: "contract",
  policy: "policy",
  digest: "digest",
  cards: "cards shown",
  transitions: "steps",
  quorum: "decision",
  separation: "separation",
  clocks: "clocks",
  execution: "execution",
  lines: "log",
  signatures: "signatures",
  keys: "keys",
  kept: "checkpoint",
  gaps: "numbers",
  outside: "no record can show",
};

type Style = "green" | "yellow" | "red" | "bold";
type Paint = (style: Style, text: string) => string;

/** More places of one finding than this are counted only. */
const shownPlaces = 3;

export function formatFindings(findings: readonly Finding[], color: boolean): string {
  const paint: Paint = (style, text) => (color ? styleText(style, text, { validateStream: false }) : text);
  const part = (title: string, status: Finding["status"], mark: string): string[] => {
    const own = grouped(
      findings.filter((finding) => finding.status === status && finding.check !== "outside"),
    );
    return own.length === 0 ? [] : [paint("bold", title), ...own.map((group) => line(group, mark)), ""];
  };
  const outside = findings.filter(({ check }) => check === "outside");
  return [
    ...part("Proven", "proven", paint("green", "✓")),
    ...part("Not proven", "not_proven", paint("yellow", "?")),
    ...(outside.length === 0
      ? []
      : [paint("bold", "What no record can show"), ...outside.map(({ says }) => `  - ${visible(says)}`), ""]),
    ...part("Failed", "failed", paint("red", "✗")),
    verdictLine(findings, paint),
  ].join("\n");
}

type Group = {
  readonly check: Check;
  readonly says: string;
  readonly places: string[];
  readonly status: Finding["status"];
};

/** The same of several bundles is said once. Of what is proven of many, only how many they are is of interest. */
function grouped(findings: readonly Finding[]): Group[] {
  const groups = new Map<string, Group>();
  const perCheck = new Map<Check, Set<string>>();
  for (const { check, says } of findings) perCheck.set(check, (perCheck.get(check) ?? new Set()).add(says));
  for (const { check, says, where, status } of findings) {
    const many = status === "proven" && (perCheck.get(check)?.size ?? 0) > shownPlaces;
    const key = many ? check : `${check} ${says}`;
    const group = groups.get(key) ?? { check, says: many ? "It holds." : says, places: [], status };
    group.places.push(where);
    groups.set(key, group);
  }
  return [...groups.values()].toSorted((a, b) => checks.indexOf(a.check) - checks.indexOf(b.check));
}

function line({ check, says, places }: Group, mark: string): string {
  const named = places.filter((place) => place !== "");
  const more = named.length - shownPlaces;
  const shown = named.slice(0, shownPlaces).map(visible).join("; ");
  const where = named.length === 0 ? "" : ` (${shown}${more > 0 ? `; and ${more} more` : ""})`;
  return `  ${mark} ${names[check]}: ${visible(says)}${where}`;
}

function verdictLine(findings: readonly Finding[], paint: Paint): string {
  const count = (status: Finding["status"]): number =>
    findings.filter((one) => one.status === status && one.check !== "outside").length;
  const open = findings.filter((one) => one.open === true).length;
  if (count("failed") > 0) {
    return paint(
      "red",
      "✗ Do not rely on this: it is not what was written when it happened, or not what follows from it.",
    );
  }
  if (verdictOf(findings) === "failed") {
    return paint(
      "red",
      `✗ Do not rely on this yet: ${open === 1 ? "what you asked for" : `${open} things that you asked for`} could not be shown. What to do stands above.`,
    );
  }
  return count("not_proven") === 0
    ? paint("green", "✓ All that can be checked holds.")
    : paint("green", "✓ All that could be checked holds. What is not proven, and why, stands above.");
}
