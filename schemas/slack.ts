import * as v from "valibot";
import { Digest } from "./text.ts";

/** What Slack sends when somebody clicks or submits: the fields that are used here; Slack adds others as it likes. */

const Id = v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9]{2,30}$/u));
const Ts = v.pipe(v.string(), v.regex(/^\d{1,12}\.\d{1,9}$/u));
const Text = v.pipe(v.string(), v.maxLength(3_000));

const Person = v.object({ id: Id, team_id: v.optional(v.nullable(Id)) });
const from = { user: Person, team: v.nullable(v.object({ id: Id })), trigger_id: Text };

/** What our buttons carry (`core/card/slack.ts`): read back as strictly as it was written. */
export const SlackButtonValue = v.strictObject({
  workspace: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,38}$/u)),
  action: v.pipe(v.string(), v.regex(/^act_[A-Za-z0-9_-]{22}$/u)),
  digest: Digest,
  seq: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type SlackButtonValue = v.InferOutput<typeof SlackButtonValue>;

/** What a modal carries along: what it is about, and where it was opened from. */
export const SlackModalData = v.strictObject({
  ...SlackButtonValue.entries,
  channel: v.nullable(Id),
  ts: v.nullable(Ts),
});
export type SlackModalData = v.InferOutput<typeof SlackModalData>;

export const SlackClick = v.object({
  type: v.literal("block_actions"),
  ...from,
  container: v.optional(
    v.object({
      channel_id: v.optional(Id),
      message_ts: v.optional(Ts),
      is_ephemeral: v.optional(v.boolean()),
    }),
  ),
  channel: v.optional(v.nullable(v.object({ id: Id }))),
  message: v.optional(v.object({ ts: Ts })),
  actions: v.pipe(
    v.array(
      v.object({
        action_id: v.pipe(v.string(), v.maxLength(255)),
        value: v.optional(v.pipe(v.string(), v.maxLength(2_000))),
        action_ts: v.optional(v.pipe(v.string(), v.maxLength(40))),
      }),
    ),
    v.minLength(1),
    v.maxLength(25),
  ),
});
export type SlackClick = v.InferOutput<typeof SlackClick>;

export const SlackSubmission = v.object({
  type: v.literal("view_submission"),
  user: Person,
  team: v.nullable(v.object({ id: Id })),
  view: v.object({
    id: Text,
    callback_id: v.pipe(v.string(), v.maxLength(255)),
    private_metadata: v.pipe(v.string(), v.maxLength(3_000)),
    state: v.object({
      values: v.record(
        v.string(),
        v.record(v.string(), v.object({ value: v.optional(v.nullable(v.string())) })),
      ),
    }),
  }),
});
export type SlackSubmission = v.InferOutput<typeof SlackSubmission>;

/** Everything else, such as a modal that was closed: taken, and nothing is done. */
export const SlackInteraction = v.union([SlackClick, SlackSubmission, v.object({ type: v.string() })]);
export type SlackInteraction = v.InferOutput<typeof SlackInteraction>;

/** The answer of `users.info`: who is no full member of the workspace decides nothing. */
export const SlackUser = v.object({
  user: v.object({
    id: Id,
    team_id: v.optional(v.nullable(v.string())),
    deleted: v.optional(v.boolean(), false),
    is_bot: v.optional(v.boolean(), false),
    is_restricted: v.optional(v.boolean(), false),
    is_ultra_restricted: v.optional(v.boolean(), false),
    is_stranger: v.optional(v.boolean(), false),
    is_email_confirmed: v.optional(v.boolean(), false),
    /** `email` comes only with the scope `users:read.email`. */
    profile: v.optional(v.object({ email: v.optional(v.nullable(v.string())) })),
  }),
});
