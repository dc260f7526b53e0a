import type { KnownBlock } from "@slack/types";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { cardOf } from "../../core/card/card.ts";
import { slackLimits, slackMessage, type SlackBlock, type SlackMessage } from "../../core/card/slack.ts";
import type { ActionView } from "../../schemas/action.ts";
import { fakeAction } from "../support/fake-engine.ts";
import { hostileTexts } from "../support/hostile-texts.ts";

const told = { description: "Run a command on a host", rollback: true };
const messageOf = (parts: Partial<ActionView> = {}, state: ActionView["state"] = "pending"): SlackMessage =>
  slackMessage(cardOf(fakeAction(state, 2, parts), told), "default");

// Slack's own types agree with ours: this does not compile where they do not.
const known: KnownBlock[] = messageOf().blocks satisfies KnownBlock[];

type Found = { readonly kind: string; readonly text: string };

/** Every text in a message with what kind of text Slack takes it for. */
function textsOf(value: unknown): Found[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== "object" || value === null) return [];
  const { type, text } = value as { type?: unknown; text?: unknown };
  const own = typeof type === "string" && typeof text === "string" ? [{ kind: type, text }] : [];
  return [...own, ...Object.values(value).flatMap(textsOf)];
}

const buttonsOf = (blocks: readonly SlackBlock[]): string[] =>
  blocks.flatMap((block) =>
    block.type === "actions" ? block.elements.map((element) => element.action_id) : [],
  );

/** Where Slack would cut or refuse, by what it says of its limits. */
function overLimits({ text, blocks }: SlackMessage): string[] {
  const faults: string[] = [];
  const most = (what: string, size: number, limit: number): void => {
    if (size > limit) faults.push(`${what}: ${size} > ${limit}`);
  };
  most("fallback", text.length, slackLimits.messageText);
  most("blocks", blocks.length, slackLimits.blocks);
  most("json", JSON.stringify(blocks).length, slackLimits.blocksJson);
  for (const block of blocks) {
    if (block.type === "header") most("header", block.text.text.length, slackLimits.headerText);
    if (block.type === "section") most("section", block.text.text.length, slackLimits.sectionText);
    if (block.type === "context") most("context", block.elements.length, slackLimits.contextElements);
    if (block.type !== "actions") continue;
    most("block_id", block.block_id.length, slackLimits.id);
    most("elements", block.elements.length, slackLimits.actionElements);
    for (const button of block.elements) {
      most("button", button.text.text.length, slackLimits.buttonText);
      most("value", button.value?.length ?? 0, slackLimits.buttonValue);
      most("url", button.url?.length ?? 0, slackLimits.buttonUrl);
      most("action_id", button.action_id.length, slackLimits.id);
    }
  }
  for (const { text: empty, kind } of textsOf(blocks)) if (empty === "") faults.push(`an empty ${kind}`);
  return faults;
}

