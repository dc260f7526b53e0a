import * as v from "valibot";
import { Slug } from "./text.ts";

/** Channels as an operator sets them up: variables and secrets of the Worker. What is not set is off. */

/** JSON text of an object of names to values, such as `{"primary": "R0UT1NGKEY"}`. */
const Named = v.pipe(v.string(), v.parseJson(), v.record(Slug, v.pipe(v.string(), v.minLength(1))));
const Url = v.pipe(v.string(), v.url());

export const SlackConfig = v.object({
  HOLDPOINT_SLACK_BOT_TOKEN: v.pipe(v.string(), v.minLength(1)),
  HOLDPOINT_SLACK_SIGNING_SECRET: v.pipe(v.string(), v.minLength(8)),
  HOLDPOINT_SLACK_TEAM: v.pipe(
    v.string(),
    v.regex(/^[TE][A-Z0-9]{2,}$/u, "is a Slack team id such as T0123ABC"),
  ),
  HOLDPOINT_SLACK_API: v.optional(Url, "https://slack.com/api"),
  /** `true`: a Slack user whose confirmed e-mail address is one person's is linked to them by it. Anything else: by code only. */
  HOLDPOINT_SLACK_MATCH_EMAIL: v.pipe(
    v.optional(v.string(), "false"),
    v.transform((text) => text === "true"),
  ),
});
export type SlackConfig = v.InferOutput<typeof SlackConfig>;

export const PagerDutyConfig = v.object({
  HOLDPOINT_PAGERDUTY: Named,
  HOLDPOINT_PAGERDUTY_URL: v.optional(Url, "https://events.pagerduty.com/v2/enqueue"),
});
export type PagerDutyConfig = v.InferOutput<typeof PagerDutyConfig>;

export const TeamsConfig = v.object({ HOLDPOINT_TEAMS: Named });
export type TeamsConfig = v.InferOutput<typeof TeamsConfig>;

/** 32 bytes of base64, or several of those with commas between: the first seals, each opens what it sealed. */
const SealKeyText = v.pipe(
  v.string(),
  v.regex(
    /^\s*[A-Za-z0-9+/]{43}=(?:\s*,\s*[A-Za-z0-9+/]{43}=)*\s*$/u,
    "is 32 bytes of base64, or several with commas",
  ),
);
export const SealConfig = v.object({ HOLDPOINT_SEAL_KEY: v.optional(SealKeyText) });
export type SealConfig = v.InferOutput<typeof SealConfig>;

/**
 * What the logs of this engine are named after, such as `holdpoint.example.com`: a URL without its scheme. `/` and the workspace
 * follow it. A log keeps the name that it began with.
 */
const LogOrigin = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::\d{1,5})?(?:\/[A-Za-z0-9._~-]{1,64}){0,8}$/u,
    "is a URL without its scheme, such as holdpoint.example.com",
  ),
);
export const LogConfig = v.object({ HOLDPOINT_LOG_ORIGIN: v.optional(LogOrigin, "holdpoint") });
export type LogConfig = v.InferOutput<typeof LogConfig>;

const Whole = v.pipe(v.string(), v.regex(/^[1-9]\d{0,6}$/u, "is a whole number from 1"), v.transform(Number));

/** How much one workspace may send out; what is left out is as `core/egress.ts` has it. */
export const EgressConfig = v.object({
  HOLDPOINT_EGRESS_CONCURRENT: v.optional(Whole),
  HOLDPOINT_EGRESS_PER_MINUTE: v.optional(Whole),
});
export type EgressConfig = v.InferOutput<typeof EgressConfig>;

/** The part of the environment that a schema names; null where it is not set, or not as it has to be. */
export function configOf<Schema extends v.GenericSchema>(
  schema: Schema,
  env: unknown,
): v.InferOutput<Schema> | null {
  const parsed = v.safeParse(schema, env);
  return parsed.success ? parsed.output : null;
}
