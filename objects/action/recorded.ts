import type { Recorded } from "../../schemas/replay.ts";
import type { Payload } from "../../schemas/stored.ts";

/** What an action has kept of what was asked, as far as a policy looks at it. */
export function recordedOf(payload: Payload): Recorded {
  const { id, type, createdAt, target, args, requester, agent, sums, level, decision } = payload;
  return {
    id,
    type,
    at: createdAt,
    target,
    args,
    requester,
    agent: agent ?? null,
    sums: sums ?? {},
    level: level ?? null,
    decision,
  };
}
