import * as v from "valibot";
import { cardOf } from "../../../core/card/card.ts";
import { Sight } from "../../../schemas/channel.ts";
import { SlackButtonValue, type SlackClick } from "../../../schemas/slack.ts";
import { WorkspaceName } from "../../../schemas/text.ts";
import { sha256Hex } from "../../auth.ts";
import { ProblemError } from "../../http/problem.ts";
import { withCheckpoint } from "../../checkpoints.ts";
import { castVote } from "../../routes/decisions.ts";
import { actionOf } from "../../stubs.ts";
import type { Sender } from "../../tell.ts";
import { whoClicked, type Clicker, type SlackContext } from "./clicker.ts";
import { denyModal, ephemeral, invitation, linkModal, type Form, type Line } from "./modals.ts";
import { refreshMessage } from "./send.ts";

type Known = Extract<Clicker, { kind: "person" }>;
type Place = { readonly channel: string | null; readonly ts: string | null };

const LinkValue = v.strictObject({ workspace: WorkspaceName });

/** The value that a button of ours carries; null for one that is none of ours. */
function valueOf<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string | undefined,
): v.InferOutput<Schema> | null {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : null;
}

/**
 * One click, which always gets an answer: the card changes, a form opens, or a line that only the clicker sees says what is
 * true (peer failures P10, P13). What is decided is decided here; calls to Slack go on behind the answer.
 */
export async function takeClick(click: SlackClick, context: SlackContext): Promise<void> {
  const [button] = click.actions;
  // A link: the page has opened by itself.
  if (button === undefined || button.action_id === "details") return;
  const place: Place = {
    channel: click.channel?.id ?? click.container?.channel_id ?? null,
    ts: click.message?.ts ?? click.container?.message_ts ?? null,
  };
  const say = (message: Line): void => answerClicker(message, place, click.user.id, context);
  if (button.action_id === "link") {
    const link = valueOf(LinkValue, button.value);
    if (link !== null) open(linkModal(link.workspace), click.trigger_id, say, context);
    return;
  }
  const value = valueOf(SlackButtonValue, button.value);
  if (value === null || (button.action_id !== "approve" && button.action_id !== "deny")) {
    return say(ephemeral("This button is not known here. Nothing was changed; open the action's page."));
  }
  const clicker = await whoClicked(click, value.workspace, context);
  if (clicker.kind !== "person") return say(notCounted(clicker, value.workspace));
  const sight = await sightOf(context, value);
  if (sight === null) return say(ephemeral("There is no such action any more."));
  const decision = button.action_id;
  const refusal =
    decision === "deny" && sight.action.state === "pending"
      ? openDenial({ click, value, sight, place, say, context })
      : await decide({ decision, clicker, value, sight, key: click.trigger_id, context });
  if (refusal === null) return;
  say(ephemeral(refusal));
  if (place.channel !== null && place.ts !== null) {
    refresh(context, value, { channel: place.channel, ts: place.ts });
  }
}

/** Why nobody's decision was taken, and what to do next. */
export function whyNot(clicker: Exclude<Clicker, Known>): string {
  switch (clicker.kind) {
    case "foreign":
      return "Only full members of the Slack workspace that this engine belongs to decide here. Nothing was changed.";
    case "unreadable":
      return "Slack did not say whether you are a full member of it just now. Nothing was changed; click again, or use the page.";
    case "unlinked":
      return `Your click does not count: nobody knows which person you are. ${clicker.why === null ? "" : `${clicker.why} `}Link yourself once, then click again.`;
  }
}

const notCounted = (clicker: Exclude<Clicker, Known>, workspace: string): Line =>
  clicker.kind === "unlinked" ? invitation(whyNot(clicker), workspace) : ephemeral(whyNot(clicker));

export async function sightOf(
  { env }: SlackContext,
  { workspace, action }: SlackButtonValue,
): Promise<Sight | null> {
  const text = await actionOf(env, workspace, action).sight();
  return text === null ? null : withCheckpoint(env, workspace, v.parse(Sight, JSON.parse(text)), Date.now());
}

