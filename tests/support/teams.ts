import * as v from "valibot";
import { startStandIn, type StandIn } from "./stand-in.ts";

const TextRun = v.strictObject({
  type: v.literal("TextRun"),
  text: v.string(),
  color: v.optional(v.picklist(["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"])),
  fontType: v.optional(v.picklist(["Default", "Monospace"])),
  isSubtle: v.optional(v.boolean()),
  size: v.optional(v.picklist(["Default", "Small", "Medium", "Large", "ExtraLarge"])),
  weight: v.optional(v.picklist(["Default", "Lighter", "Bolder"])),
});

/** The part of Adaptive Cards 1.4 that we use, by its schema. */
export const TeamsBody = v.strictObject({
  type: v.literal("message"),
  attachments: v.strictTuple([
    v.strictObject({
      contentType: v.literal("application/vnd.microsoft.card.adaptive"),
      contentUrl: v.null(),
      content: v.strictObject({
        $schema: v.literal("http://adaptivecards.io/schemas/adaptive-card.json"),
        type: v.literal("AdaptiveCard"),
        version: v.literal("1.4"),
        body: v.pipe(
          v.array(
            v.strictObject({
              type: v.literal("RichTextBlock"),
              inlines: v.pipe(v.array(TextRun), v.minLength(1)),
            }),
          ),
          v.minLength(1),
        ),
        actions: v.array(
          v.strictObject({
            type: v.literal("Action.OpenUrl"),
            title: v.string(),
            url: v.pipe(v.string(), v.url()),
          }),
        ),
      }),
    }),
  ]),
});
export type TeamsBody = v.InferOutput<typeof TeamsBody>;

/** A Workflows webhook takes a message of at most this. */
export const teamsLimitBytes = 28 * 1_024;

/** A Teams Workflows webhook on loopback: 202 for a card, 400 for what is none, 413 for one that is too large. */
export function startTeams(): Promise<StandIn> {
  return startStandIn((body, bytes) => {
    if (bytes > teamsLimitBytes) return { status: 413, body: { error: { code: "RequestEntityTooLarge" } } };
    return v.is(TeamsBody, body)
      ? { status: 202 }
      : { status: 400, body: { error: { code: "TriggerInputSchemaMismatch" } } };
  });
}

/** Everything that a message shows, a line a paragraph. */
export function linesOf(message: unknown): string[] {
  const [attachment] = v.parse(TeamsBody, message).attachments;
  return attachment.content.body.map(({ inlines }) => inlines.map(({ text }) => text).join(""));
}

/** Where its button leads. */
export function pageOf(message: unknown): string | undefined {
  return v.parse(TeamsBody, message).attachments[0].content.actions[0]?.url;
}
