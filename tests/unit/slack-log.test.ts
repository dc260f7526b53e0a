import { describe, test } from "vitest";
import { checkpointPage, withLog } from "../../core/card/log.ts";
import type { SlackMessage } from "../../core/card/slack.ts";

const message: SlackMessage = {
  text: "Executed",
  whole: true,
  blocks: [{ type: "header", text: { type: "plain_text", text: "Executed", emoji: false } }],
};
const root = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdE=";

describe("what the log had come to, on a card of what is over", () => {
  test("stands below everything else, in one line with a link to the checkpoint", ({ expect }) => {
    const page = checkpointPage("https://holdpoint.example.com", "default");
    const { blocks, ...rest } = withLog(message, { size: 1_234, root }, page);
    expect(rest).toEqual({ text: message.text, whole: true });
    expect(blocks.slice(0, -1)).toEqual(message.blocks);
    expect(blocks.at(-1)).toEqual({
      type: "context",
      elements: [
        {
          type: "mrkdwn",
          text: "Evidence log 1234 · `AbCdEfGhIjKlMnOp…` <https://holdpoint.example.com/checkpoint|checkpoint>",
          verbatim: true,
        },
      ],
    });
  });

  test("leads to the checkpoint of its own workspace", ({ expect }) => {
    expect(checkpointPage("https://holdpoint.example.com", "acme-eu")).toBe(
      "https://holdpoint.example.com/checkpoint?workspace=acme-eu",
    );
  });
});