type Deciding = {
  readonly decision: "approve" | "deny";
  readonly clicker: Known;
  readonly value: SlackButtonValue;
  readonly sight: Sight;
  /** Slack's own name for this click: the same request again is the same vote. */
  readonly key: string;
  readonly reason?: string;
  readonly context: SlackContext;
};

/** Casts the vote. @returns why it did not count, for the person who cast it, or null. */
export async function decide(deciding: Deciding): Promise<string | null> {
  const { decision, clicker, value, sight, key, reason = null, context } = deciding;
  const mine = sight.action.votes.find(({ person }) => person === clicker.principal.id);
  if (
    sight.action.state === "pending" &&
    decision === "approve" &&
    mine?.decision === "approve" &&
    mine.counts
  ) {
    return `You have approved this already, at ${mine.at}. It waits for others.`;
  }
  const sender: Sender = {
    env: context.env,
    url: context.url,
    now: context.now,
    principal: clicker.principal,
    snapshot: clicker.snapshot,
    idempotencyKey: `slack:${sha256Hex(key)}`,
    fingerprint: sha256Hex(JSON.stringify([decision, value.digest, reason])),
  };
  try {
    await castVote(sender, value.action, { decision, digest: value.digest, reason }, "slack");
    return null;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return refusalText(error, await sightOf(context, value));
  }
}

/** A refusal with where the action stands by now, and through whom. */
function refusalText({ code, parts }: ProblemError, sight: Sight | null): string {
  if (code !== "wrong_state" || sight === null) return `${parts.detail} Nothing was changed.`;
  const { action, told } = sight;
  const by = action.votes.filter(({ counts, decision }) => counts && decision !== "withdraw");
  const names = by.map(({ person, decision, at }) => `${person}: ${decision} at ${at}`).join("; ");
  const status = cardOf(action, told).status;
  return `Too late, nothing was changed. ${status}, since ${action.updatedAt}.${names === "" ? "" : ` ${names}.`}`;
}

type Denial = {
  readonly click: SlackClick;
  readonly value: SlackButtonValue;
  readonly sight: Sight;
  readonly place: Place;
  readonly say: (message: Line) => void;
  readonly context: SlackContext;
};

/** A denial needs a reason, so a form opens; whoever may not decide is told when they submit it. */
function openDenial({ click, value, sight, place, say, context }: Denial): string | null {
  if (value.digest !== sight.action.digest) {
    return "This button belongs to another request. Nothing was changed.";
  }
  const { title } = cardOf(sight.action, sight.told);
  open(denyModal(title, { ...value, ...place }), click.trigger_id, say, context);
  return null;
}

/** Opens a form. Slack gives it three seconds from the click. */
function open(view: Form, trigger: string, say: (message: Line) => void, context: SlackContext): void {
  const work = async (): Promise<void> => {
    const answer = await context.call("views.open", { trigger_id: trigger, view });
    if (answer.ok) return;
    say(ephemeral("The form could not be opened. Nothing was changed; click again, or use the page."));
  };
  context.waitUntil(work());
}

function answerClicker(message: Line, place: Place, user: string, { call, waitUntil }: SlackContext): void {
  if (place.channel === null) return;
  const { channel } = place;
  const work = async (): Promise<void> => {
    const answer = await call("chat.postEphemeral", { channel, user, ...message });
    if (!answer.ok) console.error("a click could not be answered", answer.error);
  };
  waitUntil(work());
}

/** Puts the clicked card right, whatever has become of the edits it should have had. */
export function refresh(
  context: SlackContext,
  value: SlackButtonValue,
  place: { channel: string; ts: string },
): void {
  const work = async (): Promise<void> => {
    const sight = await sightOf(context, value);
    if (sight !== null) await refreshMessage(context.call, sight, place);
  };
  context.waitUntil(work());
}
