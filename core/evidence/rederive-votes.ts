import type { EventOf } from "../../schemas/event.ts";
import type { Rule, Selector } from "../../schemas/policy.ts";
import { canFill, evaluateRule, humansOf, seatsOf, type Voter } from "../quorum.ts";
import { requiresTwoHumans } from "../standing.ts";
import { keepsOwnerOut, neverDecide, type Cast, type Course, type Step } from "./rederive-course.ts";
import type { Report } from "./verify-finding.ts";

/**
 * Who may decide, and whether what they said comes to what was made of it. A vote is counted by the selectors that the engine wrote
 * down when it was cast. Between two votes people come and go, so that earlier votes may have counted otherwise by the time that
 * a later one closed it; only the vote that closes is known as it was judged.
 */

export function vote(course: Course, step: Step<EventOf<"voted">>, report: Report): void {
  const { event, says, reasoned, next } = step;
  const { person, decision, selectors, identity, counted } = event.data;
  if (event.actor.kind !== "person" || event.actor.id !== person) {
    says("separation", "The vote was given by somebody else than the person it is counted for.");
  }
  const named = pinnedOf(course);
  const own = selectors.filter((selector) => named.has(selector));
  if (neverDecide(course).has(person)) {
    says("separation", `${person} asked for it, is acted for or wrote it, and may not decide.`);
  }
  const isOwner = keepsOwnerOut(course) && person === course.asked.requester.owner;
  if (
    isOwner &&
    (course.contract.onChange === "pin" || own.some((selector) => !selector.startsWith("oncall:")))
  ) {
    says("separation", `${person} owns the agent that asks, and may not decide.`);
  }
  if (selectors.some((selector) => !named.has(selector) && !selector.startsWith("oncall:"))) {
    says("quorum", "The vote is counted by a selector that the contract does not name.");
  }
  if (decision === "deny" && !reasoned) says("quorum", "A denial needs a reason.");
  course.votes.set(person, { person, decision, selectors, identity });
  if (counted.includes(person) !== (decision !== "withdraw")) {
    says("quorum", "Who counts after this vote is not what the vote says.");
  }
  for (const one of counted) {
    const cast = course.votes.get(one);
    if (cast === undefined || cast.decision === "withdraw") {
      says("quorum", `${one} counts, and has not voted.`);
    }
  }
  const closes =
    next !== null && (next.type === "approved" || next.type === "denied") && next.at === event.at;
  if (!closes) checkLeftOpen(course, step, counted, report);
}

/** It stayed open after this vote: whether the vote had not closed it by itself. */
function checkLeftOpen(
  course: Course,
  { event, says }: Step<EventOf<"voted">>,
  counted: readonly string[],
  report: Report,
): void {
  const { contract } = course;
  const voter = voterOf(course, event.data);
  if (voter !== null && event.data.decision === "deny") {
    const vetoes = contract.deny.veto.some((selector) => voter.selectors.includes(selector));
    if (vetoes || (contract.deny.denials === 1 && isSeated(contract.rule, voter))) {
      says("quorum", "This denial ends the action by its contract, and it went on.");
    }
  }
  if (event.data.decision !== "approve") return;
  const approvers = counted.flatMap((one) => castOf(course, one, "approve"));
  if (!isSatisfied(course, votersOf(course, approvers))) return;
  if (contract.onChange === "pin" && voter !== null && isSatisfied(course, [{ ...voter, meets: [] }])) {
    says("quorum", "This vote satisfies the rule of the contract by itself, and the action stayed open.");
    return;
  }
  report.notProven(
    "quorum",
    "By the contract these votes sufficed, and it stayed open: the policy in force then asked for more, or somebody's membership had ended. Neither is in the record.",
    `entry ${event.seq}`,
  );
}

export function lapse(course: Course, { event, says }: Step<EventOf<"lapsed">>): void {
  if (course.votes.get(event.data.person)?.decision !== "approve") {
    says("quorum", "An approval lapses that was never given.");
  }
}

/** Approved by the votes: the one before closed it, and whoever it names has approved. */
export function closeByQuorum(course: Course, step: Step<EventOf<"approved">>, report: Report): void {
  const { event, says } = step;
  const closing = closingVote(step, "approve");
  if (closing === null) {
    says("quorum", "It was approved without a vote that closes it.");
    return;
  }
  checkNamed(course, step, closing, "approve");
  const { by } = event.data;
  const casts = by.flatMap((one) => castOf(course, one, "approve"));
  if (isSatisfied(course, votersOf(course, casts))) return;
  // As favourable as it could be: everybody but the closer may have come to any seat, and none counts as one with another.
  const everywhere = [...pinnedOf(course)];
  const best = casts.map((cast) =>
    cast.person === closing.data.person
      ? { ...cast, identity: cast.person }
      : { ...cast, selectors: everywhere, identity: cast.person },
  );
  if (!isSatisfied(course, votersOf(course, best))) {
    says("quorum", "It was approved, and the votes do not fill the seats of the contract's rule.");
    return;
  }
  course.doubted = true;
  report.notProven(
    "quorum",
    "By the memberships written down with each vote they do not fill the seats. They may have, where somebody's membership changed between two votes; that is not in the record.",
    `entry ${event.seq}`,
  );
}

