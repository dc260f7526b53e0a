import { parseFields } from "../schemas/parse.ts";
import { Contract } from "../schemas/policy.ts";
import type { JsonObject } from "../schemas/json.ts";
import { operatorsGroup } from "./operators.ts";

/**
 * Action types of the engine itself: what changes the rules is asked for, agreed to and carried out like everything else, and judged by
 * the version in force, never by the one that it proposes (threat T23).
 */

const prefix = "holdpoint.";
/** Stands where a contract names role classes: no agent ever asks for these. */
export const engineRoles: readonly string[] = ["operators"];

const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;
const orNone: JsonObject = { type: ["string", "null"] };
const count = { type: "integer", minimum: 0 } as const;
/** In all of them: how many operators there are besides whoever asks. */
const shared = { otherOperators: count } as const;

type EngineAction = {
  risk: Contract["risk"];
  pendingTtl: string;
  description: string;
  properties: JsonObject;
};

/** Type → what its arguments are, the least risk that a contract may give it, how long it waits, and what it is in a sentence. */
export const engineActions = {
  "holdpoint.policy.publish": {
    risk: "high",
    pendingTtl: "24h",
    description: "Put a policy in force. `changes` is all that differs from the version in force.",
    properties: { version: text, changes: texts },
  },
  "holdpoint.group.change": {
    risk: "high",
    pendingTtl: "24h",
    description: "Change who decides: a group, a person, a delegation or the owners of targets.",
    properties: { what: text, id: text, changes: texts },
  },
  "holdpoint.key.create": {
    risk: "high",
    pendingTtl: "24h",
    description: "Make a key that decides or governs. Whoever asked collects it, once.",
    properties: { principal: text, scopes: texts, name: orNone, expiresAt: orNone },
  },
  "holdpoint.switch.release": {
    risk: "high",
    pendingTtl: "24h",
    description: "Let what a kill switch stopped be asked for and run again.",
    properties: { scope: text, engagedBy: text, because: text },
  },
  "holdpoint.hold.release": {
    risk: "high",
    pendingTtl: "24h",
    description: "Release a legal hold. What it kept and is overdue is let go of within minutes.",
    properties: { hold: text, scope: text, heldBy: text, because: text },
  },
  "holdpoint.workspace.purge": {
    risk: "high",
    pendingTtl: "24h",
    description:
      "Forget the whole workspace: every value of every action, its people, keys and policy. Nothing brings it back.",
    properties: { workspace: text, cancelRunning: { type: "boolean" } },
  },
  "holdpoint.guardrail.loosen": {
    risk: "high",
    // As long as a proposal lives.
    pendingTtl: "7d",
    description:
      "Move a guardrail one level towards fewer people. The figures are of the runs since it last moved.",
    properties: {
      type: text,
      from: text,
      to: text,
      cleanRuns: count,
      incidents: count,
      harmHighPerMillion: count,
      since: orNone,
    },
  },
} as const satisfies Record<string, EngineAction>;
export type EngineType = keyof typeof engineActions;

/** Whether an action type is one of the engine's own; those that it does not know are nobody's. */
export const isEngineType = (type: string): boolean => type.startsWith(prefix);
export const isKnownEngineType = (type: string): type is EngineType => Object.hasOwn(engineActions, type);

/** JSON Schema of its arguments, which no policy writes. */
export function engineArgs(type: EngineType): JsonObject {
  const properties: JsonObject = { ...engineActions[type].properties, ...shared };
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

/** What every contract of the engine's own has, and nobody writes. A lost lease is taken up again: carrying out twice changes once. */
const fixed = { args: {}, roles: [...engineRoles], idempotent: true, maxAttempts: 16 } as const;

/** The one clause that a single operator lives by, here and wherever a policy repeats it. */
export const aloneClause = {
  when: "args.otherOperators == 0",
  then: "allow",
  because: "there is no other operator who could agree",
} as const;

/** The contract of a type for which the policy has none: another operator agrees, or there is none. */
export function builtInContract(type: EngineType): Contract {
  const { risk, description, pendingTtl } = engineActions[type];
  const written = {
    ...fixed,
    type,
    class: "engine",
    risk,
    description,
    decide: [aloneClause],
    rule: { seat: "operator", n: 1, from: [`group:${operatorsGroup}`] },
    clocks: { pendingTtl, remindAfter: "1h", approvalTtl: "1h" },
    notify: [`group:${operatorsGroup}`],
  };
  const parsed = parseFields(Contract, written);
  if (!parsed.ok) throw new Error(`the engine's own contract of ${type} does not parse`);
  return parsed.value;
}

/**
 * A document with what is fixed filled into the engine's own contracts, which leave it out. Anything else of it stays as it is, to be
 * found by whoever checks it.
 */
export function withEngineParts(document: unknown): unknown {
  if (!isRecord(document) || !Array.isArray(document["contracts"])) return document;
  const contracts = document["contracts"].map((contract: unknown) => {
    if (!isRecord(contract) || typeof contract["type"] !== "string") return contract;
    return isEngineType(contract["type"]) ? { ...fixed, ...contract } : contract;
  });
  return { ...document, contracts };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
