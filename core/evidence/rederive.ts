import type { Event } from "../../schemas/event.ts";
import type { Contract } from "../../schemas/policy.ts";
import { checkTime, escalate, moveTimes } from "./rederive-clocks.ts";
import { courseOf, teller, type Course, type Step } from "./rederive-course.ts";
import {
  approveByGlass,
  approveByPolicy,
  breakGlass,
  cancel,
  checkDecision,
  checkOwnerSaid,
  checkRequest,
  overdue,
  review,
} from "./rederive-policy.ts";
import { claim, heartbeat, loseLease, settle, startRollback } from "./rederive-runs.ts";
import { moveFault } from "./rederive-table.ts";
import { closeByDenial, closeByQuorum, lapse, vote } from "./rederive-votes.ts";
import type { Report } from "./verify-finding.ts";
import type { ReadBundle } from "./verify-read.ts";

/**
 * The decision once more, from the entries and the contract alone: no state that was written down is believed. Says what is
 * shown, and what cannot be from a record.
 */
export function rederive({ entries, asked }: ReadBundle, contract: Contract, report: Report): void {
  const [first, ...rest] = entries;
  if (first === undefined || asked === null || first.event.type !== "requested") return;
  const course = courseOf(contract, asked, first.event);
  if (course.state !== "pending" || course.detail !== null) {
    report.failed("transitions", "A request begins as pending.", "entry 1");
  }
  checkRequest(course, first.event, report);
  checkDecision(course, rest[0]?.event ?? null, report);
  for (const [index, { event, entry }] of rest.entries()) {
    const before = entries[index]?.event ?? first.event;
    const next = rest[index + 1]?.event ?? null;
    const says = teller(report, `entry ${index + 2}`);
    const step = { event, before, next, reasoned: entry.reason !== null, says };
    const fault = moveFault(course, event);
    if (fault !== null) says("transitions", fault);
    checkTime(course, step);
    take(course, step, report);
    moveTimes(course, event);
    course.state = event.state;
    course.detail = event.detail;
  }
  checkOwnerSaid(course, report);
  conclude(
    course,
    entries.map(({ event }) => event),
    report,
  );
}

function take(course: Course, { event, ...rest }: Step, report: Report): void {
  switch (event.type) {
    case "voted":
      return vote(course, { ...rest, event }, report);
    case "lapsed":
      return lapse(course, { ...rest, event });
    case "approved":
      if (event.data.via === "quorum") return closeByQuorum(course, { ...rest, event }, report);
      return event.data.via === "policy"
        ? approveByPolicy({ ...rest, event })
        : approveByGlass({ ...rest, event });
    case "denied":
      return event.data.via === "votes"
        ? closeByDenial(course, { ...rest, event }, report)
        : approveByPolicy({ ...rest, event });
    case "broke_glass":
      return breakGlass(course, { ...rest, event });
    case "reviewed":
      return review(course, { ...rest, event });
    case "review_overdue":
      return overdue(course, { ...rest, event });
    case "cancelled":
      return cancel(course, { ...rest, event });
    case "escalated":
      return escalate(course, { ...rest, event });
    case "claimed":
    case "rollback_claimed":
      return claim(course, { ...rest, event });
    case "heartbeat":
      return heartbeat(course, { ...rest, event });
    case "lease_lost":
      return loseLease(course, { ...rest, event });
    case "executed":
    case "failed":
    case "rolled_back":
    case "rollback_failed":
      return settle(course, { ...rest, event });
    case "rollback_started":
      return startRollback(course, { ...rest, event });
    case "requested":
    case "expired":
    case "reminded":
    case "feedback":
    case "late_command":
    case "fenced_report":
      return;
  }
}

function conclude(course: Course, events: readonly Event[], report: Report): void {
  const place = course.detail === null ? course.state : `${course.state}{${course.detail}}`;
  report.conclude("transitions", `Every step is one that the state machine has; it leads to ${place}.`);
  if (!course.doubted) report.conclude("quorum", decidedText(events));
  report.conclude("separation", "Nobody decided who asked for it, owns who asked, is acted for or wrote it.");
  report.conclude("clocks", "Nothing was taken in after its time, and nothing ended before it.");
  const claims = events.filter(({ type }) => type === "claimed").length;
  const runs =
    claims === 0
      ? "It was never claimed, and nothing ran."
      : "It ran under one approval, by who held the lease, and once where the contract does not say otherwise.";
  report.conclude("execution", runs);
}

function decidedText(events: readonly Event[]): string {
  const decided = events.find(({ type }) => type === "approved" || type === "denied");
  if (decided?.type !== "approved" && decided?.type !== "denied") {
    return "Nobody has decided on it, and nothing says otherwise.";
  }
  const { via, by } = decided.data;
  const word = decided.type === "approved" ? "Approved" : "Denied";
  switch (via) {
    case "policy":
      return `${word} by the policy, as the contract's list can come to.`;
    case "break_glass":
      return `Approved by ${by.join(" and ")} alone, past the approvers, as the contract lets somebody.`;
    case "quorum":
      return `Approved by ${by.join(" and ")}: one person a seat, they fill the seats of the rule, and the last of these votes closed it.`;
    case "votes":
      return `Denied by ${by.join(" and ")}, and the last of these votes closed it.`;
  }
}

/** What no record can show. Said with every bundle, so that nobody takes it for proven. */
export const outside = [
  "That a person clicked: it is the engine's word that a sign-in or Slack told it so.",
  "Who was in which group, on call or acting for whom: the memberships written down with each vote are the engine's word.",
  "Conditions (CEL) of the contract: they looked at what is no longer there to look at.",
  "Freezes, kill switches and the policy that was in force when it was claimed: what they would have stopped.",
  "That the action ran, and what it did: reports are the executor's word.",
] as const;
