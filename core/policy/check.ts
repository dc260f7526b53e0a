import type { Directory } from "../../schemas/directory.ts";
import type { SlackLink } from "../../schemas/link.ts";
import { parseFields, pointerOf } from "../../schemas/parse.ts";
import { Policy } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import type { PolicyFinding } from "../../schemas/operate.ts";
import type { Endpoint } from "../../schemas/webhook.ts";
import { engineArgs, isKnownEngineType, withEngineParts } from "../engine-actions.ts";
import { retentionRemarks } from "../retention/classes.ts";
import { conditionFindings } from "./condition-findings.ts";
import { wordsOf } from "./condition-source.ts";
import { freezeRemarks } from "./freeze-remarks.ts";
import { loosened } from "./loosened.ts";
import { ruleFaults } from "./rule-check.ts";
import { staffingRemarks } from "./staffing-remarks.ts";
import { tellingRemarks } from "./telling-remarks.ts";
import { validatePolicy } from "./validate.ts";

/** What a document is held against. Null: there is none, and what depends on it is not looked at. */
export type Surroundings = {
  readonly directory: Directory | null;
  readonly inForce: Policy | null;
  readonly endpoints: readonly Pick<Endpoint, "id" | "active">[] | null;
  readonly links: readonly SlackLink[] | null;
  /** Epoch ms. */
  readonly now: number;
};

export type Checked = { readonly policy: Policy | null; readonly findings: readonly PolicyFinding[] };

/**
 * Everything there is to say of a document before it is published: what keeps it from being published as errors, and as warnings
 * what is likely not meant. Warnings are looked for only where nothing is wrong. `policy` is the document with its defaults,
 * null where it has an error.
 */
export function checkPolicy(document: unknown, surroundings: Surroundings): Checked {
  const { directory, inForce, now } = surroundings;
  const valid = validatePolicy(document, directory);
  if (!valid.ok) {
    const errors = [...valid.error, ...seatsShort(document, valid.error, directory)];
    return {
      policy: null,
      findings: errors.map(({ pointer, detail }) => positioned({ severity: "error", pointer, detail })),
    };
  }
  const policy = valid.value;
  const warnings = [
    ...policy.contracts.flatMap((contract, index) => {
      const at = pointerOf(["contracts", index]);
      const remarks = [
        ...(directory === null ? [] : staffingRemarks(contract, policy, directory)),
        ...tellingRemarks(contract, surroundings),
        ...retentionRemarks(contract),
      ];
      return remarks.map(({ pointer, detail }) => ({ pointer: `${at}${pointer}`, detail }));
    }),
    ...freezeRemarks(policy, now),
    ...(inForce === null ? [] : loosened(inForce, policy)),
  ];
  return {
    policy,
    findings: [
      ...policy.contracts.flatMap((contract, index) => conditionWarnings(contract, index)),
      ...warnings.map(({ pointer, detail }): PolicyFinding => ({ severity: "warning", pointer, detail })),
    ],
  };
}

/** Where a rule cannot be satisfied: seat by seat who is missing, for each agent that may ask. */
function seatsShort(
  document: unknown,
  faults: readonly ProblemField[],
  directory: Directory | null,
): ProblemField[] {
  const at = /^\/contracts\/\d+(?=\/rule$)/u;
  const short = new Set(faults.flatMap(({ pointer }) => at.exec(pointer)?.[0] ?? []));
  const parsed =
    short.size === 0 || directory === null ? null : parseFields(Policy, withEngineParts(document));
  if (directory === null || parsed?.ok !== true) return [];
  return parsed.value.contracts.flatMap((contract, index) => {
    const pointer = pointerOf(["contracts", index]);
    if (!short.has(pointer) || ruleFaults(contract.rule).length > 0) return [];
    return staffingRemarks(contract, parsed.value, directory).map((remark) => ({
      pointer: `${pointer}${remark.pointer}`,
      detail: remark.detail,
    }));
  });
}

function conditionWarnings(contract: Policy["contracts"][number], index: number): PolicyFinding[] {
  const { type } = contract;
  // The arguments of the engine's own types are written nowhere in the document.
  const whole = isKnownEngineType(type) ? { ...contract, args: engineArgs(type) } : contract;
  return conditionFindings(whole).map(({ severity, pointer, line, column, detail }) => ({
    severity,
    pointer: `${pointerOf(["contracts", index])}${pointer}`,
    detail,
    within: { line, column },
  }));
}

/** A fault of a condition says its place in words; here it is a place. */
function positioned(finding: PolicyFinding): PolicyFinding {
  const match = /^line (\d+), column (\d+): /u.exec(finding.detail);
  if (match === null) return finding;
  const within = { line: Number(match[1]), column: Number(match[2]) };
  const detail = finding.detail.slice(match[0].length);
  // Only what reads back as it was written was one.
  return wordsOf({ ...within, detail }) === finding.detail ? { ...finding, detail, within } : finding;
}
