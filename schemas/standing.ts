import * as v from "valibot";
import { AgentId, PersonId } from "./text.ts";

/** What proved a caller: enough to ask the Registry again whether it still does. A session is named by its cookie's SHA-256. */
export const Holder = v.variant("kind", [
  v.strictObject({ kind: v.literal("key"), id: v.string() }),
  v.strictObject({ kind: v.literal("session"), hash: v.string() }),
  v.strictObject({ kind: v.literal("access"), person: PersonId }),
  /** An agent by its platform's token, from the issuer of that id, or through a service binding, whose `issuer` is null. */
  v.strictObject({ kind: v.literal("workload"), agent: AgentId, issuer: v.nullable(v.string()) }),
]);
export type Holder = v.InferOutput<typeof Holder>;

/**
 * That a holder was in force when the Registry had counted `epoch` withdrawals of keys, sessions and people; and when
 * (epoch ms) it ends by itself, null for never.
 */
export const Standing = v.strictObject({
  holder: Holder,
  epoch: v.number(),
  endsAt: v.nullable(v.number()),
});
export type Standing = v.InferOutput<typeof Standing>;

/** Which of several holders may read, in their order, as things are at `epoch`. */
export type Readers = { readonly epoch: number; readonly reads: boolean[] };

/** The header by which the Worker hands an object the standing of whoever opens a WebSocket. */
export const standingHeader = "x-holdpoint-standing";

/** The standing that the Worker has sent with an upgrade, or null. */
export function standingOf(request: Request): Standing | null {
  const text = v.safeParse(v.pipe(v.string(), v.parseJson(), Standing), request.headers.get(standingHeader));
  return text.success ? text.output : null;
}
