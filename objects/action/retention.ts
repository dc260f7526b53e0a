import { anchorOf, duesOf, type DueClass } from "../../core/retention/dues.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import { openText, sealText } from "../at-rest.ts";
import type { Loaded } from "./loaded.ts";

/** What an action holds, when each class of it is to go, and who has asked for that before. Nothing here writes. */

/** A class that has a time to go at. */
type Dated = DueClass & { readonly dueAt: number };

function datedIn({ payload, stored }: Loaded): Dated[] {
  return duesOf(payload, stored.state, stored.held ?? {}).flatMap((due) =>
    due.dueAt === null ? [] : [{ ...due, dueAt: due.dueAt }],
  );
}

/** What is due at `now` (epoch ms), the evidence itself last: when that goes, nothing else of the action may be left. */
export function dueNow(there: Loaded, now: number): Dated[] {
  const due = datedIn(there).filter(({ dueAt }) => dueAt <= now);
  return due.toSorted(
    (one, other) => Number(isEvidence(there, one.class)) - Number(isEvidence(there, other.class)),
  );
}

/** When the alarm is to look at it next (epoch ms); null while there is nothing that has a time to go at. */
export function nextDueAt(there: Loaded): number | null {
  const { askAt = 0, erasing } = there.stored;
  const times = datedIn(there).map(({ dueAt }) => dueAt);
  const due = times.length === 0 ? Infinity : Math.max(Math.min(...times), askAt);
  const next = Math.min(due, erasing === undefined ? Infinity : erasing.at + resumeAfterMs);
  return next === Infinity ? null : next;
}

/** So long after somebody has asked for it an erasure is gone on with: whoever was at it is not any more. */
export const resumeAfterMs = 60_000;

export const isEvidence = ({ payload }: Loaded, name: RetentionClass): boolean =>
  payload.contract.retention.evidence === name;

/** The classes of which something is held. */
export const heldIn = ({ stored }: Loaded): RetentionClass[] =>
  retentionClasses.filter((name) => stored.held?.[name] !== undefined);

const instant = (ms: number): string => new Date(ms).toISOString();

/** Which classes go where somebody asks for one before its time: with the evidence goes everything. Refused while it is still needed. */
export function goingWith(
  there: Loaded,
  name: RetentionClass,
  now: number,
): Result<RetentionClass[], Refusal> {
  if (there.fault !== null) return refusal("conflict", `Nothing can be let go of: ${there.fault}.`);
  const anchor = anchorOf(there.payload, there.stored.state);
  if (anchor === null) {
    const detail = "Nothing is let go of while it is open or running. Cancel it, or wait for its end.";
    return refusal("wrong_state", detail);
  }
  if (anchor > now) {
    const detail = `It may still be rolled back, or is to be reviewed, until ${instant(anchor)}; what it holds is needed for that.`;
    return { ok: false, error: { code: "wrong_state", detail, until: instant(anchor) } };
  }
  const held = heldIn(there);
  if (!held.includes(name)) {
    const at = there.stored.erased?.[name];
    if (at !== undefined) return ok([]);
    return refusal("conflict", `It holds nothing of the class ${name}.`);
  }
  if (!isEvidence(there, name)) return ok([name]);
  return ok([...held.filter((one) => one !== name), name]);
}

/** Who had it erased before its time, and their words, as they are kept. */
type ErasedBy = NonNullable<Loaded["stored"]["erasedBy"]>;

const aboutOf = ({ payload }: Loaded, name: RetentionClass): string =>
  `${payload.workspace}/${payload.id}/erased/${name}`;

/** With somebody's name and words beside each class; the words go with the evidence. */
export function withErasedBy(
  there: Loaded,
  classes: readonly RetentionClass[],
  { by, because }: { readonly by: string; readonly because: string },
): Loaded {
  const key = there.keys[there.payload.contract.retention.evidence];
  if (key === undefined) return there;
  const erasedBy: ErasedBy = { ...there.stored.erasedBy };
  for (const name of classes) erasedBy[name] = { by, because: sealText(key, aboutOf(there, name), because) };
  return { ...there, stored: { ...there.stored, erasedBy } };
}

/** The same as it is shown. */
export function erasedByOf(there: Loaded): ErasedBy {
  const key = there.keys[there.payload.contract.retention.evidence];
  const shown: ErasedBy = {};
  for (const name of retentionClasses) {
    const one = there.stored.erasedBy?.[name];
    const because =
      one === undefined || key === undefined ? null : openText(key, aboutOf(there, name), one.because);
    if (one !== undefined && because !== null) shown[name] = { by: one.by, because };
  }
  return shown;
}

/** With what somebody wants gone from `now` (epoch ms) on; their words go with the evidence. */
export function withErasing(
  there: Loaded,
  {
    class: name,
    by,
    because,
  }: { readonly class: RetentionClass; readonly by: string; readonly because: string },
  now: number,
): Loaded {
  const key = there.keys[there.payload.contract.retention.evidence];
  if (key === undefined) return there;
  const erasing = { class: name, by, because: sealText(key, aboutOf(there, name), because), at: now };
  return { ...there, stored: { ...there.stored, erasing } };
}

export function withoutErasing(there: Loaded): Loaded {
  const { erasing: _, ...stored } = there.stored;
  return { ...there, stored };
}

/** What is still to be done of that; null where nothing is. */
export function erasingOf(there: Loaded): {
  readonly class: RetentionClass;
  readonly by: string;
  readonly because: string;
  readonly at: number;
} | null {
  const key = there.keys[there.payload.contract.retention.evidence];
  const { erasing } = there.stored;
  if (erasing === undefined || key === undefined) return null;
  const because = openText(key, aboutOf(there, erasing.class), erasing.because);
  return because === null ? null : { ...erasing, because };
}
