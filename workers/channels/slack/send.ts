import * as v from "valibot";
import { cardOf } from "../../../core/card/card.ts";
import { slackMessage, type SlackMessage } from "../../../core/card/slack.ts";
import { besideCard } from "../../../core/outbox.ts";
import type { Shown, Sight } from "../../../schemas/channel.ts";
import { configOf, SlackConfig } from "../../../schemas/config.ts";
import type { Delivery } from "../../../schemas/message.ts";
import { forNow, permanently, type Channel, type Told } from "../channel.ts";
import { slackClient, type SlackAnswer, type SlackCall } from "./client.ts";

/** What Slack says of a message: where it is, and the name it is edited by. */
const Posted = v.object({ channel: v.string(), ts: v.string() });

/** Nothing in a message is made a link, a mention or a preview that we have not made one. */
export const asItIs = { unfurl_links: false, unfurl_media: false, parse: "none", link_names: false } as const;

/**
 * One card for each recipient, `slack:<channel or user id>`: posted once, edited as the action changes, and what is said
 * beside it in its thread. All of it is rendered from the action as it is now.
 */
export const slack: Channel = {
  async send(delivery, context) {
    const config = configOf(SlackConfig, context.env);
    if (config === null) return permanently("not sent: Slack is not set up here");
    const right = await context.begin();
    if (right.kind === "held") return "held";
    if (right.kind === "settled") return { ok: true };
    return tell(
      delivery,
      right.sight,
      slackClient(config, context.fetch, () => context.now()),
    );
  },
};

async function tell(delivery: Delivery, sight: Sight, call: SlackCall): Promise<Told> {
  const { shown } = sight;
  if (shown === null) return post(delivery, sight, call);
  if (besideCard.has(delivery.type)) return reply(delivery, sight, shown, call);
  return shown.seq >= sight.action.seq ? { ok: true, shown } : update(delivery, sight, shown, call);
}

async function post(delivery: Delivery, sight: Sight, call: SlackCall): Promise<Told> {
  const channel = delivery.sink.slice("slack:".length);
  const answer = await fitting(sight, (message) =>
    call("chat.postMessage", { channel, text: message.text, blocks: message.blocks, ...asItIs }),
  );
  if (!answer.ok) return failed(answer);
  const posted = v.safeParse(Posted, answer.body);
  if (!posted.success) return forNow("Slack's answer cannot be read");
  return { ok: true, shown: { ...posted.output, seq: sight.action.seq } };
}

async function update(delivery: Delivery, sight: Sight, shown: Shown, call: SlackCall): Promise<Told> {
  const { channel, ts } = shown;
  const answer = await fitting(sight, (message) =>
    call("chat.update", {
      channel,
      ts,
      text: message.text,
      blocks: message.blocks,
      parse: "none",
      link_names: false,
    }),
  );
  if (answer.ok) return { ok: true, shown: { channel, ts, seq: sight.action.seq } };
  if (answer.kind !== "no message") return failed(answer);
  // Somebody has deleted the card. Whoever is still to decide needs one; what is over needs none.
  if (sight.action.state === "pending") return post(delivery, sight, call);
  return { ok: true, shown: { ...shown, seq: sight.action.seq } };
}

/** In the card's thread, so that it reaches whoever has seen the card and changes nothing on it. */
async function reply(delivery: Delivery, sight: Sight, shown: Shown, call: SlackCall): Promise<Told> {
  // What waits for nobody any more is not to be reminded of.
  if (sight.action.state !== "pending") return { ok: true, shown };
  const text =
    delivery.type === "action.reminded" ? "Still waiting for a decision." : "Still waiting: escalated.";
  const answer = await call("chat.postMessage", {
    channel: shown.channel,
    thread_ts: shown.ts,
    text,
    ...asItIs,
  });
  return answer.ok ? { ok: true, shown } : failed(answer);
}

/** Sends the message, and once more without the facts where Slack finds it too large. */
async function fitting(
  { action, told }: Sight,
  send: (message: SlackMessage) => Promise<SlackAnswer>,
): Promise<SlackAnswer> {
  const card = cardOf(action, told);
  const answer = await send(slackMessage(card, action.workspace));
  if (answer.ok || answer.kind !== "too large") return answer;
  return send(slackMessage(card, action.workspace, "no facts"));
}

function failed(answer: Extract<SlackAnswer, { ok: false }>): Told {
  return answer.kind === "for now" ? forNow(answer.error, answer.retryAfterMs) : permanently(answer.error);
}

/** The card as it is now on a message that a person has clicked on, whether or not the action knows of it. */
export async function refreshMessage(
  call: SlackCall,
  sight: Sight,
  { channel, ts }: { channel: string; ts: string },
): Promise<void> {
  await fitting(sight, (message) =>
    call("chat.update", {
      channel,
      ts,
      text: message.text,
      blocks: message.blocks,
      parse: "none",
      link_names: false,
    }),
  );
}
