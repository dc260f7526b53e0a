import { entryHash, linkOf, type Link } from "../../core/evidence/entry.ts";
import { fold } from "../../core/machine/fold.ts";
import { bytesOf, moreHeld, textBytes, type HeldBytes } from "../../core/retention/dues.ts";
import type { Event } from "../../schemas/event.ts";
import type { Hash, Openings } from "../../schemas/evidence.ts";
import type { ActionState } from "../../schemas/stored.ts";
import type { Loaded } from "./loaded.ts";
import * as rows from "./rows.ts";
import { eventFrom, markRow, newSalt, openedRow, openEntry, sha256Hex } from "./sealing.ts";

/** The log of an action: each entry holds the hash of the one before it, and is never written again. */

/**
 * Appends events to the chain, inside the caller's transaction. Where a class is gone already, what is said of it now is not kept,
 * and the state is the one that the log as it is kept leads to.
 * @param there the action as it is before them, with the state that they lead to in `after`.
 * @returns the action with that state and its new head.
 */
export function append(
  sql: SqlStorage,
  there: Loaded,
  after: ActionState,
  events: readonly Event[],
  mark: rows.Marked | null,
): Loaded {
  let { first, head } = there.stored;
  let kept = there.stored.state;
  let held = there.stored.held ?? livingBytes(there, there.chained.openings);
  for (const event of events) {
    const link = linkOf(
      { payload: there.payload, ...there.chained },
      event,
      head ?? null,
      newSalt,
      sha256Hex,
    );
    const opened = openedRow(there, event.seq, link);
    const row = { seq: event.seq, body: link.text, opened };
    rows.insertEntry(sql, row, event === events.at(-1) ? marked(there, event, mark) : unmarked(event));
    if (isForgetful(there)) kept = fold(there.payload, kept, eventFrom(there, row));
    held = moreHeld(moreHeld(held, livingBytes(there, link.openings)), entryBytes(there, link));
    first ??= link.hash;
    head = link.hash;
  }
  const state = isForgetful(there) ? kept : after;
  return {
    ...there,
    stored: { ...there.stored, state, held, ...(first && { first }), ...(head && { head }) },
  };
}

/** How much is kept of these: nothing of a class that is gone. */
function livingBytes({ keys }: Loaded, openings: Link["openings"]): HeldBytes {
  const sizes = Object.entries(bytesOf(openings));
  return Object.fromEntries(sizes.filter(([name]) => Object.hasOwn(keys, name)));
}

const entryBytes = ({ payload }: Loaded, { text }: Link): HeldBytes => ({
  [payload.contract.retention.evidence]: textBytes(text),
});

/** The row's own form of the mark: see `markRow`. */
function marked(there: Loaded, event: Event, mark: rows.Marked | null): rows.Marked {
  if (mark === null) return unmarked(event);
  const { actor, key, fingerprint } = mark;
  if (key === null || fingerprint === null) return mark;
  return markRow(there, { actor, key, fingerprint }) ?? unmarked(event);
}

const unmarked = ({ actor }: Event): rows.Marked => ({ actor: actor.id, key: null, fingerprint: null });

const isForgetful = ({ stored: { erased = {} } }: Loaded): boolean => Object.keys(erased).length > 0;

/** Events after `afterSeq`, oldest first, with what can still be opened of them. */
export function readEvents(
  sql: SqlStorage,
  there: Pick<Loaded, "payload" | "keys">,
  afterSeq: number,
): Event[] {
  return rows.readEntries(sql, afterSeq).map((row) => eventFrom(there, row));
}

/** Every entry as it was hashed, with what opens it and is not an executor's alone; the first with what opens the request. */
export function readEntries(sql: SqlStorage, there: Loaded): { text: string; openings: Openings }[] {
  const asked: Openings = Object.assign({}, ...Object.values(there.chained.openings));
  return rows.readEntries(sql, 0).map(({ seq, body, opened }) => {
    const { openings } = openEntry(there, seq, opened);
    return { text: body, openings: seq === 1 ? { ...asked, ...openings } : openings };
  });
}

/** What is wrong with the end of the log by what the state row says of it; null where nothing is. */
export function faultOf(sql: SqlStorage, head: Hash | undefined): string | null {
  const last = rows.lastEntry(sql);
  if (last === null || head === undefined || entryHash(last, sha256Hex) === head) return null;
  return `its last entry is not the one that was written: ${entryHash(last, sha256Hex)}, and not ${head}; put it back from a backup`;
}
