import type { Card, Fact } from "../../schemas/card.ts";

/**
 * A card as Slack's Block Kit. Whatever comes from a request or a person stands in plain text or in preformatted rich text,
 * which Slack shows as it is; mrkdwn, where text can become a mention or a link, holds our own words only (threat T3).
 */

/** Slack's limits, in characters unless said; past one it refuses the whole message, or cuts it without a word. */
export const slackLimits = {
  blocks: 50,
  headerText: 150,
  sectionText: 3_000,
  contextElements: 10,
  actionElements: 25,
  buttonText: 75,
  buttonValue: 2_000,
  buttonUrl: 3_000,
  id: 255,
  modalTitle: 24,
  modalButton: 24,
  privateMetadata: 3_000,
  inputLength: 3_000,
  label: 2_000,
  /** The fallback. Slack cuts at 40,000; a notification shows far less. */
  messageText: 4_000,
  /** All blocks as JSON. Slack refuses at some 13,200, which no page says. */
  blocksJson: 12_000,
} as const;

/** What the facts may take of it, whatever else stands in the message, and how many lines a reader can be asked to read here. */
const factsJson = 7_500;
const factLines = 80;
/** What may be shown of people's and the agent's own words. They are no facts, so they may be cut. */
const reasonLength = 200;
const agentLength = 1_200;

type PlainText = { type: "plain_text"; text: string; emoji: false };
type Mrkdwn = { type: "mrkdwn"; text: string; verbatim: true };
type Preformatted = { type: "rich_text_preformatted"; elements: { type: "text"; text: string }[] };
type Button = {
  type: "button";
  action_id: string;
  text: PlainText;
  value?: string;
  url?: string;
  style?: "primary" | "danger";
};
export type SlackBlock =
  | { type: "header"; text: PlainText }
  | { type: "section"; text: PlainText; expand?: boolean }
  | { type: "context"; elements: (PlainText | Mrkdwn)[] }
  | { type: "rich_text"; elements: Preformatted[] }
  | { type: "actions"; block_id: string; elements: Button[] };

/** A message: `text` is the fallback that notifications show. `whole`: every fact is in it, so that it may be approved here. */
export type SlackMessage = { readonly text: string; readonly blocks: SlackBlock[]; readonly whole: boolean };

/** What a button carries. Slack signs it back to us, and the digest says what the person has seen. */
export type ButtonValue = { workspace: string; action: string; digest: string; seq: number };

/**
 * The message of a card. The buttons stand after the facts and before the agent's words, so that no amount of those pushes
 * them away (threat T1). A card that cannot show every fact whole says so and cannot be approved here (peer failure P14);
 * one that waits for nobody has no button at all. `no facts` is for a message that Slack has found too large after all.
 */
export function slackMessage(
  card: Card,
  workspace: string,
  facts: "facts" | "no facts" = "facts",
): SlackMessage {
  const shown = factBlocks(card.facts, facts === "facts" ? factLines : 0);
  const cut: SlackBlock[] = shown.whole
    ? []
    : [
        section(
          "This is more than can be shown here whole, so it cannot be approved here. Details shows all of it.",
        ),
      ];
  const value = JSON.stringify({
    workspace,
    action: card.id,
    digest: card.digest,
    seq: card.seq,
  } satisfies ButtonValue);
  return {
    text: fallback(card),
    whole: shown.whole,
    blocks: [
      { type: "header", text: plain(clip(card.title, slackLimits.headerText)) },
      section(`${card.status}. Risk ${card.risk}.`),
      ...card.warnings.map((warning) => section(`Warning: ${warning}`)),
      ...shown.blocks,
      ...cut,
      ...standing(card),
      ...(card.open.vote ? [buttons(card, value, shown.whole)] : [link(card)]),
      ...(facts === "facts" ? agentBlocks(card) : []),
    ],
  };
}

/** Our own words only: what is not of a fixed alphabet, such as a target, stays out of what Slack reads as mrkdwn. */
function fallback(card: Card): string {
  return `${card.status}: ${card.id} (risk ${card.risk})`;
}

const plain = (text: string): PlainText => ({ type: "plain_text", text, emoji: false });
const section = (text: string): SlackBlock => ({
  type: "section",
  text: plain(clip(text, slackLimits.sectionText)),
  expand: true,
});
const preformatted = (text: string): Preformatted => ({
  type: "rich_text_preformatted",
  elements: [{ type: "text", text }],
});

