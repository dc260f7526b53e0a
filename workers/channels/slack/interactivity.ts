import * as v from "valibot";
import { faultText } from "../../../core/fault.ts";
import { SlackClick, SlackSubmission, type SlackInteraction } from "../../../schemas/slack.ts";
import { within } from "../../within.ts";
import { takeClick } from "./click.ts";
import type { SlackContext } from "./clicker.ts";
import { ephemeral } from "./modals.ts";
import { takeSubmission, type SubmissionAnswer } from "./submission.ts";

/** Slack shows an error after three seconds, and then nobody knows whether a click counted. */
const patienceMs = 2_300;

/**
 * What Slack is answered, within three seconds whatever happens: the work goes on behind the answer, and is the same work when it comes
 * again. What is of no kind known here is taken and left.
 */
export async function answerInteraction(
  interaction: SlackInteraction,
  context: SlackContext,
): Promise<SubmissionAnswer> {
  if (v.is(SlackClick, interaction)) {
    const click = interaction;
    const work = takeClick(click, context).catch((error: unknown) => {
      console.error("slack click", faultText(error));
      sayUnavailable(click, context);
    });
    await inTime(work, context, undefined);
    return null;
  }
  if (!v.is(SlackSubmission, interaction)) return null;
  const slow: SubmissionAnswer = {
    response_action: "errors",
    errors: {
      [interaction.view.callback_id === "link" ? "code" : "reason"]:
        "It is taking long. Look at the card; sending this again is safe, it counts once.",
    },
  };
  const work = takeSubmission(interaction, context).catch((error: unknown) => {
    console.error("slack submission", faultText(error));
    return slow;
  });
  return inTime(work, context, slow);
}

async function inTime<Value>(work: Promise<Value>, { waitUntil }: SlackContext, late: Value): Promise<Value> {
  waitUntil(work);
  return within(patienceMs, work, late);
}

function sayUnavailable(click: SlackClick, { call, waitUntil }: SlackContext): void {
  const channel = click.channel?.id ?? click.container?.channel_id;
  if (channel === undefined) return;
  const text = "The engine could not be asked just now. Look at the card before you click again.";
  waitUntil(call("chat.postEphemeral", { channel, user: click.user.id, ...ephemeral(text) }));
}
