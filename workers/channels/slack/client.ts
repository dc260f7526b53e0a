import * as v from "valibot";
import type { SlackConfig } from "../../../schemas/config.ts";
import { retryAfterMs, type Fetch } from "../webhook.ts";

/** The calls to Slack's Web API that are made here, and what their failures mean. */
export type SlackMethod =
  | "chat.postMessage"
  | "chat.update"
  | "chat.postEphemeral"
  | "views.open"
  | "users.info"
  | "conversations.open"
  | "conversations.history";

/**
 * `for now`: later may be better. `for good`: it never will be, such as a channel that is gone. `too large`: with fewer
 * blocks. `no message`: what was to be edited has been deleted.
 */
export type SlackAnswer =
  | { readonly ok: true; readonly body: unknown }
  | {
      readonly ok: false;
      readonly error: string;
      readonly kind: "for now" | "for good" | "too large" | "no message";
      readonly retryAfterMs: number | null;
      /** Slack's own name for the error; null where Slack did not answer with one. */
      readonly name: string | null;
    };

export type SlackCall = (method: SlackMethod, body: Record<string, unknown>) => Promise<SlackAnswer>;

/** Five calls one after another end before the right to send does. */
const timeoutMs = 5_500;
/** A call that would have less than this is not made. */
const worthwhileMs = 500;

const Body = v.object({ ok: v.boolean(), error: v.optional(v.string(), "unknown_error") });

/**
 * Errors that no later attempt mends, by Slack's name for them. What is not here is tried again: a wrong token is put right by an
 * operator, and then everything that waited goes out.
 */
const forGood: ReadonlySet<string> = new Set([
  "channel_not_found",
  "user_not_found",
  "is_archived",
  "not_in_channel",
  "cant_update_message",
  "edit_window_closed",
  "restricted_action",
  "restricted_action_read_only_channel",
  "restricted_action_thread_only_channel",
  "messages_tab_disabled",
  "cannot_dm_bot",
  "user_disabled",
  "invalid_blocks",
  "invalid_arguments",
  "expired_trigger_id",
  "exchanged_trigger_id",
  "invalid_trigger_id",
]);
const tooLarge: ReadonlySet<string> = new Set(["msg_too_long", "msg_blocks_too_long", "too_many_blocks"]);

/**
 * A caller of the Web API. It never throws. No call goes on past `until` (epoch ms): what came before it, such as an object under
 * load, may have taken the time, and whoever has the right to send next would say the same again.
 */
export function slackClient(
  config: SlackConfig,
  fetch: Fetch,
  now: () => number,
  until = Infinity,
): SlackCall {
  return async (method, body) => {
    const place = `${method} ${typeof body["channel"] === "string" ? body["channel"] : ""}`;
    const wait = (quietUntil.get(place) ?? 0) - now();
    if (wait > 0) return { ...failure("Slack has asked to be left alone"), retryAfterMs: wait };
    const leftMs = Math.min(timeoutMs, until - now());
    if (leftMs < worthwhileMs) return failure("the time to send ran out before Slack was called");
    // What only reads takes a form and no JSON.
    const reads = reading.has(method);
    const type = reads ? "application/x-www-form-urlencoded" : "application/json; charset=utf-8";
    let response: Response;
    try {
      response = await fetch(`${config.HOLDPOINT_SLACK_API}/${method}`, {
        method: "POST",
        redirect: "manual",
        signal: AbortSignal.timeout(leftMs),
        headers: {
          authorization: `Bearer ${config.HOLDPOINT_SLACK_BOT_TOKEN}`,
          "content-type": type,
        },
        body: reads ? formOf(body) : JSON.stringify(body),
      });
    } catch (error) {
      const late = error instanceof Error && error.name === "TimeoutError";
      return failure(
        late
          ? `Slack did not answer within ${(leftMs / 1_000).toFixed(1)} s`
          : "the connection to Slack failed",
      );
    }
    const answer = await read(response, now());
    if (!answer.ok && answer.retryAfterMs !== null) keepQuiet(place, now() + answer.retryAfterMs);
    return answer;
  };
}

const reading: ReadonlySet<SlackMethod> = new Set(["users.info", "conversations.history"]);

/** Until when (epoch ms) a method is not to be called for a channel: what Slack has asked this isolate for. */
const quietUntil = new Map<string, number>();
/** Past it the memory starts over; Slack then says it again. */
const maxQuiet = 1_000;

function keepQuiet(place: string, until: number): void {
  if (quietUntil.size >= maxQuiet) quietUntil.clear();
  quietUntil.set(place, until);
}

function formOf(body: Record<string, unknown>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) if (typeof value === "string") form.set(name, value);
  return form.toString();
}

async function read(response: Response, now: number): Promise<SlackAnswer> {
  const wait = retryAfterMs(response.headers.get("retry-after"), now);
  const text = await response.text().catch(() => "");
  if (!response.ok) return { ...failure(`Slack answered ${response.status}`), retryAfterMs: wait };
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson()), text);
  const known = v.safeParse(Body, parsed.success ? parsed.output : null);
  if (!parsed.success || !known.success) return failure("Slack's answer cannot be read");
  const { ok, error } = known.output;
  if (ok) return { ok, body: parsed.output };
  return { ok, error: `Slack: ${nameOf(error)}`, kind: kindOf(error), retryAfterMs: wait, name: error };
}

function kindOf(error: string): Extract<SlackAnswer, { ok: false }>["kind"] {
  if (tooLarge.has(error)) return "too large";
  if (error === "message_not_found") return "no message";
  return forGood.has(error) ? "for good" : "for now";
}

/** Slack's errors are names; anything else is not repeated where operators read it. */
const nameOf = (error: string): string => (/^[a-z_]{1,60}$/u.test(error) ? error : "an error without a name");

const failure = (error: string): Extract<SlackAnswer, { ok: false }> => ({
  ok: false,
  error,
  kind: "for now",
  retryAfterMs: null,
  name: null,
});
