import type { Level } from "../../schemas/guardrail.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { Contract, Policy, RoleClass, Seat } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { canonicalJson } from "../canonical.ts";
import { compareLevels } from "../guardrail/level.ts";
import { plainObject } from "../plain-json.ts";
import { alternativesOf, seatsOf, type Voter } from "../quorum.ts";
import { noSegment } from "../scope.ts";
import { satisfies } from "./rule-check.ts";

/**
 * Where a policy asks for less than another: what an operator should mean and not overlook. Conditions are compared as text, so that
 * what is said of them is that they may ask for less; of rules it is certain, and somebody who would now be enough is named.
 */
export function loosened(before: Policy, after: Policy): ProblemField[] {
  const known = new Map(before.contracts.map((contract) => [contract.type, contract]));
  const others = after.contracts.filter((contract) => {
    const old = known.get(contract.type);
    return old !== undefined && !sameRule(old, contract);
  });
  const ways = Math.min(maxWays.rule, Math.ceil(maxWays.policy / Math.max(others.length, 1)));
  return [
    ...after.contracts.flatMap((contract, index) => {
      const old = known.get(contract.type);
      if (old === undefined) return [];
      const at = pointerOf(["contracts", index]);
      return contractLoosened(old, contract, ways).map(({ pointer, detail }) => ({
        pointer: `${at}${pointer}`,
        detail,
      }));
    }),
    ...Object.entries(after.roles).flatMap(([name, role]) =>
      roleLoosened(Object.hasOwn(before.roles, name) ? before.roles[name] : undefined, role, name),
    ),
    ...freezesGone(before, after),
  ];
}

function contractLoosened(before: Contract, after: Contract, ways: number): ProblemField[] {
  if (before.mode === "disabled" && after.mode === "disabled") return [];
  return [
    ...modeLoosened(before, after),
    ...ruleLoosened(before, after, ways),
    ...decideLoosened(before.decide, after.decide),
    ...switchesLoosened(before, after),
    ...guardrailLoosened(before, after),
  ];
}

/** The stricter, the greater. */
const strictness: Readonly<Record<Contract["mode"], number>> = {
  shadow: 0,
  warn: 0,
  enforce: 1,
  disabled: 2,
};

function modeLoosened({ mode: before }: Contract, { mode: after }: Contract): ProblemField[] {
  if (strictness[after] >= strictness[before]) return [];
  return [{ pointer: "/mode", detail: `is looser: ${after}, and ${before} is in force` }];
}

/**
 * Ways of being enough that are looked through, of one rule and of all that have changed together; rules that people write have some
 * dozen. Of what is beyond nothing is said.
 */
const maxWays = { rule: 4_096, policy: 40_000 } as const;

const sameRule = (a: Contract, b: Contract): boolean =>
  a.risk === b.risk &&
  canonicalJson(plainObject(a)["rule"] ?? null) === canonicalJson(plainObject(b)["rule"] ?? null);

function ruleLoosened(before: Contract, after: Contract, most: number): ProblemField[] {
  if (sameRule(before, after)) return [];
  for (const people of waysToSatisfy(after, most)) {
    const then = people.map(({ seat, selector }, index) => voterFor(before, seat, selector, index));
    if (satisfies(before, then)) continue;
    const whom = countedNames(people.map(({ selector }) => selector));
    return [
      { pointer: "/rule", detail: `is looser: ${whom} would be enough, and by the one in force is not` },
    ];
  }
  return [];
}

type Filling = { readonly seat: Seat; readonly selector: Seat["from"][number] };

/**
 * The least people who satisfy a rule, each somebody whom one selector names and no other: whoever is named by more satisfies
 * whatever these do. With risk critical one person is not enough, so that there a second is added, who may be for any seat.
 */
function* waysToSatisfy({ rule, risk }: Contract, most: number): Generator<Filling[]> {
  const seats = seatsOf(rule);
  let ways = 0;
  for (const alternative of alternativesOf(rule)) {
    const units = alternative.flatMap((index) => {
      const seat = seats[index];
      return seat === undefined ? [] : Array.from({ length: seat.n }, () => seat);
    });
    const crowds =
      risk === "critical" && units.length === 1 ? seats.map((seat) => [...units, seat]) : [units];
    for (const crowd of crowds) {
      for (const way of choices(crowd)) {
        if (++ways > most) return;
        yield way;
      }
    }
  }
}

function* choices([seat, ...rest]: readonly Seat[]): Generator<Filling[]> {
  if (seat === undefined) {
    yield [];
    return;
  }
  for (const others of choices(rest)) {
    for (const selector of seat.from) yield [{ seat, selector }, ...others];
  }
}

/** Somebody who meets the condition of the seat they were chosen for, and with it that of every seat with the same one. */
function voterFor({ rule }: Contract, filled: Seat, selector: Filling["selector"], index: number): Voter {
  const meets = seatsOf(rule)
    .filter(({ where }) => where !== undefined && where.trim() === filled.where?.trim())
    .map(({ seat }) => seat);
  const person = `person:${index}`;
  return { person, identity: person, selectors: [selector], meets };
}

