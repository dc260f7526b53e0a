import type { Asked } from "../../schemas/asked.ts";
import type { Event, EventOf } from "../../schemas/event.ts";
import type { Contract } from "../../schemas/policy.ts";
import { seatsOf } from "../quorum.ts";
import { keepsOwnerOut, neverDecide, type Course, type Step } from "./rederive-course.ts";
import type { Report } from "./verify-finding.ts";

/** What the policy itself said, and what was done past the approvers. */

type Outcome = Asked["decision"]["outcome"];

/** Whether the decision of the policy could come of the contract's list, and is what became of the request. */
export function checkDecision({ asked, contract }: Course, second: Event | null, report: Report): void {
  const { decision } = asked;
  const says = (fault: string): void => report.failed("quorum", fault, "entry 1");
  const byPolicy =
    second?.type === "approved" || second?.type === "denied" ? second.data.via === "policy" : false;
  const expected = { allow: "approved", deny: "denied", gate: null }[decision.outcome];
  if (expected === null ? byPolicy : !byPolicy || second?.type !== expected) {
    says("What became of the request is not what the policy decided.");
  }
  // A kill switch goes before whatever the contract says.
  if (decision.stoppedBy !== undefined) {
    if (decision.outcome !== "deny") says("A kill switch stopped it, and it went on.");
    report.notProven("quorum", "It was refused by a kill switch, by the engine's word.");
    return;
  }
  const watches = contract.mode === "warn" || contract.mode === "shadow";
  if (watches !== (decision.mode !== undefined) || (watches && decision.mode !== contract.mode)) {
    says("The decision is of another mode than that of the contract.");
  }
  if (watches && decision.outcome !== "allow") says("A contract that only watches refuses nothing.");
  const decided = watches ? decision.would?.outcome : decision.outcome;
  const { possible, conditional } = outcomesOf(contract);
  if (decided === undefined || !possible.has(decided)) {
    says("The contract's list cannot come to what the policy is said to have decided.");
  } else if (conditional) {
    report.notProven(
      "quorum",
      "Which entry of the contract's list decided hangs on conditions, which are not judged again here.",
    );
  }
}

/** All that the list can come to, whatever its conditions come to. */
function outcomesOf({ mode, decide }: Contract): { possible: Set<Outcome>; conditional: boolean } {
  if (mode === "disabled") return { possible: new Set<Outcome>(["deny"]), conditional: false };
  const possible = new Set<Outcome>();
  let conditional = false;
  for (const { when, then } of decide) {
    possible.add(then);
    if (when === undefined) return { possible, conditional };
    conditional = true;
    // One that cannot be evaluated counts as the stricter answer: nothing is allowed any more.
    if (then !== "deny") possible.add("gate");
  }
  return { possible: possible.add("gate"), conditional };
}

/** Everybody's seats are empty when it is asked for, and they are those of the contract. */
export function checkRequest(
  { asked, contract }: Course,
  { data, actor, at }: EventOf<"requested">,
  report: Report,
): void {
  const says = (fault: string): void => report.failed("transitions", fault, "entry 1");
  const seats = seatsOf(contract.rule).map(({ seat, n, from }) => ({ seat, n, filled: 0, from }));
  if (JSON.stringify(seats.map(ordered)) !== JSON.stringify(data.seats.map(ordered))) {
    says("Its seats are not those of the contract.");
  }
  if (data.policyVersion !== asked.policyVersion) says("It names two versions of the policy.");
  if (actor.id !== asked.requester.id || actor.kind !== asked.requester.kind) {
    says("Somebody else asked for it.");
  }
  // The clock is read once when it is taken in and once when it is written down, in one go.
  if (at < asked.createdAt || at - asked.createdAt > slownessMs) {
    report.failed("clocks", "It was made at another time than it says.", "entry 1");
  }
}

const slownessMs = 60_000;

const ordered = ({ seat, n, filled, from }: EventOf<"requested">["data"]["seats"][number]): unknown[] => [
  seat,
  n,
  filled,
  from,
];

