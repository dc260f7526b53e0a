import type { EventOf } from "../../schemas/event.ts";
import { clocksOf } from "../clocks.ts";
import { identityOf } from "../eligibility.ts";
import type { Command, Situation } from "./command.ts";
import { skippedBy } from "./glass.ts";

/** What the log keeps of broken glass: who, for what, round whom, who is told, and by when it is to be reviewed. */
export function brokeGlass(
  situation: Situation,
  { actor, reason, use, incident }: Extract<Command, { type: "breakGlass" }>,
): Omit<EventOf<"broke_glass">, "seq" | "at"> {
  const { payload, facts, now } = situation;
  const { id: person } = actor;
  const { skipped, told } = skippedBy(situation, person);
  const identity = identityOf(person, facts.directory, now);
  const reviewDue = now + (clocksOf(payload.contract).reviewDueMs ?? 0);
  return {
    type: "broke_glass",
    state: "pending",
    detail: null,
    actor,
    reason,
    data: { person, identity, use, incident, skipped, told, reviewDue },
  };
}
