import * as v from "valibot";
import { cardOf } from "../../../core/card/card.ts";
import { checkpointPage, withLog } from "../../../core/card/log.ts";
import { queuePage, withIdentical } from "../../../core/card/tally.ts";
import { slackMessage, type SlackMessage } from "../../../core/card/slack.ts";
import { stubMessage } from "../../../core/card/stub.ts";
import { besideCard, sendRightMs } from "../../../core/outbox.ts";
import type { Shown, Sight } from "../../../schemas/channel.ts";
import { configOf, SlackConfig } from "../../../schemas/config.ts";
import type { Delivery } from "../../../schemas/message.ts";
import type { Place } from "../../../schemas/notice.ts";
import { forNow, permanently, type Channel, type Told } from "../channel.ts";
import { slackClient, type SlackAnswer, type SlackCall } from "./client.ts";
import { lostCard, metadataOf } from "./lost.ts";

/** What Slack says of a message: where it is, and the name it is edited by. */
export const Posted = v.object({ channel: v.string(), ts: v.string() });

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
    // By the earliest clock there is: the right begins after this.
    const until = context.now() + sendRightMs;
    const right = await context.begin();
    if (right.kind === "held") return "held";
    if (right.kind === "settled") return { ok: true };
    const client = slackClient(config, context.fetch, () => context.now(), until);
    if (delivery.type === "action.erased") return forget(delivery, right.sight, client);
    const allowed = await context.allow(right.sight);
    if (allowed.kind === "suppressed") return { ok: true, suppressed: allowed.reason };
    return tell(delivery, { ...right.sight, identical: allowed.identical }, client);
  },
};

async function tell(delivery: Delivery, sight: Sight, call: SlackCall): Promise<Told> {
  const { shown } = sight;
  if (shown === null) return (sight.unsure === true ? find : post)(delivery, sight, call);
  if (besideCard.has(delivery.type)) return reply(delivery, sight, shown, call);
  return shown.seq >= sight.action.seq ? { ok: true, shown } : update(delivery, sight, shown, call);
}

/** What is to be forgotten goes out of the card that there is, or may be; it makes none. An edit takes nobody's attention. */
async function forget({ sink }: Delivery, sight: Sight, call: SlackCall): Promise<Told> {
  const lost = sight.shown === null ? await lostCard(sink, sight, call) : null;
  if (lost !== null && !lost.ok) return failed(lost);
  const place = sight.shown ?? lost?.place ?? null;
  if (place === null) return { ok: true };
  const answer = await edit(sight, place, call);
  if (answer.ok || answer.kind === "no message") {
    return { ok: true, shown: { channel: place.channel, ts: place.ts, seq: sight.action.seq } };
  }
  return failed(answer);
}

/** Before a card is posted once more: the one that Slack may have taken already is put right instead. */
async function find(delivery: Delivery, sight: Sight, call: SlackCall): Promise<Told> {
  const lost = await lostCard(delivery.sink, sight, call);
  if (!lost.ok) return failed(lost);
  const { place } = lost;
  if (place === null) return post(delivery, sight, call);
  const answer = await edit(sight, place, call);
  if (answer.ok) return { ok: true, shown: { ...place, seq: sight.action.seq } };
  // Deleted meanwhile, or no message of ours: any app can write that metadata, and it must not keep a card from people.
  return answer.kind === "for now" ? failed(answer) : post(delivery, sight, call);
}

async function post(delivery: Delivery, sight: Sight, call: SlackCall): Promise<Told> {
  const channel = delivery.sink.slice("slack:".length);
  const answer = await fitting(sight, (message) =>
    call("chat.postMessage", {
      channel,
      text: message.text,
      blocks: message.blocks,
      metadata: metadataOf(sight.action.id, delivery.sink),
      ...asItIs,
    }),
  );
  if (!answer.ok) return failed(answer);
  const posted = v.safeParse(Posted, answer.body);
  if (!posted.success) return forNow("Slack's answer cannot be read");
  return { ok: true, shown: { ...posted.output, seq: sight.action.seq } };
}

async function update(delivery: Delivery, sight: Sight, shown: Shown, call: SlackCall): Promise<Told> {
  const { channel, ts } = shown;
  const answer = await edit(sight, shown, call);
  if (answer.ok) return { ok: true, shown: { channel, ts, seq: sight.action.seq } };
  if (answer.kind !== "no message") return failed(answer);
  // Somebody has deleted the card. Whoever is still to decide needs one, unless there is one since; what is over needs none.
  if (sight.action.state === "pending") return find(delivery, sight, call);
  return { ok: true, shown: { ...shown, seq: sight.action.seq } };
}

/** In the card's thread, so that it reaches whoever has seen the card and changes nothing on it. */
async function reply(delivery: Delivery, sight: Sight, shown: Shown, call: SlackCall): Promise<Told> {
  const text = besideText(delivery.type, sight.action);
  if (text === null) return { ok: true, shown };
  const answer = await call("chat.postMessage", {
    channel: shown.channel,
    thread_ts: shown.ts,
    text,
    ...(loud.has(delivery.type) && { reply_broadcast: true }),
    metadata: metadataOf(sight.action.id, delivery.sink),
    ...asItIs,
  });
  return answer.ok ? { ok: true, shown } : failed(answer);
}

/** Shown in the channel as well, because those who follow no thread are to know. */
const loud: ReadonlySet<Delivery["type"]> = new Set(["action.broke_glass", "action.review_overdue"]);

/** Our own words for what is said beside a card; null for what needs saying no more. */
function besideText(type: Delivery["type"], { state, breakGlass }: Sight["action"]): string | null {
  if (type === "action.broke_glass") {
    return "The glass was broken: one person approved this alone. The card says who and why.";
  }
  if (type === "action.review_overdue") {
    return breakGlass?.review === null ? "Nobody has reviewed yet why the glass was broken." : null;
  }
  // What waits for nobody any more is not to be reminded of.
  if (state !== "pending") return null;
  return type === "action.reminded" ? "Still waiting for a decision." : "Still waiting: escalated.";
}

/** Sends the message, and once more without the facts where Slack finds it too large. */
async function fitting(
  { action, told, identical = 0, log, stub }: Sight,
  send: (message: SlackMessage) => Promise<SlackAnswer>,
): Promise<SlackAnswer> {
  const card = cardOf(action, told);
  // On a closed card it would only be out of date: what waits has its place in the digest then.
  const count = action.state === "pending" ? identical : 0;
  const page = queuePage(new URL(card.page).origin, action.type);
  const logged = checkpointPage(new URL(card.page).origin, action.workspace);
  const counted = (message: SlackMessage): SlackMessage => {
    const whole = withIdentical(message, count, page);
    return log === undefined ? whole : withLog(whole, log, logged);
  };
  if (stub !== undefined) return send(counted(stubMessage(action, stub)));
  const answer = await send(counted(slackMessage(card, action.workspace)));
  if (answer.ok || answer.kind !== "too large") return answer;
  return send(counted(slackMessage(card, action.workspace, "no facts")));
}

function failed(answer: Extract<SlackAnswer, { ok: false }>): Told {
  return answer.kind === "for now" ? forNow(answer.error, answer.retryAfterMs) : permanently(answer.error);
}

/** The card as it is now, on a message that is there. */
export function edit(sight: Sight, { channel, ts }: Place, call: SlackCall): Promise<SlackAnswer> {
  return fitting(sight, (message) =>
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

/** The same for a message that a person has clicked on, whether or not the action knows of it. */
export async function refreshMessage(call: SlackCall, sight: Sight, place: Place): Promise<void> {
  await edit(sight, place, call);
}
