import type { RiskCounts } from "../../schemas/notice.ts";
import type { SlackBlock, SlackMessage } from "./slack.ts";

/**
 * Numbers that stand for requests without a card of their own (threat T10). They lead to the page and carry no button: nothing can
 * be decided by a number.
 */

/** The page with what is pending; of one type where one is named. The address is ours. */
export const queuePage = (origin: string, type?: string): string =>
  type === undefined ? `${origin}/` : `${origin}/?${new URLSearchParams({ type }).toString()}`;

/** A card with how many more ask for the same, above everything that is about this one. Unchanged where none does. */
export function withIdentical(message: SlackMessage, count: number, page: string): SlackMessage {
  if (count === 0) return message;
  const more = count === 1 ? "1 more identical request waits" : `${count} more identical requests wait`;
  const text = `And ${more}. Each needs a decision of its own: deciding this one decides none of them.`;
  const [header, status, ...rest] = message.blocks;
  const head = [header, status].filter((block) => block !== undefined);
  return { ...message, blocks: [...head, said(text), link(page), ...rest] };
}

/** The one message an hour that stands for every card that was not sent. */
export function digestMessage(counts: RiskCounts, page: string): { text: string; blocks: SlackBlock[] } {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = (["critical", "high", "medium", "low"] as const)
    .filter((risk) => counts[risk] > 0)
    .map((risk) => `${counts[risk]} ${risk}`);
  const text =
    total === 0
      ? "Nothing waits any more that had no card here."
      : `${total} more ${total === 1 ? "waits" : "wait"} for a decision: ${parts.join(", ")}.`;
  const why =
    "There were more requests than messages you get in an hour, so these have no card here and will get none later: they are in the queue on the page. Nothing was decided by it.";
  return { text, blocks: [said(total === 0 ? text : `${text} ${why}`), link(page)] };
}

const said = (text: string): SlackBlock => ({
  type: "section",
  text: { type: "plain_text", text, emoji: false },
  expand: true,
});

const link = (page: string): SlackBlock => ({
  type: "context",
  elements: [{ type: "mrkdwn", text: `<${page}|Open the queue>`, verbatim: true }],
});
