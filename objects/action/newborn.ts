import { unborn } from "../../core/machine/fold.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";
import type { NewAction } from "./messages.ts";

/** The state row of an action before its first event, with everybody who is to be told of it. */
export function newborn({
  payload,
  known,
  channels,
  origin,
}: NewAction & { payload: Payload }): StoredAction {
  const state = unborn(payload);
  return {
    schema: 1,
    state,
    origin,
    subscribers: [...known.subscribers],
    channels: [...channels],
    alarmAt: null,
    boardSeq: 0,
    boardDue: null,
    news: 0,
    reported: { answers: 0, notified: false },
    deadLetters: 0,
  };
}
