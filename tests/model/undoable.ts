import type { Event } from "../../schemas/event.ts";
import { cast, contractOf, payloadOf } from "./cast.ts";
import { Play } from "./play.ts";

/** An action that can be undone, and by one person in an emergency, on its way step by step. */

const { alice, erin } = cast;
export const undoable = contractOf({ rollback: { window: "1m" }, breakGlass: { by: [erin.id] } });
export const requested = (contract = undoable, parts: Parameters<typeof payloadOf>[1] = {}): Play =>
  new Play(payloadOf(contract, parts)).request();
export const after = (play: Play, ...moves: ((play: Play) => unknown)[]): Play => {
  for (const move of moves) move(play);
  return play;
};
export const approve = (play: Play): unknown => play.vote(alice, "approve");
export const claim = (play: Play): unknown => play.claim();
export const succeed = (play: Play): unknown => play.report();
export const rollBack = (play: Play): unknown => play.rollback();
export const approved = (): Play => after(requested(), approve);
export const executing = (): Play => after(approved(), claim);
export const executed = (): Play => after(executing(), succeed);

export const last = (play: Play): Event | undefined => play.events.at(-1);
export const quiet = {
  pending: null,
  approval: null,
  lease: null,
  execution: null,
  rollback: null,
  review: null,
};
