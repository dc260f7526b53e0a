import { visible } from "../../core/card/visible.ts";
import type { ActionView } from "../../schemas/action.ts";
import { configOf, PagerDutyConfig } from "../../schemas/config.ts";
import type { Risk } from "../../schemas/policy.ts";
import { permanently, type Channel, type ChannelContext, type Told } from "./channel.ts";
import { postJson } from "./post.ts";

/** PagerDuty's Events API v2: what is longer is cut by it without a word, or refused. In characters. */
export const pagerDutyLimits = { summary: 1_024, dedupKey: 255, linkText: 1_024 } as const;

/** A body for `/v2/enqueue`. */
export type PagerDutyEvent = {
  readonly routing_key: string;
  readonly event_action: "trigger" | "resolve";
  readonly dedup_key: string;
  readonly client?: string;
  readonly client_url?: string;
  readonly links?: readonly { readonly href: string; readonly text: string }[];
  readonly payload?: {
    readonly summary: string;
    readonly source: string;
    readonly severity: "critical" | "error" | "warning" | "info";
    readonly timestamp: string;
    readonly component: string;
    readonly group: string;
    readonly class: string;
    readonly custom_details: Readonly<Record<string, string>>;
  };
};

const severities = {
  critical: "critical",
  high: "error",
  medium: "warning",
  low: "info",
} as const satisfies Record<Risk, string>;

/**
 * The event that says how an action stands: while it is pending an incident is open, and afterwards none is. It depends on
 * the state alone, so events that come late or twice say the same; `dedup_key` makes them one incident. Arguments stay out:
 * whoever is paged is to look at the real thing.
 */
export function pagerDutyEvent(routingKey: string, action: ActionView, now: number): PagerDutyEvent {
  const { id, state, type, risk, target, requester, seats, createdAt, deadlines } = action;
  const key = { routing_key: routingKey, dedup_key: id.slice(0, pagerDutyLimits.dedupKey) };
  if (state !== "pending") return { ...key, event_action: "resolve" };
  const minutes = Math.max(Math.floor((now - Date.parse(createdAt)) / 60_000), 0);
  const summary = `Waiting ${minutes} min for a decision: ${visible(type)} on ${visible(target.resource)} (risk ${risk})`;
  const open = seats.filter(({ n, filled }) => filled < n);
  return {
    ...key,
    event_action: "trigger",
    client: "Holdpoint",
    client_url: action.links.page,
    links: [{ href: action.links.page, text: "Look at it and decide" }],
    payload: {
      summary: cut(summary, pagerDutyLimits.summary),
      source: `holdpoint/${action.workspace}`,
      severity: severities[risk],
      timestamp: createdAt,
      component: visible(target.resource),
      group: visible(action.class),
      class: visible(type),
      custom_details: {
        requester: visible(requester.id),
        owner: visible(requester.owner),
        seats: open.map(({ seat, n, filled }) => `${visible(seat)} ${filled}/${n}`).join(", "),
        expires: deadlines.pending ?? "never",
        digest: action.digest,
      },
    },
  };
}

/** By code points, so that no half of a pair is left at the end. */
function cut(text: string, most: number): string {
  const points = Array.from(text);
  return points.length <= most ? text : `${points.slice(0, most - 1).join("")}…`;
}

/** Sinks `pagerduty:NAME`; the name's routing key is in HOLDPOINT_PAGERDUTY. */
export const pagerDuty: Channel = {
  async send({ sink }, context): Promise<Told> {
    const config = configOf(PagerDutyConfig, context.env);
    const name = sink.slice("pagerduty:".length);
    const keys = config?.HOLDPOINT_PAGERDUTY ?? {};
    const routingKey = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (config === null || routingKey === undefined) {
      return permanently("not sent: HOLDPOINT_PAGERDUTY has no routing key of that name");
    }
    const { HOLDPOINT_PAGERDUTY_URL: url } = config;
    const first = await tell(url, routingKey, context);
    if (first.told !== "trigger") return first.sent;
    // Decided while the trigger was under way: the resolve may have arrived before it, and the incident would stay open.
    const second = await stateOf(context);
    return second === "pending" ? first.sent : (await tell(url, routingKey, context)).sent;
  },
};

type Result = { sent: Exclude<Told, "held">; told: PagerDutyEvent["event_action"] | null };

async function tell(url: string, routingKey: string, context: ChannelContext): Promise<Result> {
  const sight = await context.sight();
  if (sight === null) return { sent: permanently("not sent: the action is gone"), told: null };
  const event = pagerDutyEvent(routingKey, sight.action, context.now());
  const sent = await postJson(url, JSON.stringify(event), context);
  return { sent, told: sent.ok ? event.event_action : null };
}

const stateOf = async (context: ChannelContext): Promise<string | null> =>
  (await context.sight())?.action.state ?? null;