/** Denied by the votes, likewise. */
export function closeByDenial(course: Course, step: Step<EventOf<"denied">>, report: Report): void {
  const { event, says } = step;
  // Whose vote it was does not matter: a denial of before may count for more by now, and is looked at first.
  const closing = closingVote(step, null);
  if (closing === null) {
    says("quorum", "It was denied without a vote that closes it.");
    return;
  }
  checkNamed(course, step, closing, "deny");
  const { rule, deny, onChange } = course.contract;
  const casts = event.data.by.flatMap((one) => castOf(course, one, "deny"));
  const voters = votersOf(course, casts);
  const vetoed = voters.some(({ selectors }) => deny.veto.some((selector) => selectors.includes(selector)));
  if (vetoed || humansOf(voters.filter((voter) => isSeated(rule, voter, true))) >= deny.denials) return;
  // Whoever denied before may have come to a veto since.
  const later = deny.veto.length > 0 && casts.some(({ person }) => person !== closing.data.person);
  if (casts.length === 0 || (onChange === "pin" && casts.length < deny.denials && !later)) {
    says("quorum", "It was denied by fewer people than the contract asks for.");
    return;
  }
  course.doubted = true;
  const why =
    "By the contract alone these denials do not end it: the policy in force then was stricter, or memberships had changed. Neither is in the record.";
  report.notProven("quorum", why, `entry ${event.seq}`);
}

function closingVote(
  { event, before }: Step<EventOf<"approved"> | EventOf<"denied">>,
  decision: "approve" | null,
): EventOf<"voted"> | null {
  const closes =
    before.type === "voted" &&
    (decision === null || before.data.decision === decision) &&
    before.at === event.at &&
    before.actor.id === event.actor.id &&
    before.actor.kind === event.actor.kind;
  return closes ? before : null;
}

/** Who is named as having decided is who counts after the closing vote. */
function checkNamed(
  course: Course,
  { event, says }: Step<EventOf<"approved"> | EventOf<"denied">>,
  closing: EventOf<"voted">,
  decision: "approve" | "deny",
): void {
  const counted = closing.data.counted.filter((one) => course.votes.get(one)?.decision === decision);
  const named = new Set<string>(event.data.by);
  if (named.size !== counted.length || counted.some((one) => !named.has(one))) {
    says("quorum", "Those who are said to have decided are not those whose votes count.");
  }
}

const castOf = ({ votes }: Course, person: string, decision: Cast["decision"]): Cast[] => {
  const cast = votes.get(person);
  return cast?.decision === decision ? [cast] : [];
};

const pinnedOf = ({ contract }: Course): Set<Selector> =>
  new Set([...seatsOf(contract.rule).flatMap(({ from }) => from), ...contract.deny.veto]);

/** Nobody for whoever the contract does not name, or keeps out. */
function voterOf(
  course: Course,
  { person, identity, selectors }: Pick<Cast, "person" | "identity" | "selectors">,
): Voter | null {
  const named = pinnedOf(course);
  const own = selectors.filter((selector) => named.has(selector));
  if (own.length === 0 || neverDecide(course).has(person)) return null;
  if (keepsOwnerOut(course) && person === course.asked.requester.owner) return null;
  // Whether the condition of a seat held was for the engine to see.
  const meets = seatsOf(course.contract.rule).map(({ seat }) => seat);
  return { person, identity, selectors: own, meets };
}

const votersOf = (course: Course, casts: readonly Cast[]): Voter[] =>
  casts.flatMap((cast) => voterOf(course, cast) ?? []);

function isSeated(rule: Rule, voter: Voter, conditional = false): boolean {
  const one = conditional ? voter : { ...voter, meets: [] };
  return seatsOf(rule).some((seat) => canFill(one, seat));
}

function isSatisfied({ contract: { rule, risk } }: Course, voters: readonly Voter[]): boolean {
  if (requiresTwoHumans(risk) && humansOf(voters.filter((voter) => isSeated(rule, voter, true))) < 2) {
    return false;
  }
  return evaluateRule(rule, voters).satisfied;
}
