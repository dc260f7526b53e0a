import type { Contract, Policy } from "../../schemas/policy.ts";
import { digestOf } from "../digest.ts";
import type { Sha256Hex } from "../digest.ts";
import { plainObject } from "../plain-json.ts";

/** The name of a policy version: the digest of the document with its defaults filled in, so that two ways to write one policy are one version. */
export function policyVersion(policy: Policy, sha256Hex: Sha256Hex): string {
  return digestOf(plainObject(policy), sha256Hex);
}

/** The digest of one contract: what `contractVersion` in an action's digest is. It changes only when this contract does. */
export function contractVersion(contract: Contract, sha256Hex: Sha256Hex): string {
  return digestOf(plainObject(contract), sha256Hex);
}
