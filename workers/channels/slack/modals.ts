import { slackLimits } from "../../../core/card/slack.ts";
import type { SlackModalData } from "../../../schemas/slack.ts";

/** The two forms that open in Slack, and what stands in a line that only one person sees. */

type Plain = { type: "plain_text"; text: string; emoji: false };
type Input = {
  type: "plain_text_input";
  action_id: string;
  multiline?: boolean;
  focus_on_load: true;
  min_length: number;
  max_length: number;
};
type FormBlock =
  | { type: "section"; text: Plain }
  | { type: "input"; block_id: string; label: Plain; element: Input };
export type Form = {
  type: "modal";
  callback_id?: string;
  private_metadata?: string;
  title: Plain;
  submit?: Plain;
  close: Plain;
  blocks: FormBlock[];
};
type LineBlock =
  | { type: "section"; text: Plain }
  | {
      type: "actions";
      block_id: string;
      elements: { type: "button"; action_id: string; text: Plain; value: string }[];
    };
/** What only one person sees. */
export type Line = { text: string; blocks: LineBlock[] };

const plain = (text: string): Plain => ({
  type: "plain_text",
  text: text.slice(0, slackLimits.sectionText),
  emoji: false,
});

/** What is written in a field of one of our forms: block and element have the same name. */
export function fieldOf(
  values: Record<string, Record<string, { value?: string | null | undefined }>>,
  name: string,
): string {
  return values[name]?.[name]?.value ?? "";
}

/** Asks for the reason of a denial; `title` says what is denied. */
export function denyModal(title: string, data: SlackModalData): Form {
  return {
    type: "modal",
    callback_id: "deny",
    private_metadata: JSON.stringify(data),
    title: plain("Deny"),
    submit: plain("Deny"),
    close: plain("Back"),
    blocks: [
      {
        type: "input",
        block_id: "reason",
        label: plain("Why? The agent mends its request by what you write."),
        element: {
          type: "plain_text_input",
          action_id: "reason",
          multiline: true,
          focus_on_load: true,
          min_length: 1,
          max_length: slackLimits.inputLength,
        },
      },
      { type: "section", text: plain(title) },
    ],
  };
}

/** Asks for the code that says which person this Slack user is. */
export function linkModal(workspace: string): Form {
  return {
    type: "modal",
    callback_id: "link",
    private_metadata: JSON.stringify({ workspace }),
    title: plain("Link me"),
    submit: plain("Link"),
    close: plain("Back"),
    blocks: [
      {
        type: "input",
        block_id: "code",
        label: plain("The code that `npx holdpoint slack link` shows you"),
        element: {
          type: "plain_text_input",
          action_id: "code",
          focus_on_load: true,
          min_length: 10,
          max_length: 16,
        },
      },
    ],
  };
}

/** What a form turns into once it has been taken in. */
export function doneModal(text: string): Form {
  return {
    type: "modal",
    title: plain("Linked"),
    close: plain("Close"),
    blocks: [{ type: "section", text: plain(text) }],
  };
}

/** A line for one person. As plain text, and escaped where Slack reads it as its own markup. */
export function ephemeral(text: string): Line {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return { text: escaped, blocks: [{ type: "section", text: plain(text) }] };
}

/** The same with the way to be linked. */
export function invitation(text: string, workspace: string): Line {
  const line = ephemeral(text);
  const button = {
    type: "button",
    action_id: "link",
    text: plain("Link me"),
    value: JSON.stringify({ workspace }),
  } as const;
  return { ...line, blocks: [...line.blocks, { type: "actions", block_id: "link", elements: [button] }] };
}