function countedNames(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} of ${name}`).join(" and ");
}

type Entry = Contract["decide"][number];

const order: Readonly<Record<Entry["then"], number>> = { allow: 0, gate: 1, deny: 2 };

function decideLoosened(before: readonly Entry[], after: readonly Entry[]): ProblemField[] {
  const conditionOf = ({ when }: Entry): string => when?.trim() ?? "";
  const placeBefore = (entry: Entry): number =>
    before.findIndex((one) => conditionOf(one) === conditionOf(entry));
  const faults: ProblemField[] = [];
  for (const [index, entry] of after.entries()) {
    const pointer = pointerOf(["decide", index]);
    const was = placeBefore(entry);
    const old = before[was];
    // It decides what a stricter one decided, where it has come to stand before that.
    const passes = after.slice(index + 1).some((later) => {
      const place = placeBefore(later);
      return order[later.then] > order[entry.then] && place >= 0 && (was < 0 || was > place);
    });
    if (old === undefined && entry.then === "allow") {
      faults.push({ pointer, detail: "may be looser: it allows, and is not in the version in force" });
    } else if (old !== undefined && order[entry.then] < order[old.then]) {
      const detail = `is looser: ${entry.then}, and ${old.then} is in force`;
      faults.push({ pointer: `${pointer}/then`, detail });
    } else if (passes) {
      const detail = "may be looser: it comes before a stricter entry that it did not come before";
      faults.push({ pointer, detail });
    }
  }
  for (const old of before) {
    if (old.then === "allow" || after.some((one) => conditionOf(one) === conditionOf(old))) continue;
    // A list that denies or gates whatever comes is not looser for having lost a case of that.
    const rest = after.find(({ when }) => when === undefined);
    const kept =
      order[rest?.then ?? "gate"] >= order[old.then] && !after.some(({ then }) => then === "allow");
    if (kept) continue;
    const what = old.when === undefined ? "the last entry" : `the entry that begins with ${quoted(old.when)}`;
    faults.push({ pointer: "/decide", detail: `may be looser: ${what}, which says ${old.then}, is gone` });
  }
  return faults;
}

const quoted = (text: string): string => {
  const line = text.trim().replaceAll(/\s+/gu, " ");
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
};

/** What one word of the contract opens. */
function switchesLoosened(before: Contract, after: Contract): ProblemField[] {
  const faults: ProblemField[] = [];
  const say = (pointer: string, detail: string): void =>
    void faults.push({ pointer, detail: `is looser: ${detail}` });
  if (before.separationOfDuties.owner && !after.separationOfDuties.owner) {
    say("/separationOfDuties/owner", "the owner of the agent that asks may decide");
  }
  if (before.onChange === "tighten" && after.onChange === "pin") {
    say("/onChange", "a stricter policy no longer counts for what was asked before it");
  }
  if (after.deny.denials > before.deny.denials) {
    say("/deny/denials", `${after.deny.denials} denials, and ${before.deny.denials} end it now`);
  }
  const vetoes = before.deny.veto.filter((selector) => !after.deny.veto.includes(selector));
  if (vetoes.length > 0) say("/deny/veto", `no veto any more for ${vetoes.join(", ")}`);
  const roles = after.roles.filter((role) => !before.roles.includes(role));
  if (roles.length > 0) say("/roles", `the role class ${roles.join(", ")} may ask for it as well`);
  if (after.maxAttempts > before.maxAttempts) {
    say("/maxAttempts", `${after.maxAttempts} runs for one approval`);
  }
  return faults;
}

function guardrailLoosened({ guardrail: before }: Contract, { guardrail: after }: Contract): ProblemField[] {
  if (after === undefined) return [];
  const bounds: Readonly<Record<"floor" | "ceiling" | "start", Level>> = {
    floor: before?.floor ?? "rule",
    ceiling: before?.ceiling ?? "rule",
    start: before?.start ?? "rule",
  };
  return (["floor", "ceiling", "start"] as const).flatMap((bound) =>
    compareLevels(after[bound], bounds[bound]) < 0
      ? [
          {
            pointer: `/guardrail/${bound}`,
            detail: `is looser: ${after[bound]}, and ${bounds[bound]} is in force`,
          },
        ]
      : [],
  );
}

function roleLoosened(before: RoleClass | undefined, after: RoleClass, name: string): ProblemField[] {
  if (before === undefined) return [];
  return (["types", "tools", "segments", "targets"] as const).flatMap((list) => {
    // A star is any segment, and does not reach what is in none.
    const all = before[list].includes("*");
    const more = after[list].filter((glob) => !before[list].includes(glob) && (!all || glob === noSegment));
    if (more.length === 0) return [];
    return [{ pointer: pointerOf(["roles", name, list]), detail: `is looser: ${more.join(", ")} as well` }];
  });
}

function freezesGone({ freezes: before = [] }: Policy, { freezes: after = [] }: Policy): ProblemField[] {
  const kept = new Set(after.map(({ name }) => name));
  return before
    .filter(({ name }) => !kept.has(name))
    .map(({ name }) => ({ pointer: "/freezes", detail: `is looser: the freeze ${name} is gone` }));
}