/** At most `length` characters, with what is missing said. */
function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const cut = text.slice(0, length - 1);
  // Half a surrogate pair is no character.
  return `${/[\uD800-\uDBFF]$/u.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/**
 * A fact begins at the margin and what it says is set in, so that no value can begin a fact of its own.
 * Facts that are data stand in a fixed-width box each.
 */
function factText({ label, kind, lines }: Fact): string {
  const [first = "", ...rest] = lines;
  if (kind === "words" && rest.length === 0) return `${label}: ${first}`;
  return [`${label}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** The blocks of as many facts, in their order, as there is room for in `maxLines` lines. */
function factBlocks(facts: readonly Fact[], maxLines: number): { blocks: SlackBlock[]; whole: boolean } {
  const blocks: SlackBlock[] = [];
  let lines = 0;
  for (const [index, fact] of facts.entries()) {
    const text = factText(fact);
    const next = added(blocks, fact.kind, text);
    lines += fact.lines.length;
    const fits =
      text.length <= slackLimits.sectionText && lines <= maxLines && JSON.stringify(next).length <= factsJson;
    if (!fits) {
      const left = facts.length - index;
      return {
        blocks: [...blocks, section(`${left} of ${facts.length} facts are not shown.`)],
        whole: false,
      };
    }
    blocks.splice(0, blocks.length, ...next);
  }
  return { blocks, whole: true };
}

/** With one more fact: facts of a kind that follow one another share a block. */
function added(blocks: readonly SlackBlock[], kind: Fact["kind"], text: string): SlackBlock[] {
  const last = blocks.at(-1);
  const before = blocks.slice(0, -1);
  if (kind === "data") {
    if (last?.type !== "rich_text") return [...blocks, { type: "rich_text", elements: [preformatted(text)] }];
    return [...before, { ...last, elements: [...last.elements, preformatted(text)] }];
  }
  const joined = last?.type === "section" ? `${last.text.text}\n${text}` : null;
  if (joined === null || joined.length > slackLimits.sectionText) return [...blocks, section(text)];
  return [...before, section(joined)];
}

/** Seats, votes and what happens when: how it stands, which changes while the facts do not. */
function standing({ seats, votes, clocks, breakGlass }: Card): SlackBlock[] {
  const lines = [
    ...seats.map(({ seat, n, filled, from }) => `Seat ${seat}: ${filled} of ${n} from ${from.join(", ")}`),
    ...votes.map(({ person, decision, at, counts, reason }) => {
      const why = reason === null ? "" : `: ${clip(reason, reasonLength)}`;
      return `${person}: ${decision} at ${at}${counts ? "" : " (does not count)"}${why}`;
    }),
    ...(breakGlass === null
      ? []
      : [`${breakGlass.by}: broke the glass: ${clip(breakGlass.reason, reasonLength)}`]),
    ...clocks.map(({ what, at }) => `${what}: ${at}`),
  ];
  return lines.length === 0 ? [] : [section(clip(lines.join("\n"), slackLimits.sectionText))];
}

function buttons(card: Card, value: string, whole: boolean): SlackBlock {
  const approve: Button = {
    type: "button",
    action_id: "approve",
    text: plain("Approve"),
    value,
    style: "primary",
  };
  const deny: Button = { type: "button", action_id: "deny", text: plain("Deny"), value, style: "danger" };
  const details: Button = { type: "button", action_id: "details", text: plain("Details"), url: card.page };
  return {
    type: "actions",
    block_id: "decide",
    elements: whole ? [approve, deny, details] : [details, deny],
  };
}

/** Where nothing is to be decided, a link is enough. The address is ours. */
function link({ id, page }: Card): SlackBlock {
  return { type: "context", elements: [{ type: "mrkdwn", text: `<${page}|${id}>`, verbatim: true }] };
}

function agentBlocks({ agentSays: lines, requester }: Card): SlackBlock[] {
  if (lines.length === 0) return [];
  const text = clip(lines.join("\n"), agentLength);
  return [
    {
      type: "context",
      elements: [
        plain(`${requester.kind === "agent" ? "The agent" : requester.id} says (nobody has verified this):`),
      ],
    },
    { type: "rich_text", elements: [preformatted(text === "" ? " " : text)] },
  ];
}
