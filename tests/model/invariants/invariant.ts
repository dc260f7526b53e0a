import type { EventOf, EventType } from "../../../schemas/event.ts";
import type { Taken } from "../node.ts";

/** What must hold of every move: null, or what does not. */
export type Invariant = (taken: Taken) => string | null;

export const eventOf = <Type extends EventType>(
  { step: { events } }: Taken,
  type: Type,
): EventOf<Type> | undefined => events.find((event): event is EventOf<Type> => event.type === type);
