import * as v from "valibot";
import { startStandIn, type StandIn } from "./stand-in.ts";

const Text = (most: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(most));

/** The Events API v2 as its reference has it; a field it does not know is a mistake of ours. */
export const EnqueueBody = v.variant("event_action", [
  v.strictObject({
    routing_key: v.pipe(v.string(), v.length(32)),
    event_action: v.literal("trigger"),
    dedup_key: v.optional(Text(255)),
    payload: v.strictObject({
      summary: Text(1_024),
      source: Text(1_024),
      severity: v.picklist(["critical", "error", "warning", "info"]),
      timestamp: v.optional(v.pipe(v.string(), v.isoTimestamp())),
      component: v.optional(Text(1_024)),
      group: v.optional(Text(1_024)),
      class: v.optional(Text(1_024)),
      custom_details: v.optional(v.record(v.string(), v.unknown())),
    }),
    links: v.optional(
      v.array(v.strictObject({ href: v.pipe(v.string(), v.url()), text: v.optional(v.string()) })),
    ),
    client: v.optional(v.string()),
    client_url: v.optional(v.pipe(v.string(), v.url())),
  }),
  v.strictObject({
    routing_key: v.pipe(v.string(), v.length(32)),
    event_action: v.literal("resolve"),
    dedup_key: Text(255),
  }),
]);

export type PagerDuty = StandIn & {
  /** By `dedup_key`. A trigger of an open incident is added to it, a resolve of none is taken and does nothing. */
  readonly incidents: Map<string, "open" | "resolved">;
};

const maxBytes = 512 * 1_024;

/** PagerDuty's `/v2/enqueue` on loopback: 202 with the dedup key, 400 for what its reference does not allow, 413 when too large. */
export async function startPagerDuty(): Promise<PagerDuty> {
  const incidents: PagerDuty["incidents"] = new Map();
  const standIn = await startStandIn((body, bytes) => {
    if (bytes > maxBytes) return { status: 413 };
    const event = v.safeParse(EnqueueBody, body);
    if (!event.success) {
      const errors = event.issues.map((issue) => `${v.getDotPath(issue) ?? ""}: ${issue.message}`);
      return { status: 400, body: { status: "invalid event", message: "Event object is invalid", errors } };
    }
    const { event_action: action, dedup_key: key = "made-up" } = event.output;
    if (action === "trigger") incidents.set(key, "open");
    else if (incidents.has(key)) incidents.set(key, "resolved");
    return { status: 202, body: { status: "success", message: "Event processed", dedup_key: key } };
  });
  return Object.assign(standIn, { incidents });
}
