import type { Contract } from "../../schemas/policy.ts";

export type Decision = { readonly outcome: "allow" | "gate" | "deny"; readonly because: string };

/**
 * What the policy itself says to a request of this contract: let it through, ask people, or refuse. A contract that says
 * nothing asks people; a disabled one refuses, whatever its decision list says.
 */
export function decide(contract: Pick<Contract, "type" | "mode" | "decide">): Decision {
  const { type } = contract;
  if (contract.mode === "disabled") return { outcome: "deny", because: `${type} is disabled` };
  const [entry] = contract.decide;
  if (entry === undefined) return { outcome: "gate", because: `rule ${type}` };
  return {
    outcome: entry.then,
    because: entry.because ?? (entry.then === "gate" ? `rule ${type}` : `policy ${type}`),
  };
}
