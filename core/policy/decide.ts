import type { Contract } from "../../schemas/policy.ts";
import type { Result } from "../result.ts";
import type { Subject } from "./subject.ts";

/**
 * Says whether a condition holds for a subject; the error says in words why that cannot be said. Never throws. Passed in, so that
 * the machine stays free of the library that reads conditions (`judgeCondition` makes the real one).
 */
export type Judge = (expression: string, subject: Subject) => Result<boolean, string>;

/** `entry` is the index of the entry of the contract's list that decided, null where none did. */
export type Decision = {
  readonly outcome: "allow" | "gate" | "deny";
  readonly because: string;
  readonly entry: number | null;
  /** Conditions that could not be evaluated, by entry; each counted as the stricter answer. */
  readonly errors: { entry: number; detail: string }[];
  /** Where the contract only watches: in which mode, and what it would have said if it were enforced. */
  readonly mode?: WatchingMode;
  readonly would?: Would;
};
export type Would = { readonly outcome: "allow" | "gate" | "deny"; readonly because: string };
/** Modes in which everything is let through, and what the contract says is only written down. */
export type WatchingMode = Exclude<Contract["mode"], "enforce" | "disabled">;

type Decided = Pick<Contract, "type" | "mode" | "decide">;

/**
 * What the policy itself says to a request of this contract: let it through, ask people, or refuse. The first entry whose condition
 * holds decides; one without a condition always holds. Where none does people are asked, and a disabled contract refuses whatever
 * its list says.
 *
 * A condition that cannot be evaluated counts as the stricter of what it would have answered: an entry that denies denies, and with
 * any other people are asked at least, whatever a later entry allows.
 *
 * A contract in `warn` or `shadow` lets everything through, and what its list says is in `would`.
 */
export function decide(contract: Decided, subject: Subject, judge: Judge): Decision {
  const { type, mode } = contract;
  const enforced = decideEnforced(contract, subject, judge);
  if (mode !== "warn" && mode !== "shadow") return enforced;
  const { outcome, because } = enforced;
  return {
    ...enforced,
    outcome: "allow",
    because: letThrough(type, mode, enforced),
    mode,
    would: { outcome, because },
  };
}

/** What is said to a request that a contract which only watches lets through. */
function letThrough(type: string, mode: WatchingMode, { outcome, because }: Would): string {
  if (mode === "shadow") return `${type} is in shadow mode, which asks nobody and refuses nothing`;
  if (outcome === "allow") return because;
  const enforced = outcome === "gate" ? "people would have to agree" : "it would be denied";
  return `${type} only warns; enforced, ${enforced}: ${because}`;
}

function decideEnforced(contract: Decided, subject: Subject, judge: Judge): Decision {
  const { type } = contract;
  const errors: { entry: number; detail: string }[] = [];
  if (contract.mode === "disabled") {
    return { outcome: "deny", because: `${type} is disabled`, entry: null, errors };
  }
  let capped: number | null = null;
  for (const [entry, { when, then, because }] of contract.decide.entries()) {
    const held = when === undefined ? { ok: true as const, value: true } : judge(when, subject);
    if (!held.ok) {
      errors.push({ entry, detail: held.error });
      if (then === "deny") return { outcome: then, because: unsure(type, entry), entry, errors };
      // Whether it holds or not, nothing is allowed any more; a later entry that denies still would be heard if it does not.
      capped ??= entry;
    } else if (held.value) {
      if (then !== "deny" && capped !== null) {
        return { outcome: "gate", because: unsure(type, capped), entry: capped, errors };
      }
      const said = because ?? (then === "gate" ? `rule ${type}` : `policy ${type}`);
      return { outcome: then, because: said, entry, errors };
    }
  }
  const because = capped === null ? `rule ${type}` : unsure(type, capped);
  return { outcome: "gate", because, entry: capped, errors };
}

const unsure = (type: string, entry: number): string =>
  `condition ${entry + 1} of ${type} could not be evaluated, which counts as the stricter answer`;
