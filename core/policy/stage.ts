import type { Json, JsonObject } from "../../schemas/json.ts";
import { isObject } from "./schema-keyword.ts";
import { refuse, ok } from "../result.ts";
import type { Result } from "../result.ts";

/** The steps by which a contract comes into force: watched first, then enforced, then moved by evidence. */
export const stages = ["pilot", "bounded", "adaptive"] as const;
export type Stage = (typeof stages)[number];

type Preset = {
  readonly summary: string;
  /** What it sets in the contract; null takes a field out. */
  readonly sets: Readonly<Record<string, Json>>;
  readonly measures: string;
  readonly goOn: string;
  readonly next: string;
};

/** What each stage sets, what it measures, and which figure says to go on. */
export const presets: Readonly<Record<Stage, Preset>> = {
  pilot: {
    summary: "Everything runs as if it were allowed, and what the contract would have said is recorded.",
    sets: { mode: "shadow", guardrail: null },
    measures:
      "How many requests would have been gated and denied (`would` on each action), and by feedback how many of them rightly: ask whoever owns the agents to label what did harm or should have been asked (`npx holdpoint feedback ID --label missed_gate`).",
    goOn: "100 requests or 14 days, whichever is later; every request labelled harm or missed_gate is one the contract would have gated or denied; and what would have been gated is no more a day than its approvers can answer.",
    next: "bounded",
  },
  bounded: {
    summary: "The contract is enforced exactly as it is written. No evidence moves it.",
    sets: { mode: "enforce", guardrail: null },
    measures:
      "Needless gates (approved, and labelled needless_gate), missed gates (let through, and labelled missed_gate or harm), success and rollback rates, each with its interval, and how long people wait.",
    goOn: "100 labelled runs; the upper end of the interval of missed gates is under 5 %; and needless gates are frequent enough to be worth anything looser.",
    next: "adaptive",
  },
  adaptive: {
    summary:
      "Enforced, and evidence moves the level inside bounds: an incident tightens at once, and looser is only ever proposed to people.",
    sets: {
      mode: "enforce",
      guardrail: {
        floor: "one",
        ceiling: "deny",
        start: "rule",
        coolOff: "7d",
        cleanRuns: 100,
        harmPerThousand: 50,
      },
    },
    measures:
      "The level and every change of it with its evidence: clean runs, incidents, and the interval of harm.",
    goOn: "Nothing follows. Widen the floor only when proposals have been agreed to and no incident came after; go back to bounded when levels change more than once a month.",
    next: "none",
  },
};

/** Where nobody may be let through unasked the bounds leave out the levels that would. */
const criticalFloor = "rule";

/**
 * The document with one contract set to a stage, everything else as it was written. Refused in words where the document has no
 * such contract, or where its risk does not allow the stage.
 */
export function staged(document: JsonObject, type: string, stage: Stage): Result<JsonObject, string> {
  const contracts = document["contracts"];
  const list = Array.isArray(contracts) ? contracts : [];
  const found = list.find((one) => isObject(one) && one["type"] === type);
  if (!isObject(found)) {
    const known = list.flatMap((one) =>
      isObject(one) && typeof one["type"] === "string" ? [one["type"]] : [],
    );
    return refuse(`The policy has no contract for ${type}. It has: ${known.join(", ")}.`);
  }
  const critical = found["risk"] === "critical";
  if (critical && stage === "pilot") {
    return refuse(`${type} has risk critical, which is never let through unasked: begin with bounded.`);
  }
  const changed = withSet(found, critical ? forCritical(presets[stage].sets) : presets[stage].sets);
  return ok({ ...document, contracts: list.map((one) => (one === found ? changed : one)) });
}

function withSet(contract: JsonObject, sets: Preset["sets"]): JsonObject {
  const changed: JsonObject = { ...contract };
  for (const [name, value] of Object.entries(sets)) {
    if (value === null) delete changed[name];
    else if (name !== "guardrail" || !isObject(changed[name])) changed[name] = value;
  }
  return changed;
}

function forCritical(sets: Preset["sets"]): Preset["sets"] {
  const guardrail = sets["guardrail"];
  if (guardrail === undefined || !isObject(guardrail)) return sets;
  return { ...sets, guardrail: { ...guardrail, floor: criticalFloor } };
}
