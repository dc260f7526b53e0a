import type { EventOf } from "../../schemas/event.ts";
import { isEngineType } from "../engine-actions.ts";
import type { Course, Held, Step } from "./rederive-course.ts";

/** Claims, leases, reports and rollbacks (semantics §7): one run an approval, under a number that only grows, by who holds the lease. */

type Claim = EventOf<"claimed"> | EventOf<"rollback_claimed">;
type Report = EventOf<"executed"> | EventOf<"failed"> | EventOf<"rolled_back"> | EventOf<"rollback_failed">;

export function claim(course: Course, { event, says }: Step<Claim>): void {
  const { contract, clocks, asked, ends } = course;
  const { lease, executor, fence, expiresAt, executionEnds } = event.data;
  if (course.lease !== null) says("execution", "It was claimed while somebody else held the lease.");
  if (event.actor.id !== executor) {
    says("execution", "It was claimed by somebody else than the lease is for.");
  }
  if (event.actor.kind !== (isEngineType(asked.type) ? "engine" : "agent")) {
    says("execution", `A ${event.actor.kind} does not execute actions of this type.`);
  }
  if (fence !== course.fence + 1) {
    says("execution", `Its fence is ${fence}, and the one before was ${course.fence}.`);
  }
  if (course.leases.has(lease)) says("execution", "This lease was given out before.");
  let until = event.at + clocks.executionMaxMs;
  if (event.type === "claimed") {
    course.attempts += 1;
    if (course.attempts > 1) {
      if (!contract.idempotent || course.attempts > contract.maxAttempts) {
        says("execution", "It was claimed a second time, and its contract does not allow that.");
      }
      // Attempts never add up to more than the time for one.
      until = ends.execution ?? until;
    } else if (asked.notBefore !== null && event.at < Date.parse(asked.notBefore)) {
      says("clocks", "It was claimed before the time that it may begin.");
    }
  }
  if (executionEnds !== until) says("clocks", "The time that it may run for is not that of its contract.");
  if (expiresAt !== Math.min(event.at + clocks.leaseTtlMs, until)) {
    says("clocks", "The time of the lease is not that of its contract.");
  }
  course.fence = fence;
  course.leases.add(lease);
  course.lease = { lease, executor, fence };
}

export function heartbeat(course: Course, { event, says }: Step<EventOf<"heartbeat">>): void {
  const { lease, clocks, ends } = course;
  if (lease === null || event.actor.id !== lease.executor) {
    says("execution", "The lease was renewed by somebody who does not hold it.");
  }
  if (event.data.expiresAt !== Math.min(event.at + clocks.leaseTtlMs, ends.execution ?? 0)) {
    says("clocks", "The lease was renewed for another time than its contract gives.");
  }
}

export function loseLease(course: Course, { event, says }: Step<EventOf<"lease_lost">>): void {
  const { contract, attempts, fence } = course;
  if (course.lease === null || event.data.fence !== fence) {
    says("execution", "A lease was lost that nobody held.");
  }
  if (!contract.idempotent || attempts >= contract.maxAttempts) {
    says("execution", "It was left to be claimed again, and its contract does not allow that.");
  }
  course.lastLease = course.lease;
  course.lease = null;
}

/** The end of a run or of a rollback: by whoever holds the lease, by the clock, or late by whoever lost it. */
export function settle(course: Course, step: Step<Report>): void {
  const { event, says } = step;
  const { reported, late } = event.data;
  if (!isEffectOf(event)) {
    says("execution", "Its effect is not the state that it led to.");
  }
  const resolves = course.state === "failed";
  if (late !== (reported && course.lease === null)) {
    says("execution", "Whether it came late is not so as it says.");
  }
  if (!reported) checkUnreported(course, step);
  else if (resolves && !course.unreported) {
    says("execution", "A run that was reported was reported once more.");
  } else checkHolder(resolves ? course.lastLease : course.lease, step);
  course.unreported = !reported && event.type === "failed";
  course.lastLease = course.lease ?? course.lastLease;
  course.lease = null;
  checkUndoneByItself(course, step);
}

function isEffectOf({ type, detail, data: { effect, reported } }: Report): boolean {
  if (type === "executed" || type === "rolled_back") return effect === "none";
  return type === "rollback_failed" && reported ? detail === null : effect === detail;
}

function checkUnreported(course: Course, { event, says }: Step<Report>): void {
  const given = course.lease?.lease ?? "";
  const byClock = event.type === "failed" || event.type === "rollback_failed";
  if (
    !byClock ||
    event.actor.kind !== "engine" ||
    event.data.effect !== "unknown" ||
    course.state === "failed"
  ) {
    says("execution", "Nobody reported this, and it is not what the clock does.");
  }
  if (event.data.lease !== given || event.data.fence !== course.fence) {
    says("execution", "It is the end of another lease than the one that was held.");
  }
}

function checkHolder(holder: Held | null, { event, says }: Step<Report>): void {
  const { lease, fence } = event.data;
  if (
    holder === null ||
    holder.lease !== lease ||
    holder.fence !== fence ||
    holder.executor !== event.actor.id
  ) {
    says("execution", "It was reported by somebody who did not hold the lease.");
  }
}

/** Where the contract rolls a failure back by itself, that follows at once. */
function checkUndoneByItself(course: Course, { event, next, says }: Step<Report>): void {
  const byItself = undoesItself(course, event);
  const started = next?.type === "rollback_started" && next.actor.kind === "engine";
  if (byItself && !started) {
    says("transitions", "Its contract rolls such a failure back by itself, and that is missing.");
  }
}

function undoesItself({ contract, asked }: Course, event: Step["before"]): boolean {
  const planned = contract.rollback?.auto === "failed" && Object.hasOwn(asked.values, "/rollbackPlan");
  return planned && event.type === "failed" && event.data.reported && event.data.effect !== "none";
}

export function startRollback(
  course: Course,
  { event, before, says }: Step<EventOf<"rollback_started">>,
): void {
  const { contract, asked, ends, detail } = course;
  if (contract.rollback === null || !Object.hasOwn(asked.values, "/rollbackPlan")) {
    says("execution", "It was rolled back without a plan that had been agreed to.");
  }
  if (detail === "none") says("execution", "It was rolled back although it had no effect.");
  if (event.actor.kind === "engine") {
    if (!undoesItself(course, before) || before.at !== event.at) {
      says("execution", "The engine rolled it back by itself, and its contract does not say so.");
    }
    return;
  }
  if (event.actor.kind !== "person") {
    says("execution", "A rollback is started by a person, or by the engine itself.");
  }
  if (ends.rollback === null || event.at >= ends.rollback) {
    says("clocks", "It was rolled back after the time for that was over.");
  }
}
