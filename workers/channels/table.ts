import type { Channel } from "./channel.ts";
import { pagerDuty } from "./pagerduty.ts";
import { slack } from "./slack/send.ts";
import { teams } from "./teams.ts";

/** Every channel by what its sinks begin with. Webhooks and callbacks are no channels: `delivery.ts` signs and sends them. */
const channels: Readonly<Record<string, Channel>> = { pagerduty: pagerDuty, slack, teams };

/** The channel of a sink such as `slack:C0123`; null for a webhook, a callback and what is not known here. */
export function channelOf(sink: string): Channel | null {
  const prefix = sink.slice(0, sink.indexOf(":"));
  return Object.hasOwn(channels, prefix) ? (channels[prefix] ?? null) : null;
}