describe("a message for Slack", () => {
  test("is made of blocks that Slack's own types know", ({ expect }) => {
    expect(known.map(({ type }) => type)).toContain("actions");
  });

  test("carries in its buttons what is approved, and nothing of the request", ({ expect }) => {
    const { blocks } = messageOf();
    expect(buttonsOf(blocks)).toEqual(["approve", "deny", "details"]);
    const action = fakeAction();
    const [actions] = blocks.filter((block) => block.type === "actions");
    expect(JSON.parse(actions?.elements[0]?.value ?? "{}")).toEqual({
      workspace: "default",
      action: action.id,
      digest: action.digest,
      seq: 2,
    });
  });

  test("has no button once nothing is to be decided", ({ expect }) => {
    const decided = [
      "approved",
      "denied",
      "cancelled",
      "expired",
      "executing",
      "executed",
      "failed",
      "rolled_back",
    ] as const;
    for (const state of decided) expect(buttonsOf(messageOf({}, state).blocks)).toEqual([]);
  });

  test("P14 cannot be approved where a fact is not shown whole, and says so", ({ expect }) => {
    const cut: Partial<ActionView>[] = [
      { args: { argv: ["sh", "-c", `true ${" ".repeat(3_100)}; rm -rf /`] } },
      { args: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a${index}`, "x"])) },
      { args: { script: "echo\n".repeat(90) } },
      {
        args: Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`a${index}`, "x".repeat(1_000)])),
      },
      { rollbackPlan: { script: "y".repeat(20_000) } },
    ];
    for (const parts of cut) {
      const message = messageOf(parts);
      expect(message.whole).toBe(false);
      expect(buttonsOf(message.blocks)).toEqual(["details", "deny"]);
      expect(JSON.stringify(message.blocks)).toContain("cannot be approved here");
      expect(overLimits(message)).toEqual([]);
    }
  });

  test("P14 for any arguments either shows every line of them or has no Approve", ({ expect }) => {
    const args = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,12}$/u),
      fc.string({ unit: "binary", maxLength: 2_000 }),
      { maxKeys: 12 },
    );
    let whole = 0;
    fc.assert(
      fc.property(args, (value) => {
        const message = messageOf({ args: value });
        const approvable = buttonsOf(message.blocks).includes("approve");
        const text = textsOf(message.blocks)
          .map((one) => one.text)
          .join("\n");
        const card = cardOf(fakeAction("pending", 2, { args: value }), told);
        const all = card.facts.every(({ lines }) => lines.every((line) => text.includes(line)));
        if (approvable) whole += 1;
        return (!approvable || all) && overLimits(message).length === 0;
      }),
      { numRuns: 1_000 },
    );
    expect(whole).toBeGreaterThan(100);
  });

  test("T3 has what the request and people wrote in plain and preformatted text only", ({ expect }) => {
    const marker = "tAiNt7";
    const message = messageOf({
      reason: `${marker} <!channel>`,
      context: { note: `${marker} <https://evil.example|x>` },
      args: { [`${marker}key`]: `${marker}*bold*` },
      target: { resource: `${marker}-db`, segment: marker, environment: marker },
      votes: [
        {
          person: "person:bob",
          decision: "approve",
          reason: `${marker} <@U1>`,
          at: "2026-01-31T12:00:00.000Z",
          via: "page",
          counts: true,
        },
      ],
    });
    const tainted = textsOf(message.blocks).filter(({ text }) => text.includes(marker));
    expect(tainted.length).toBeGreaterThan(5);
    expect(new Set(tainted.map(({ kind }) => kind))).toEqual(new Set(["plain_text", "text"]));
    expect(message.text).not.toContain(marker);
    // The control: where Slack reads markup there are our own words only, and there is such a place.
    const mrkdwn = textsOf(messageOf({ reason: marker }, "denied").blocks).filter(
      ({ kind }) => kind === "mrkdwn",
    );
    expect(mrkdwn).toHaveLength(1);
    expect(mrkdwn[0]?.text).not.toContain(marker);
  });

  test("T3 of 10,000 hostile requests has no mention or link where Slack would read one, and keeps every limit", ({
    expect,
  }) => {
    const hostile = fc.oneof(
      fc.constantFrom(...hostileTexts),
      fc.string({
        unit: fc.constantFrom(
          "<",
          "!",
          "@",
          "#",
          "|",
          ">",
          "&",
          "*",
          "`",
          "_",
          "h",
          "t",
          "p",
          ":",
          "/",
          "\n",
        ),
        maxLength: 60,
      }),
    );
    let read = 0;
    fc.assert(
      fc.property(hostile, hostile, fc.constantFrom("pending", "denied", "executed"), (one, other, state) => {
        const message = messageOf(
          { reason: one, args: { what: other }, target: { resource: other.slice(0, 128) || "x" } },
          state,
        );
        const markup = [
          ...textsOf(message.blocks)
            .filter(({ kind }) => kind === "mrkdwn")
            .map(({ text }) => text),
          message.text,
        ];
        read += markup.length;
        const ours = markup.every(
          (text) =>
            !/<[!@#]/u.test(text) && !/<http(?!:\/\/127\.0\.0\.1|s?:\/\/[a-z.]*\/actions\/)/u.test(text),
        );
        return ours && overLimits(message).length === 0;
      }),
      { numRuns: 10_000 },
    );
    expect(read).toBeGreaterThan(10_000);
  });

  test("a value cannot begin a fact of its own", ({ expect }) => {
    const { blocks } = messageOf({ args: { script: "true\nTarget:\n  staging\nDigest: forged" } });
    const lines = textsOf(blocks).flatMap(({ text }) => text.split("\n"));
    expect(lines.filter((line) => line.startsWith("Target"))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("Digest"))).toHaveLength(1);
  });
});
