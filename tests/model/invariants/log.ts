import * as v from "valibot";
import { fold } from "../../../core/machine/fold.ts";
import type { State } from "../../../schemas/action.ts";
import { Event, type EventType } from "../../../schemas/event.ts";
import type { NoticeType } from "../../../schemas/webhook.ts";
import { sameData } from "../same-data.ts";
import type { Invariant } from "./invariant.ts";

/** What is promised about the log, its order, and who is told of it. */

/** I4: the events alone lead from the state before to the state after. */
export const foldsToLive: Invariant = ({ world, node, step }) => {
  let state = node.state;
  for (const event of step.events) state = fold(world.payload, state, event);
  return sameData(state, step.state) ? null : "the events do not lead to the state";
};

/** Where an event may lead, written down from the diagram of semantics §2. */
const edges: Readonly<Record<State, readonly State[]>> = {
  pending: ["pending", "approved", "denied", "cancelled", "expired"],
  approved: ["approved", "executing", "cancelled", "expired"],
  executing: ["executing", "executed", "failed"],
  executed: ["executed", "rolling_back"],
  failed: ["failed", "executed", "rolling_back"],
  rolling_back: ["rolling_back", "rolled_back", "rollback_failed"],
  denied: ["denied"],
  cancelled: ["cancelled"],
  expired: ["expired"],
  rolled_back: ["rolled_back"],
  rollback_failed: ["rollback_failed"],
};

/** I5: `seq` has no gap, `at` is the clamped time, and no edge goes back. */
export const forward: Invariant = ({ node, step }) => {
  let { seq, at, state } = node.state;
  for (const event of step.events) {
    if (event.seq !== seq + 1) return `seq went from ${seq} to ${event.seq}`;
    if (event.at !== Math.max(at, node.now)) return `at is ${event.at - at} ms after the last event`;
    if (!edges[state].includes(event.state)) return `an edge from ${state} to ${event.state}`;
    ({ seq, at, state } = event);
  }
  return step.state.seq === seq && step.state.at === at && step.state.state === state
    ? null
    : "the state is not where its last event is";
};

/** What outsiders are told of each event, from the list of webhook types in the API; null: nobody is. */
const told: Readonly<Record<EventType, NoticeType | null>> = {
  requested: "action.pending",
  voted: null,
  lapsed: null,
  broke_glass: "action.broke_glass",
  reviewed: "action.reviewed",
  review_overdue: "action.review_overdue",
  approved: "action.approved",
  denied: "action.denied",
  cancelled: "action.cancelled",
  expired: "action.expired",
  reminded: null,
  escalated: "action.escalated",
  claimed: "action.executing",
  heartbeat: null,
  lease_lost: null,
  executed: "action.executed",
  failed: "action.failed",
  rollback_started: "action.rolling_back",
  rollback_claimed: null,
  rolled_back: "action.rolled_back",
  rollback_failed: "action.rollback_failed",
  feedback: null,
  late_command: null,
  fenced_report: null,
};

const ends: NoticeType[] = ["action.executed", "action.failed", "action.denied"];

const subscribers = [
  { id: "all", events: [], active: true },
  { id: "ends", events: ends, active: true },
  { id: "off", events: [], active: false },
];

/** I6: one outbox row a notice and sink that wants it, and none else. */
export const noticed: Invariant = ({ machine, step }) => {
  for (const event of step.events) {
    const type = told[event.type];
    const sinks = type === null ? [] : ["webhook:all"];
    if (type !== null && ends.includes(type)) sinks.push("webhook:ends");
    if (type !== null && type !== "action.pending") sinks.push("callback");
    const rows = machine.rowsFor(event, { subscribers, channels: [], hasCallback: true }, 0, 7);
    const written = rows.map((row) => row.sink).toSorted();
    if (!sameData(written, sinks.toSorted())) {
      return `${event.type} gives rows for [${written.join()}] and not for [${sinks.join()}]`;
    }
    if (rows.some((row) => row.seq !== event.seq || row.type !== type || row.due !== 7)) {
      return `a row of ${event.type} says something else`;
    }
  }
  return null;
};

