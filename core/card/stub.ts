import type { ActionView } from "../../schemas/action.ts";
import { statusOf } from "./card.ts";
import type { SlackMessage } from "./slack.ts";
import { visible } from "./visible.ts";

/**
 * What stays of a card once what was asked is gone: the type, how it came out and who decided. Neither target nor anybody's words.
 * `since` (RFC 3339) is when that went.
 */
export function stubMessage(action: ActionView, since: string): SlackMessage {
  const { id, type, risk, links } = action;
  const lines = [
    `${statusOf(action)}. Risk ${risk}.`,
    `Decided by: ${deciders(action)}`,
    `Details were erased on ${since}, as the contract says.`,
  ];
  return {
    text: `${statusOf(action)}: ${id} (risk ${risk})`,
    whole: false,
    blocks: [
      { type: "header", text: plain(clip(visible(type))) },
      { type: "section", text: plain(lines.join("\n")), expand: true },
      {
        type: "context",
        elements: [{ type: "mrkdwn", text: `<${links.page}|${id}>`, verbatim: true }],
      },
    ],
  };
}

function deciders({ votes, breakGlass, decision }: ActionView): string {
  if (breakGlass !== null) return `${breakGlass.by}, who broke the glass`;
  const counted = votes
    .filter(({ counts }) => counts)
    .map(({ person, decision: vote }) => `${person} (${vote})`);
  if (counted.length > 0) return counted.join(", ");
  return decision.outcome === "gate" ? "nobody" : "policy";
}

const plain = (text: string): { type: "plain_text"; text: string; emoji: false } => ({
  type: "plain_text",
  text,
  emoji: false,
});
/** A header holds 150 characters. */
const clip = (text: string): string => (text.length <= 150 ? text : `${text.slice(0, 149)}…`);
