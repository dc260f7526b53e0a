import { cardOf } from "../../core/card/card.ts";
import type { Card } from "../../schemas/card.ts";
import { configOf, TeamsConfig } from "../../schemas/config.ts";
import { permanently, type Channel, type Told } from "./channel.ts";
import { postJson } from "./post.ts";

/** A message with a card may have 28 KB; what is a little over is refused whole. */
export const teamsMaxBytes = 28_000;

type Run = {
  readonly type: "TextRun";
  readonly text: string;
  readonly weight?: "Bolder";
  readonly fontType?: "Monospace";
  readonly color?: "Attention";
  readonly isSubtle?: boolean;
  readonly size?: "Large";
};
/** A paragraph. Not a TextBlock or FactSet: those read Markdown, and with it a link that the agent has written. */
type Paragraph = { readonly type: "RichTextBlock"; readonly inlines: readonly Run[] };

/** A message for a Workflows webhook: an Adaptive Card 1.4 whose only action opens the page. */
export type TeamsMessage = {
  readonly type: "message";
  readonly attachments: readonly [
    {
      readonly contentType: "application/vnd.microsoft.card.adaptive";
      readonly contentUrl: null;
      readonly content: {
        readonly $schema: "http://adaptivecards.io/schemas/adaptive-card.json";
        readonly type: "AdaptiveCard";
        readonly version: "1.4";
        readonly body: readonly Paragraph[];
        readonly actions: readonly {
          readonly type: "Action.OpenUrl";
          readonly title: string;
          readonly url: string;
        }[];
      };
    },
  ];
};

const line = (text: string, look: Omit<Run, "type" | "text"> = {}): Paragraph => ({
  type: "RichTextBlock",
  inlines: [{ type: "TextRun", text, ...look }],
});

/**
 * The card as Teams shows it. It decides nothing there, so a card that is too large is cut, the agent's own words first,
 * and says so; what is shown of the facts is whole.
 */
export function teamsMessage(card: Card): TeamsMessage {
  const { title, status, risk, warnings, page } = card;
  const head = [
    line(title, { weight: "Bolder", size: "Large" }),
    line(`${status} · risk ${risk}`),
    ...warnings.map((warning) => line(warning, { color: "Attention" })),
  ];
  const facts = card.facts.map(({ label, kind, lines }) => [
    line(label, { isSubtle: true }),
    ...lines.map((text) => line(text, kind === "data" ? { fontType: "Monospace" } : {})),
  ]);
  const says = [
    [line("The agent's own words, which nobody has verified", { isSubtle: true })],
    ...card.agentSays.map((text) => [line(text)]),
  ];
  const left = line("Not all of it fits here. Open it to see the whole.", {
    color: "Attention",
    weight: "Bolder",
  });
  const whole = messageOf([...head, ...facts.flat(), ...says.flat()], page);
  if (bytesOf(whole) <= teamsMaxBytes) return whole;
  const room = teamsMaxBytes - bytesOf(messageOf([...head, left], page));
  const kept = fitting([...facts, ...says], room);
  const fits = messageOf([...head, ...kept.flat(), left], page);
  // A title or warnings that alone are too long: no part of them would be honest.
  return room >= 0 ? fits : messageOf([line(`Action ${card.id}`), left], page);
}

/** The first of the groups that go into `room` bytes of JSON together, whole. */
function fitting(groups: readonly (readonly Paragraph[])[], room: number): (readonly Paragraph[])[] {
  const kept: (readonly Paragraph[])[] = [];
  let used = 0;
  for (const group of groups) {
    // With the comma before each.
    used += group.reduce((sum, paragraph) => sum + bytesOf(paragraph) + 1, 0);
    if (used > room) break;
    kept.push(group);
  }
  return kept;
}

function messageOf(body: readonly Paragraph[], page: string): TeamsMessage {
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    body,
    actions: [{ type: "Action.OpenUrl", title: "Open it in Holdpoint", url: page }],
  } as const;
  const contentType = "application/vnd.microsoft.card.adaptive";
  return { type: "message", attachments: [{ contentType, contentUrl: null, content }] };
}

const bytesOf = (value: object): number => new TextEncoder().encode(JSON.stringify(value)).byteLength;

/** Sinks `teams:NAME`; the name's Workflows address, a secret, is in HOLDPOINT_TEAMS. */
export const teams: Channel = {
  async send({ sink }, context): Promise<Told> {
    const config = configOf(TeamsConfig, context.env);
    const name = sink.slice("teams:".length);
    const addresses = config?.HOLDPOINT_TEAMS ?? {};
    const url = Object.hasOwn(addresses, name) ? addresses[name] : undefined;
    if (url === undefined) return permanently("not sent: HOLDPOINT_TEAMS has no address of that name");
    const right = await context.begin();
    if (right.kind === "held") return "held";
    if (right.kind === "settled") return { ok: true };
    const { action, told } = right.sight;
    const sent = await postJson(url, JSON.stringify(teamsMessage(cardOf(action, told))), context);
    // A card that nobody can find again, but which state it shows is known: what is older is not sent after it.
    return sent.ok ? { ok: true, shown: { channel: sink, ts: "", seq: action.seq } } : sent;
  },
};
