import type { Level } from "../../schemas/guardrail.ts";
import type { Contract, Rule, Selector } from "../../schemas/policy.ts";
import { limits } from "../../schemas/limits.ts";
import { seatsOf } from "../quorum.ts";

/**
 * The contract as it counts at a level: what a guardrail has learnt becomes a rule like any other, so that everything that
 * judges requests, votes and claims needs to know nothing of guardrails.
 *
 * A level never lets through what the decision list denies, and never asks people where a looser level was agreed but the
 * list says `gate` for this very request: the list is what operators wrote of single cases, the level is about the rest. Above the
 * rule it also asks people for what the list lets through.
 */
export function contractAt(contract: Contract, level: Level): Contract {
  switch (level) {
    case "allow":
    case "notify":
      return { ...contract, decide: [...contract.decide, letThrough(level)] };
    case "one":
      return { ...contract, rule: { any: seatsOf(contract.rule).map((seat) => ({ ...seat, n: 1 })) } };
    case "rule":
      return contract;
    case "rulePlusOne":
      return { ...contract, decide: contract.decide.map(asked), rule: plusOne(contract.rule) };
    case "deny":
      return { ...contract, decide: [{ then: "deny", because: "its guardrail has closed after incidents" }] };
  }
}

const letThrough = (level: "allow" | "notify"): Contract["decide"][number] => ({
  then: "allow",
  because: `its guardrail stands at ${level}`,
});

/**
 * Tighter than as it is written, nothing is let through any more: a gate that was missed is a case that the list let through, and
 * one more seat would mean nothing to it.
 */
const asked = (entry: Contract["decide"][number]): Contract["decide"][number] =>
  entry.then === "allow" ? { ...entry, then: "gate" } : entry;

/** Every seat of the rule and one more from any of its groups. One person fills one seat, so this is one more person. */
function plusOne(rule: Rule): Rule {
  const seats = seatsOf(rule);
  const full =
    seats.length >= limits.ruleSeats || seats.reduce((sum, { n }) => sum + n, 0) >= limits.ruleTotal;
  // A rule at its limits has no room for another seat, and sixteen people have agreed by then.
  if (full) return rule;
  return { all: [rule, { seat: freeName(seats), n: 1, from: everySelector(rule) }] };
}

/** A name that no seat of the rule has: what a voter fills is kept by it. */
function freeName(seats: readonly { seat: string }[]): string {
  const taken = new Set(seats.map(({ seat }) => seat));
  let name = "one-more";
  for (let number = 2; taken.has(name); number += 1) name = `one-more-${number}`;
  return name;
}

function everySelector(rule: Rule): Selector[] {
  return [...new Set(seatsOf(rule).flatMap(({ from }) => from))].slice(0, limits.seatCount);
}
