import * as v from "valibot";
import { ActionSummary } from "./action.ts";
import { Scope } from "./principal.ts";
import { PersonId, WorkspaceName } from "./text.ts";

const Instant = v.pipe(v.string(), v.isoTimestamp());

/** Who is signed in on the page. Stored with the hash of its cookie; times are epoch ms. */
export const SessionRecord = v.strictObject({
  id: v.string(),
  person: PersonId,
  /** The key that the sign-in link was made with: the session ends with it. */
  keyId: v.string(),
  signedInAt: v.number(),
  endsAt: v.number(),
});
export type SessionRecord = v.InferOutput<typeof SessionRecord>;

/** Body of `POST /v1/sign-in-links`; without a person it is for whoever asks. */
export const LinkBody = v.strictObject({ person: v.optional(PersonId) });
export const LinkAnswer = v.object({ url: v.string(), person: PersonId, expiresAt: Instant });

/** Body of `POST /v1/session`: the token of a sign-in link, which is used up by it. */
export const SignInBody = v.strictObject({ token: v.pipe(v.string(), v.maxLength(128)) });

export const SignedInAnswer = v.object({ person: PersonId, signedInAt: Instant });
export const SignedOutAnswer = v.object({ signedOut: v.boolean() });

/** Answer of `GET /v1/session`. */
export const SessionView = v.object({
  workspace: WorkspaceName,
  person: PersonId,
  name: v.string(),
  /** The groups this person is in, their own and those delegated to them. */
  groups: v.array(v.string()),
  /** The names under which they are on call now, whose manager they are, and whether they own a target at all. */
  onCall: v.optional(v.array(v.string())),
  manages: v.optional(v.array(v.string())),
  owns: v.optional(v.boolean()),
  operator: v.boolean(),
  scopes: v.array(Scope),
  signedInAt: Instant,
  /** Until when this person may decide on what is critical without signing in again. */
  freshUntil: Instant,
  /** Whom the page asks for the next sign-in: Cloudflare Access, which it goes to by itself, or somebody with a key. */
  signedInBy: v.optional(v.picklist(["link", "access"]), "link"),
});
export type SessionView = v.InferOutput<typeof SessionView>;

export const TicketAnswer = v.object({ ticket: v.string(), expiresAt: Instant });

/**
 * What the Board says over its stream. `cursor` names the last change that the reader has; `resumed` is whether nothing was
 * missed since the cursor that it came with.
 */
export const FeedMessage = v.variant("type", [
  v.object({ type: v.literal("hello"), cursor: v.string(), resumed: v.boolean() }),
  v.object({ type: v.literal("changed"), cursor: v.string(), summary: ActionSummary }),
]);
export type FeedMessage = v.InferOutput<typeof FeedMessage>;
