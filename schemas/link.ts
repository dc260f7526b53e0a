import * as v from "valibot";
import { PersonId } from "./text.ts";

/** A Slack user who has proven to be a person of the directory. One user is one person, and one person one user. */
export const SlackLink = v.strictObject({
  team: v.string(),
  user: v.string(),
  person: PersonId,
  /** Epoch ms. */
  linkedAt: v.number(),
  /** Left out where a code has proven it, as in every link from before there was another way. */
  by: v.exactOptional(v.literal("email")),
});
export type SlackLink = v.InferOutput<typeof SlackLink>;

const Instant = v.pipe(v.string(), v.isoTimestamp());

/** A one-time code: whoever enters it in Slack becomes the person who asked for it. */
export const LinkCode = v.object({ code: v.string(), person: PersonId, expiresAt: Instant });
export const LinkView = v.object({
  team: v.string(),
  user: v.string(),
  person: PersonId,
  linkedAt: Instant,
  /** What the link rests on: a code that the person asked for, or Slack's word that they have the person's e-mail address. */
  by: v.picklist(["code", "email"]),
});
export const LinkList = v.object({ items: v.array(LinkView) });
