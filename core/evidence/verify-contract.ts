import type { Asked } from "../../schemas/asked.ts";
import { parseFields } from "../../schemas/parse.ts";
import { Contract, Policy } from "../../schemas/policy.ts";
import { canonicalJson } from "../canonical.ts";
import { digestOf, type Sha256Hex } from "../digest.ts";
import { builtInContract, isKnownEngineType } from "../engine-actions.ts";
import { contractAt } from "../guardrail/apply.ts";
import { plainObject } from "../plain-json.ts";
import { contractVersion } from "../policy/version.ts";
import type { Report, Tools } from "./verify-finding.ts";
import { clip, faultOf, hexOf, type ReadBundle } from "./verify-read.ts";

/** The contract that the request was judged by; null where it is not here, or is not the one. */
export function checkContract({ bundle, asked }: ReadBundle, tools: Tools, report: Report): Contract | null {
  if (asked === null) {
    if (bundle.contract !== null || bundle.policy !== null) {
      report.failed("contract", "It brings a contract or a policy, and no request that was judged by it.");
    }
    return null;
  }
  if (bundle.contract === null) {
    report.failed("contract", "The contract that the request was judged by is missing.");
    return null;
  }
  const hex = hexOf(tools);
  if (digestOf(bundle.contract, hex) !== asked.contractVersion) {
    report.failed(
      "contract",
      "This is not the contract that the request was judged by: its digest is another.",
    );
  }
  const parsed = parseFields(Contract, bundle.contract);
  if (!parsed.ok) {
    report.failed("contract", `The contract cannot be read: ${clip(faultOf(parsed.errors))}.`);
    return null;
  }
  const contract = parsed.value;
  const { type, class: group, risk } = contract;
  if (type !== asked.type || group !== asked.class || risk !== asked.risk) {
    report.failed("contract", "The request names another type, class or risk than its contract.");
  }
  report.conclude("contract", "The contract is the one that the request was judged by, to the letter.");
  return contract;
}

/** Whether the policy is the version named, and has this contract. */
export function checkPolicy(
  { bundle, asked }: ReadBundle,
  contract: Contract | null,
  tools: Tools,
  report: Report,
): void {
  if (asked === null) return;
  const { policy } = bundle;
  if (policy !== null && policy.version !== asked.policyVersion) {
    report.failed("policy", "It brings another version of the policy than the request names.");
    return;
  }
  if (policy === null || policy.document === null) {
    const says = `The policy ${clip(asked.policyVersion)} is not here: that it has this contract is the engine's word.`;
    report.notProven("policy", says);
    return;
  }
  const hex = hexOf(tools);
  if (digestOf(policy.document, hex) !== policy.version) {
    report.failed("policy", "The policy was changed: its digest is not its version.");
    return;
  }
  const parsed = parseFields(Policy, policy.document);
  if (!parsed.ok) {
    report.failed("policy", `The policy cannot be read: ${clip(faultOf(parsed.errors))}.`);
    return;
  }
  if (contract !== null && !hasContract(parsed.value, asked, contract, hex)) {
    report.failed(
      "policy",
      "The policy does not have this contract, at the level that its guardrail stood at.",
    );
  }
  report.conclude("policy", "The policy is the version that the request names, and has this contract.");
}

function hasContract(policy: Policy, asked: Asked, contract: Contract, hex: Sha256Hex): boolean {
  const { type, level = "rule", requester, contractVersion: version } = asked;
  const written =
    policy.contracts.find((one) => one.type === type) ??
    (isKnownEngineType(type) ? builtInContract(type) : null);
  if (written === null) return false;
  const inForce = contractAt(written, level);
  // What a service asks of the engine itself takes two people, whoever holds its key.
  const asCritical: Contract = { ...inForce, risk: "critical" };
  const candidates =
    isKnownEngineType(type) && requester.kind === "service" ? [inForce, asCritical] : [inForce];
  return candidates.some(
    (one) =>
      contractVersion(one, hex) === version ||
      canonicalJson(plainObject(one)) === canonicalJson(plainObject(contract)),
  );
}
