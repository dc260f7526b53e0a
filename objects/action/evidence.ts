import { isShown, shownCard, shownOf } from "../../core/card/shown.ts";
import { isOver } from "../../core/machine/deadlines.ts";
import { fold, unborn } from "../../core/machine/fold.ts";
import { nowOf } from "../../core/machine/step.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { classOf } from "../../core/evidence/payload.ts";
import { plainObject } from "../../core/plain-json.ts";
import { duesOf, textBytes } from "../../core/retention/dues.ts";
import { viewOf } from "../../core/view.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import type { Event, ShownCard } from "../../schemas/event.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { Seen } from "../../schemas/ledger.ts";
import { retentionClasses } from "../../schemas/retention.ts";
import type { ActionState, Payload, StoredAction } from "../../schemas/stored.ts";
import { readEntries, readEvents } from "./chain.ts";
import type { Loaded } from "./loaded.ts";
import { sha256Hex } from "./sealing.ts";

/** What an action hands out of itself, for whoever may read all of it. The ids of leases are not in it. */
export type ActionEvidence = Pick<Bundle, "entries" | "contract" | "redactions" | "erased" | "shown"> & {
  /** What the ledger is told of it. */
  readonly seen: Seen;
  /** The policy that the contract is of. */
  readonly policyVersion: string;
};

/** Everything there is to check the action by. It writes nothing, and shows what time has made true only once that is written. */
export function evidenceOf(sql: SqlStorage, there: Loaded): ActionEvidence {
  const { payload, stored } = there;
  return {
    entries: readEntries(sql, there),
    contract: plainObject(payload.contract),
    redactions: [...(payload.redactions ?? [])],
    erased: erasedOf(stored),
    shown: shownIn(payload, readEvents(sql, there, 0)),
    seen: seenOf(there),
    policyVersion: payload.policyVersion,
  };
}

function erasedOf({ erased = {} }: StoredAction): Seen["erased"] {
  return retentionClasses.flatMap((name) => {
    const at = erased[name];
    return at === undefined ? [] : [{ class: name, at }];
  });
}

/** What the ledger is to know of it. */
export function seenOf({ payload, stored }: Loaded): Seen {
  const { state, first, head } = stored;
  if (first === undefined || head === undefined) throw new Error(`${payload.id} has no entry yet`);
  return {
    action: payload.id,
    type: payload.type,
    requester: payload.requester.id,
    first,
    events: state.seq,
    head,
    state: state.state,
    over: isOver(payload, state),
    holds: duesOf(payload, state, stored.held ?? {}),
    context: contextBytes(payload, stored),
    erased: erasedOf(stored),
  };
}

function contextBytes({ context, contract }: Payload, { erased = {} }: StoredAction): number {
  const isGone = context === null || erased[classOf(contract, "/context")] !== undefined;
  return isGone ? 0 : textBytes(canonicalJson(context));
}

/** What is shown to whoever votes at `now` (epoch ms). */
export function shownAt({ payload, stored: { state } }: Loaded, now: number): ShownCard {
  return shownOf(cardAt(payload, nowOf(payload, state, now)), sha256Hex);
}

function cardAt(payload: Payload, state: ActionState): JsonObject {
  const { description, rollback } = payload.contract;
  const told = { description: description ?? null, rollback: rollback !== null };
  return shownCard(viewOf(payload, state, ""), told);
}

/** The card of each vote, made again; null where it cannot be made any more. */
function shownIn(payload: Payload, events: readonly Event[]): Bundle["shown"] {
  let state = unborn(payload);
  // Votes that lapse with a new one are written before it; its voter was shown how it stood before both.
  let asked = state;
  return events.flatMap((event) => {
    const then = asked;
    state = fold(payload, state, event);
    if (event.type !== "lapsed") asked = state;
    if (event.type !== "voted" || event.data.shown === undefined) return [];
    const card = cardAt(payload, then);
    return [{ seq: event.seq, card: isShown(card, event.data.shown, sha256Hex) ? card : null }];
  });
}
