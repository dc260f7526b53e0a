import * as v from "valibot";
import { faultText } from "../../../core/fault.ts";
import { digestMessage, queuePage } from "../../../core/card/tally.ts";
import { Sight } from "../../../schemas/channel.ts";
import { configOf, SlackConfig } from "../../../schemas/config.ts";
import type { Tally, TallyTold } from "../../../schemas/notice.ts";
import { actionOf } from "../../stubs.ts";
import { slackClient, type SlackAnswer, type SlackCall } from "./client.ts";
import { asItIs, edit, Posted } from "./send.ts";

/** When something is tried again that did not work out, and when what somebody else was at (their right lasts 30 s). */
const patienceMs = 60_000;
const heldMs = 10_000;

/** Tells people the numbers that stand for messages not sent. One result each, in their order; never throws. */
export async function tellTallies(
  env: Env,
  workspace: string,
  tallies: readonly Tally[],
): Promise<TallyTold[]> {
  const config = configOf(SlackConfig, env);
  const told: TallyTold[] = [];
  if (config === null) return tallies.map(() => ({ kind: "gone" }));
  const call = slackClient(
    config,
    (url, init) => fetch(url, init),
    () => Date.now(),
  );
  // One after another: they are nobody's signal to go on, and Slack counts calls.
  for (const tally of tallies) {
    try {
      told.push(
        tally.kind === "digest" ? await tellDigest(tally, call) : await recount(env, workspace, tally, call),
      );
    } catch (error) {
      console.error("tally", workspace, faultText(error));
      told.push({ kind: "unsure" });
    }
  }
  return told;
}

async function tellDigest(
  { sink, origin, counts, place }: Extract<Tally, { kind: "digest" }>,
  call: SlackCall,
): Promise<TallyTold> {
  const message = digestMessage(counts, queuePage(origin));
  if (place !== null) {
    const answer = await call("chat.update", { ...place, ...message, parse: "none", link_names: false });
    return answer.ok ? { kind: "told", place } : failed(answer);
  }
  const channel = sink.slice("slack:".length);
  const answer = await call("chat.postMessage", { channel, ...message, ...asItIs });
  // Without a word of when to come again, Slack may have taken it all the same.
  if (!answer.ok && answer.kind === "for now" && answer.retryAfterMs === null) return { kind: "unsure" };
  if (!answer.ok) return failed(answer);
  const posted = v.safeParse(Posted, answer.body);
  return posted.success ? { kind: "told", place: posted.output } : { kind: "unsure" };
}

/** The card of the action that the others are counted on, under the same right as any other edit of it. */
async function recount(
  env: Env,
  workspace: string,
  { sink, action, identical }: Extract<Tally, { kind: "card" }>,
  call: SlackCall,
): Promise<TallyTold> {
  const right = await actionOf(env, workspace, action).beginSend({ seq: 0, sink });
  if (right.kind === "held") return { kind: "later", afterMs: heldMs };
  if (right.kind === "settled") return { kind: "gone" };
  const sight = v.parse(Sight, JSON.parse(right.body));
  if (sight.shown === null) return { kind: "gone" };
  const { channel, ts } = sight.shown;
  const answer = await edit({ ...sight, identical }, { channel, ts }, call);
  const by = right.right === undefined ? {} : { right: right.right };
  // Said either way, because it gives the right back.
  const shown = { channel, ts, seq: answer.ok ? sight.action.seq : sight.shown.seq };
  await actionOf(env, workspace, action).acknowledge([{ seq: 0, sink, shown, ...by }]);
  return answer.ok ? { kind: "told", place: null } : failed(answer);
}

const failed = (answer: Extract<SlackAnswer, { ok: false }>): TallyTold =>
  answer.kind === "for now"
    ? { kind: "later", afterMs: Math.max(answer.retryAfterMs ?? 0, patienceMs) }
    : { kind: "gone" };
