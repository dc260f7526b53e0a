import type { Directory } from "../../schemas/directory.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { canonicalJson } from "../canonical.ts";
import { clockFaults } from "../clocks.ts";
import { engineActions, engineArgs, engineRoles, isKnownEngineType } from "../engine-actions.ts";
import { operatorsGroup, operatorsOf } from "../operators.ts";
import { retentionFaults } from "../retention/classes.ts";
import { conditionFaults } from "./condition-findings.ts";
import { ruleFaults, staffingFaults } from "./rule-check.ts";

const risks: readonly Contract["risk"][] = ["low", "medium", "high", "critical"];

/**
 * What is wrong with a contract of one of the engine's own types, by pointer from the contract. It must leave a way open: with one
 * that can never be met nobody could publish a mended policy again.
 */
export function engineContractFaults(contract: Contract, directory: Directory | null): ProblemField[] {
  const { type } = contract;
  if (!isKnownEngineType(type)) {
    const known = Object.keys(engineActions).join(", ");
    return [
      {
        pointer: "/type",
        detail: `is "${type}", and what begins with holdpoint. is the engine's own: ${known}`,
      },
    ];
  }
  const rule = ruleFaults(contract.rule);
  return [
    ...fixedFaults(contract, engineActions[type].risk),
    ...rule,
    ...clockFaults(contract),
    ...retentionFaults(contract),
    ...conditionFaults({ ...contract, args: engineArgs(type) }),
    ...(directory === null || rule.length > 0 ? [] : staffed(contract, directory)),
  ];
}

const fault = (wrong: boolean, pointer: string, detail: string): ProblemField[] =>
  wrong ? [{ pointer, detail }] : [];

function fixedFaults(contract: Contract, floor: Contract["risk"]): ProblemField[] {
  const { args, roles, mode, risk, onChange, rollback, tool, guardrail, decide } = contract;
  return [
    ...fault(Object.keys(args).length > 0, "/args", "are the engine's own for this type; leave them out"),
    ...fault(
      canonicalJson([...roles]) !== canonicalJson([...engineRoles]),
      "/roles",
      "no agent asks for this type; leave them out",
    ),
    ...fault(mode !== "enforce", "/mode", "must be enforce: nobody could change the policy back"),
    ...fault(risks.indexOf(risk) < risks.indexOf(floor), "/risk", `is at least ${floor} for this type`),
    ...fault(onChange !== "tighten", "/onChange", "must be tighten for what changes the policy itself"),
    ...fault(
      rollback !== null,
      "/rollback",
      "cannot be had for this type: change it back with another request",
    ),
    ...fault(tool !== undefined, "/tool", "is for agents, and none asks for this type"),
    ...fault(guardrail !== undefined, "/guardrail", "moves by what agents do, and none asks for this type"),
    ...decide.flatMap(({ when, then }, index) =>
      fault(
        when === undefined && then === "deny",
        `/decide/${index}/then`,
        "would refuse every change for good; give it a condition",
      ),
    ),
  ];
}

/** Enough people, also without the operator who asks; where an entry lets a lone one through, that is for that entry to say. */
function staffed(contract: Contract, directory: Directory): ProblemField[] {
  const faults = staffingFaults(contract, directory);
  const alone = contract.decide.some(({ then }) => then === "allow");
  if (faults.length > 0 || alone) return faults;
  const operators = operatorsOf(directory);
  const someoneCan = operators.some((operator) => {
    const { [operator]: _, ...people } = directory.people;
    return staffingFaults(contract, { ...directory, people }).length === 0;
  });
  if (operators.length === 0 || someoneCan) return faults;
  const detail = `can be satisfied only with the operator who asks, who may not decide; name another one, or let a lone one through with {"when": "args.otherOperators == 0", "then": "allow"}`;
  return [{ pointer: "/rule", detail: `${detail} (group:${operatorsGroup})` }];
}
