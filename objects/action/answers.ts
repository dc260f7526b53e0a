import { foldAll } from "../../core/machine/fold.ts";
import { nowOf } from "../../core/machine/step.ts";
import { eventView, viewOf } from "../../core/view.ts";
import type { ActionView } from "../../schemas/action.ts";
import type { Shown, Sight } from "../../schemas/channel.ts";
import type { EraseAnswer } from "../../schemas/erase.ts";
import type { Event } from "../../schemas/event.ts";
import { retentionClasses } from "../../schemas/retention.ts";
import type { Tombstone } from "../../schemas/tombstone.ts";
import { leaseAnswer, placeOf, refusedIdempotency } from "./judging.ts";
import type { Mark } from "./loaded.ts";
import type { Reply } from "./messages.ts";
import { readEvents } from "./chain.ts";
import { erasedByOf } from "./retention.ts";
import * as rows from "./rows.ts";
import { markRow } from "./sealing.ts";
import type { Loaded } from "./store.ts";

/** What an action answers: to a command, to one that came before, to whoever looks or listens. Nothing here writes. */

/** As it is at `now` (epoch ms), with what time has already made true. */
export function viewAt(there: Loaded, origin: string, now: number): ActionView {
  const { payload, stored } = there;
  return viewOf(payload, nowOf(payload, stored.state, now), origin, {
    ...stored,
    asked: erasedByOf(there),
  });
}

/** What is gone of an action, or of the one that a tombstone is of. `fresh`: something has gone just now. */
export function erasedAnswer(left: Loaded | Tombstone | null, fresh: boolean): Reply {
  if (left === null) return { kind: "absent" };
  const gone = "erasedAt" in left;
  const id = gone ? left.action : left.payload.id;
  const times = (gone ? left.erased : left.stored.erased) ?? {};
  const erased = retentionClasses.flatMap((name) => {
    const at = times[name];
    return at === undefined ? [] : [{ class: name, at: new Date(at).toISOString() }];
  });
  const seq = gone ? left.events : left.stored.state.seq;
  const answer: EraseAnswer = { id, erased, gone };
  return { kind: "done", body: JSON.stringify(answer), seq, lease: null, fresh };
}

/** What a channel has to show. */
export function sightOf(there: Loaded, shown: Shown | null, unsure: boolean, now: number): Sight {
  const { description, rollback } = there.payload.contract;
  const told = { description: description ?? null, rollback: rollback !== null };
  const { contract } = there.payload;
  const erasedAt = there.stored.erased?.[contract.retention.payload];
  const stub = erasedAt === undefined ? {} : { stub: new Date(erasedAt).toISOString() };
  return { action: viewAt(there, there.stored.origin, now), told, shown, unsure, ...stub };
}

/** One stream message an event, for whoever came by that address. */
export function messagesOf(
  { payload, stored }: Loaded,
  events: readonly Event[],
): (origin: string) => string[] {
  return (origin) => {
    const action = viewOf(payload, stored.state, origin, stored);
    return events.map((event) => JSON.stringify({ event: eventView(payload, event), action }));
  };
}

/** The first answer to a command that has come before under the same key; null where none has. */
export function replayOf(sql: SqlStorage, there: Loaded, mark: Mark, origin: string): Reply | null {
  // Rows of before hold both as they were sent.
  const hidden = markRow(there, mark) ?? mark;
  const before = rows.findMark(sql, mark.actor, [hidden.key, mark.key]);
  if (before === null) return null;
  if (before.fingerprint !== hidden.fingerprint && before.fingerprint !== mark.fingerprint) {
    return refusedIdempotency(placeOf(there));
  }
  return doneAt(sql, there, before.seq, origin, false);
}

/** The answer of the command that ended at `seq`, also when the action has moved on since. */
export function doneAt(sql: SqlStorage, there: Loaded, seq: number, origin: string, fresh: boolean): Reply {
  const { payload, stored } = there;
  if (seq === stored.state.seq) {
    const lease = leaseAnswer(payload, stored.state.lease);
    return {
      kind: "done",
      body: JSON.stringify(viewOf(payload, stored.state, origin, stored)),
      seq,
      lease,
      fresh,
    };
  }
  const log = readEvents(sql, there, 0);
  const then = foldAll(
    payload,
    log.filter((event) => event.seq <= seq),
  );
  // A repeated claim gets its lease again, and with it what has become of the action since (peer failure P4).
  const claimed = log.find(
    (event) => event.seq === seq && (event.type === "claimed" || event.type === "rollback_claimed"),
  );
  const shown = claimed === undefined ? then : stored.state;
  const lease = leaseAnswer(payload, then.lease);
  return { kind: "done", body: JSON.stringify(viewOf(payload, shown, origin, stored)), seq, lease, fresh };
}