export function approveByPolicy({ event, says }: Step<EventOf<"approved"> | EventOf<"denied">>): void {
  if (event.seq !== 2 || event.actor.kind !== "engine" || event.data.by.length > 0) {
    says("quorum", "The policy decides at once and by itself, or not at all.");
  }
}

export function breakGlass(
  course: Course,
  { event, next, reasoned, says }: Step<EventOf<"broke_glass">>,
): void {
  const { breakGlass: right } = course.contract;
  const { person, incident, reviewDue } = event.data;
  if (right === undefined) says("quorum", "The contract lets nobody break the glass.");
  else if (right.by.every((selector) => selector.startsWith("person:")) && !right.by.includes(person)) {
    says("quorum", "The contract does not let this person break the glass.");
  }
  if (event.actor.kind !== "person" || event.actor.id !== person || isKeptOut(course, person)) {
    says("separation", `${person} may not break the glass for this request.`);
  }
  if (!reasoned || incident.trim() === "") {
    says("quorum", "Who breaks the glass says why, and for which incident.");
  }
  if (reviewDue !== event.at + (course.clocks.reviewDueMs ?? 0)) {
    says("clocks", "The time for its review is not that of the contract.");
  }
  if (next?.type !== "approved" || next.data.via !== "break_glass") {
    says("transitions", "The glass was broken, and nothing was approved by it.");
  }
  course.glass = { person, due: reviewDue, reviewed: false, overdue: false };
}

export function approveByGlass({ event, before, says }: Step<EventOf<"approved">>): void {
  const { by } = event.data;
  const broken =
    before.type === "broke_glass" && before.at === event.at && before.data.person === event.actor.id;
  if (!broken || by.length !== 1 || by[0] !== event.actor.id) {
    says("quorum", "It was approved past the approvers, and nobody broke the glass for that.");
  }
}

export function review(
  { glass, ...course }: Course,
  { event, reasoned, says }: Step<EventOf<"reviewed">>,
): void {
  const { person } = event.data;
  if (glass === null || glass.reviewed) {
    return says("transitions", "There is nothing to review, or it was reviewed before.");
  }
  if (!reasoned) says("transitions", "Who reviews it says what they found.");
  if (
    event.actor.kind !== "person" ||
    event.actor.id !== person ||
    glass.person === person ||
    isKeptOut(course, person)
  ) {
    says("separation", `${person} may not review that the glass was broken here.`);
  }
  glass.reviewed = true;
}

export function overdue({ glass }: Course, { event, says }: Step<EventOf<"review_overdue">>): void {
  const { person, dueAt } = event.data;
  if (glass === null || glass.reviewed || glass.overdue || glass.person !== person || glass.due !== dueAt) {
    return says("transitions", "No review was overdue then.");
  }
  glass.overdue = true;
}

/** Whoever asks, owns who asks, is acted for or wrote it neither breaks the glass nor reviews that, whatever the contract says. */
function isKeptOut(course: Pick<Course, "asked" | "contract">, person: string): boolean {
  const { requester } = course.asked;
  return neverDecide(course).has(person) || (requester.kind === "agent" && requester.owner === person);
}

/** Why something was cancelled, and by whom it then must have been. */
export function cancel({ asked: { requester } }: Course, { event, says }: Step<EventOf<"cancelled">>): void {
  const { actor, detail, data } = event;
  if ((data.supersededBy !== null) !== (detail === "superseded")) {
    says("transitions", "It does not say what replaced it.");
  }
  const mine = actor.id === requester.id;
  const fits =
    detail === "requester"
      ? mine || actor.id === requester.owner
      : detail === "superseded"
        ? mine
        : detail === "revoked" || actor.kind === "engine";
  if (!fits) says("transitions", "It was cancelled by somebody who may not do that.");
}

export const checkOwnerSaid = (course: Course, report: Report): void => {
  if (keepsOwnerOut(course) || course.asked.requester.kind !== "agent") return;
  report.notProven(
    "separation",
    "The contract lets the agent's owner decide too: separation of duties is off for them.",
  );
};
