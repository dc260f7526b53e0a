import type { Directory } from "../../schemas/directory.ts";
import { limits } from "../../schemas/limits.ts";
import { parseFields, pointerOf } from "../../schemas/parse.ts";
import { Contract, Policy } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { clockFaults } from "../clocks.ts";
import { isEngineType, withEngineParts } from "../engine-actions.ts";
import { guardrailFaults } from "../guardrail/level.ts";
import { retentionFaults } from "../retention/classes.ts";
import { ok, refuse } from "../result.ts";
import type { Result } from "../result.ts";
import { argumentSchemaFaults } from "./argument-schema.ts";
import { isLoadable } from "./arguments.ts";
import { isTimeZone, noSuchZone } from "../local-time.ts";
import { conditionFaults } from "./condition-findings.ts";
import { engineContractFaults } from "./engine-contract.ts";
import { ruleFaults, staffingFaults } from "./rule-check.ts";

/**
 * Whether a document may be published: every fault of it at once, by JSON Pointer. With a directory it also has to be staffed:
 * groups and people that exist, and enough of them (`staffingFaults`); null leaves that out, for a check without a workspace.
 */
export function validatePolicy(
  document: unknown,
  directory: Directory | null,
): Result<Policy, ProblemField[]> {
  // Names that a record schema passes over without a word, and depth that would exhaust the stack, come before anything else.
  const unsafe = unsafeParts(document);
  if (unsafe.length > 0) return refuse(unsafe);

  const given = withEngineParts(document);
  const parsed = parseFields(Policy, given);
  const faults = parsed.ok ? [] : [...parsed.errors];
  const roles = roleNames(document);
  const types = new Map<string, number>();
  for (const [index, raw] of rawContracts(given).entries()) {
    // A contract that parses is checked in full even when another one does not, so that one round names everything.
    const contract = parseFields(Contract, raw);
    if (!contract.ok) continue;
    const pointer = pointerOf(["contracts", index]);
    const first = types.get(contract.value.type);
    if (first === undefined) {
      types.set(contract.value.type, index);
    } else {
      faults.push({
        pointer: `${pointer}/type`,
        detail: `is "${contract.value.type}", which is the type of /contracts/${first} already`,
      });
    }
    for (const fault of contractFaults(contract.value, roles, directory)) {
      faults.push({ pointer: `${pointer}${fault.pointer}`, detail: fault.detail });
    }
  }
  if (parsed.ok) faults.push(...freezeFaults(parsed.value));
  return parsed.ok && faults.length === 0 ? ok(parsed.value) : refuse(faults);
}

/** What the form of a freeze does not show: a place that does not exist, and one name for two. */
function freezeFaults({ freezes = [] }: Policy): ProblemField[] {
  const names = freezes.map(({ name }) => name);
  return freezes.flatMap(({ name, timeZone }, index) => {
    const first = names.indexOf(name);
    const twice = {
      pointer: `/freezes/${index}/name`,
      detail: `is "${name}", as /freezes/${first} is already`,
    };
    const nowhere = { pointer: `/freezes/${index}/timeZone`, detail: noSuchZone(timeZone) };
    return [...(first < index ? [twice] : []), ...(isTimeZone(timeZone) ? [] : [nowhere])];
  });
}

/** Pointers are from the contract. */
function contractFaults(
  contract: Contract,
  roles: readonly string[],
  directory: Directory | null,
): ProblemField[] {
  if (isEngineType(contract.type)) return engineContractFaults(contract, directory);
  const rule = ruleFaults(contract.rule);
  const schema = argumentSchemaFaults(contract.args, "/args");
  if (schema.length === 0 && !isLoadable(contract.args)) {
    schema.push({ pointer: "/args", detail: "is not a schema that arguments can be held against" });
  }
  const unknownRoles = contract.roles.flatMap((role, index) =>
    roles.includes(role)
      ? []
      : [{ pointer: `/roles/${index}`, detail: `is "${role}", a role class that this policy does not have` }],
  );
  // A rule past its limits is not searched.
  const staffing = directory === null || rule.length > 0 ? [] : staffingFaults(contract, directory);
  return [
    ...rule,
    ...riskFaults(contract),
    ...clockFaults(contract),
    ...retentionFaults(contract),
    ...levelFaults(contract),
    ...attemptFaults(contract),
    ...schema,
    ...conditionFaults(contract),
    ...unknownRoles,
    ...staffing,
  ];
}

/** What risk `critical` does not allow a contract to relax (semantics §5, peer failure P27). */
function riskFaults({ risk, mode, onChange, separationOfDuties }: Contract): ProblemField[] {
  if (risk !== "critical") return [];
  const faults: ProblemField[] = [];
  if (mode === "warn" || mode === "shadow") {
    faults.push({ pointer: "/mode", detail: `cannot be ${mode} for risk critical: it would ask nobody` });
  }
  if (onChange === "pin") faults.push({ pointer: "/onChange", detail: "must be tighten for risk critical" });
  if (!separationOfDuties.owner) {
    faults.push({ pointer: "/separationOfDuties/owner", detail: "must be true for risk critical" });
  }
  return faults;
}

/** Bounds that cannot be kept to: at allow and at notify an entry of the level's own follows the last of the list. */
function levelFaults({ guardrail, risk, decide }: Contract): ProblemField[] {
  if (guardrail === undefined) return [];
  const faults = guardrailFaults(guardrail, risk === "critical").map(({ pointer, detail }) => ({
    pointer: `/guardrail${pointer}`,
    detail,
  }));
  const loosest = guardrail.floor === "allow" || guardrail.floor === "notify";
  if (loosest && decide.length >= limits.decideEntries) {
    const detail = `leaves no room for the entry that the guardrail's floor adds; at most ${limits.decideEntries - 1} with ${guardrail.floor}`;
    faults.push({ pointer: "/decide", detail });
  }
  return faults;
}

function attemptFaults({ maxAttempts, idempotent }: Contract): ProblemField[] {
  if (maxAttempts === 1 || idempotent) return [];
  return [
    {
      pointer: "/maxAttempts",
      detail: "may be more than 1 only for an idempotent contract: a lost lease may have run already",
    },
  ];
}

const reserved = new Set(["__proto__", "constructor", "prototype"]);

/** Walks with a stack of its own, because a document may be nested deeper than the engine's. */
function unsafeParts(document: unknown): ProblemField[] {
  const faults: ProblemField[] = [];
  const open = [{ value: document, pointer: "", depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, pointer, depth } = next;
    if (typeof value === "string" && !value.isWellFormed()) {
      faults.push({ pointer, detail: "holds half of a character" });
    }
    if (typeof value !== "object" || value === null) continue;
    if (depth > limits.jsonDepth) {
      return [{ pointer, detail: `is nested deeper than ${limits.jsonDepth} levels` }];
    }
    for (const [key, member] of Object.entries(value)) {
      const at = pointerOf([key], pointer);
      if (reserved.has(key) || !key.isWellFormed()) {
        faults.push({ pointer: at, detail: "is a reserved name; use another" });
      }
      open.push({ value: member, pointer: at, depth: depth + 1 });
    }
  }
  return faults;
}

function rawContracts(document: unknown): unknown[] {
  if (typeof document !== "object" || document === null || !("contracts" in document)) return [];
  return Array.isArray(document.contracts) ? document.contracts : [];
}

function roleNames(document: unknown): string[] {
  if (typeof document !== "object" || document === null || !("roles" in document)) return [];
  const { roles } = document;
  return typeof roles === "object" && roles !== null ? Object.keys(roles) : [];
}