const dead: ReadonlySet<State> = new Set(["denied", "cancelled", "expired"]);

const running: ReadonlySet<EventType> = new Set([
  "broke_glass",
  "approved",
  "claimed",
  "executed",
  "rollback_started",
  "rollback_claimed",
]);

/** I10: after expiry, denial or cancellation nothing executes. */
export const overIsOver: Invariant = ({ node, step, after }) => {
  if (after.over === null) return null;
  if (!dead.has(step.state.state)) return `it was ${after.over} and is ${step.state.state}`;
  if (node.history.over !== null && step.events.some(({ type }) => running.has(type))) {
    return `it was ${after.over} and went on`;
  }
  return null;
};

/** A refusal says no and records it; it moves nothing, but for the three that cancel what can no longer run. */
export const refusals: Invariant = ({ node, step, move: { command } }) => {
  if (step.refusal === null) return null;
  if (step.state === node.state) {
    return node.settled === node.state ? null : "a refusal did not settle what was due";
  }
  const own = step.events.filter(({ seq }) => seq > node.settled.seq);
  const notes = own.filter(({ type }) => type !== "late_command" && type !== "fenced_report");
  const cancels =
    ["policy", "drift", "quorum_lost"].includes(step.state.detail ?? "") &&
    (command.type === "claim" || command.type === "vote" || command.type === "breakGlass");
  if (notes.length === 0) {
    return sameData(
      { ...node.settled, seq: 0, at: 0, lateEvents: 0 },
      { ...step.state, seq: 0, at: 0, lateEvents: 0 },
    )
      ? null
      : "a refusal changed the state";
  }
  return cancels && notes.length === 1 && notes[0]?.type === "cancelled"
    ? null
    : `a refusal gave ${notes.map(({ type }) => type).join()}`;
};

/** Every event is of its schema; a state is held against its own when it is entered (`checkPlace`). */
export const wellFormed: Invariant = ({ step }) => {
  const odd = step.events.find((event) => !isWellFormed(event));
  return odd === undefined ? null : `not an event: ${JSON.stringify(odd)}`;
};

/** Events without a time of their own that have been held against the schema, as text without seq and at. */
const known = new Set<string>();

/** The schema is asked once about events that differ in seq and at only: the same ones come back some million times. */
function isWellFormed(event: Event): boolean {
  const { seq, at, ...rest } = event;
  const text = timeless.has(event.type) ? JSON.stringify(rest) : null;
  if (text !== null && known.has(text)) return Number.isInteger(seq) && Number.isInteger(at);
  if (!v.is(Event, event)) return false;
  if (text !== null) known.add(text);
  return true;
}

const timeless: ReadonlySet<EventType> = new Set([
  "voted",
  "lapsed",
  "approved",
  "denied",
  "cancelled",
  "late_command",
]);

/** Escalation goes one level at a time, whether its time has come or a delivery has failed. */
export const oneLevelUp: Invariant = ({ node, step }) => {
  let level = node.state.escalations;
  for (const event of step.events) {
    if (event.type !== "escalated") continue;
    if (event.data.level !== level + 1) return `level ${event.data.level} came after level ${level}`;
    level = event.data.level;
  }
  return null;
};

/** A word on an action is kept, and moves nothing: not where it stands, not its clocks, not who counts. */
export const wordsMoveNothing: Invariant = ({ node: { settled }, step, move: { command } }) => {
  if (command.type !== "feedback" || step.refusal !== null) return null;
  const { feedback, ...rest } = step.state;
  const before = settled.feedback;
  const said = feedback?.said.some(({ by, label }) => by === command.actor.id && label === command.label);
  if (feedback?.count !== (before?.count ?? 0) + 1 || said !== true) return "what was said is not kept";
  const { feedback: _, ...others } = settled;
  return sameData({ ...others, seq: 0, at: 0 }, { ...rest, seq: 0, at: 0 }) ? null : "a word moved something";
};
