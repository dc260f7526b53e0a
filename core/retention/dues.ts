import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import { canonicalJson } from "../canonical.ts";
import type { OpeningsByClass } from "../evidence/payload.ts";
import { isOver } from "../machine/deadlines.ts";
import { keptForMs } from "./classes.ts";

/** How much of each class is held, in bytes; a class that is gone, or of which there never was anything, is left out. */
export type HeldBytes = Readonly<Partial<Record<RetentionClass, number>>>;

/** A class that something is held of. `dueAt` (epoch ms) is when it is to go; null while nobody can say, because the action goes on. */
export type DueClass = {
  readonly class: RetentionClass;
  readonly dueAt: number | null;
  readonly bytes: number;
};

/**
 * What the lives of an action's values are counted from (epoch ms): its end, or the end of the time in which it may be put back or is
 * to be reviewed, whichever is last. Null while anything may still happen to it by itself.
 */
export function anchorOf(payload: Payload, state: ActionState): number | null {
  if (!isOver(payload, state)) return null;
  const { rollback, review } = state.deadlines;
  return Math.max(endOf(state), rollback ?? 0, review ?? 0);
}

/**
 * When it came to what it is: what is said of it afterwards prolongs nothing, and what the clock ended, ended at its deadline,
 * however late that was noticed.
 */
function endOf({ at, times, outcome, resolved, rollback }: ActionState): number {
  const { decidedAt, leftAt, finishedAt } = times;
  const ends = [decidedAt, leftAt, finishedAt, resolved ? (outcome?.at ?? null) : null].filter(isTime);
  const last = ends.length === 0 ? (outcome?.at ?? at) : Math.max(...ends);
  return Math.max(last, rollback?.outcome?.at ?? 0);
}

const isTime = (value: number | null): value is number => value !== null;

/** What is held, and when it is to go: from that moment on it is due, and not before. */
export function duesOf(payload: Payload, state: ActionState, held: HeldBytes): DueClass[] {
  const anchor = anchorOf(payload, state);
  return retentionClasses.flatMap((name) => {
    const bytes = held[name];
    if (bytes === undefined) return [];
    const dueAt = anchor === null ? null : anchor + keptForMs(payload.contract, name);
    return [{ class: name, dueAt, bytes }];
  });
}

/** The UTF-8 bytes of the canonical JSON of every value that these openings hold, by class. */
export function bytesOf(byClass: OpeningsByClass): HeldBytes {
  const sizes: Partial<Record<RetentionClass, number>> = {};
  for (const name of retentionClasses) {
    const openings = byClass[name];
    if (openings === undefined) continue;
    sizes[name] = Object.values(openings).reduce(
      (sum, { value }) => sum + textBytes(canonicalJson(value)),
      0,
    );
  }
  return sizes;
}

const encoder = new TextEncoder();
/** UTF-8 bytes of a text. */
export const textBytes = (text: string): number => encoder.encode(text).byteLength;

/** Two of them together. */
export function moreHeld(held: HeldBytes, more: HeldBytes): HeldBytes {
  const sum = { ...held };
  for (const name of retentionClasses) {
    const bytes = more[name];
    if (bytes !== undefined) sum[name] = (sum[name] ?? 0) + bytes;
  }
  return sum;
}
