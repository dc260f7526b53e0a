import type { Detail, State } from "../../schemas/action.ts";
import type { Asked } from "../../schemas/asked.ts";
import type { Event, EventOf } from "../../schemas/event.ts";
import type { Contract } from "../../schemas/policy.ts";
import { clocksOf, type ResolvedClocks } from "../clocks.ts";
import { ownerExcluded } from "../eligibility.ts";
import type { Check, Report } from "./verify-finding.ts";

/** What is known of an action while its entries are walked: told by nothing but them and the contract. */

export type Cast = Pick<EventOf<"voted">["data"], "person" | "decision" | "selectors" | "identity">;
export type Held = {
  /** SHA-256 of its id. */
  readonly lease: string;
  readonly executor: string;
  readonly fence: number;
};

export type Course = {
  readonly contract: Contract;
  readonly asked: Asked;
  readonly clocks: ResolvedClocks;
  state: State;
  detail: Detail | null;
  /** When the state that it is in ends (epoch ms). */
  readonly ends: Record<"pending" | "approval" | "lease" | "execution" | "rollback", number | null>;
  readonly votes: Map<string, Cast>;
  escalations: number;
  fence: number;
  attempts: number;
  lease: Held | null;
  lastLease: Held | null;
  readonly leases: Set<string>;
  /** A run that nobody reported, and for which a late report may still come. */
  unreported: boolean;
  /** The votes alone do not show why it was closed. */
  doubted: boolean;
  glass: { readonly person: string; readonly due: number; reviewed: boolean; overdue: boolean } | null;
};

/** One entry where it stands. `says` puts a fault down against it. */
export type Step<E extends Event = Event> = {
  readonly event: E;
  readonly before: Event;
  readonly next: Event | null;
  /** Somebody gave a reason, whether or not it can still be read. */
  readonly reasoned: boolean;
  readonly says: (check: Check, fault: string) => void;
};

export function courseOf(contract: Contract, asked: Asked, first: Event): Course {
  const clocks = clocksOf(contract);
  const pending = earliest(first.at + clocks.pendingTtlMs, asked.notAfter);
  return {
    contract,
    asked,
    clocks,
    state: first.state,
    detail: first.detail,
    ends: { ...nothingEnds, pending },
    votes: new Map(),
    escalations: 0,
    fence: 0,
    attempts: 0,
    lease: null,
    lastLease: null,
    leases: new Set(),
    unreported: false,
    doubted: false,
    glass: null,
  };
}

export const nothingEnds = {
  pending: null,
  approval: null,
  lease: null,
  execution: null,
  rollback: null,
} as const;

export const earliest = (ends: number, notAfter: string | null): number =>
  notAfter === null ? ends : Math.min(ends, Date.parse(notAfter));

/** The earliest end of the state that it is in; null where time alone ends nothing. */
export function limitOf({ state, ends }: Course): number | null {
  const times = endsOf(state, ends).filter((at) => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}

function endsOf(
  state: State,
  { pending, approval, lease, execution, rollback }: Course["ends"],
): (number | null)[] {
  switch (state) {
    case "pending":
      return [pending];
    case "approved":
      return [approval];
    case "executing":
      return [lease, execution];
    case "rolling_back":
      return [lease, execution, rollback];
    default:
      return [];
  }
}

/** Whoever decides here under no version of the contract. */
export function neverDecide({ asked: { requester, authors = [] } }: Pick<Course, "asked">): Set<string> {
  const { kind, id, onBehalfOf } = requester;
  return new Set([
    ...(kind === "agent" ? [] : [id]),
    ...(onBehalfOf === undefined ? [] : [onBehalfOf]),
    ...authors,
  ]);
}

/** Whether this contract keeps the agent's owner from deciding. */
export const keepsOwnerOut = ({ asked, contract }: Pick<Course, "asked" | "contract">): boolean =>
  asked.requester.kind === "agent" && ownerExcluded(contract);

/** The same walk over another report. */
export const teller =
  (report: Report, where: string): Step["says"] =>
  (check, fault) =>
    report.failed(check, fault, where);
