import * as v from "valibot";
import { SlackModalData, type SlackSubmission } from "../../../schemas/slack.ts";
import { Prose, WorkspaceName } from "../../../schemas/text.ts";
import { forget } from "../../known.ts";
import { registryOf } from "../../stubs.ts";
import { decide, refresh, sightOf, whyNot } from "./click.ts";
import { isOurs, whoClicked, type SlackContext } from "./clicker.ts";
import { membershipNow } from "./member.ts";
import { doneModal, fieldOf, type Form } from "./modals.ts";

/** What Slack does with a form: closes it, shows an error at a field, or shows another one. Null closes it. */
export type SubmissionAnswer =
  | { response_action: "errors"; errors: Record<string, string> }
  | { response_action: "update"; view: Form }
  | null;

const fault = (field: string, detail: string): SubmissionAnswer => ({
  response_action: "errors",
  errors: { [field]: detail },
});

const LinkData = v.strictObject({ workspace: WorkspaceName });
const parsed = <Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
): v.InferOutput<Schema> | null => {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return result.success ? result.output : null;
};

/** A form that was sent in: a denial with its reason, or a code. Its answer is shown in the form. */
export async function takeSubmission(
  submission: SlackSubmission,
  context: SlackContext,
): Promise<SubmissionAnswer> {
  const { callback_id: form } = submission.view;
  if (form === "deny") return takeDenial(submission, context);
  return form === "link" ? takeCode(submission, context) : null;
}

async function takeDenial(submission: SlackSubmission, context: SlackContext): Promise<SubmissionAnswer> {
  const { view } = submission;
  const data = parsed(SlackModalData, view.private_metadata);
  if (data === null) return fault("reason", "This form is not known here. Nothing was changed.");
  const reason = v.safeParse(Prose, fieldOf(view.state.values, "reason").trim());
  if (!reason.success) return fault("reason", `The reason ${reason.issues[0].message}.`);
  const { channel, ts, ...value } = data;
  const clicker = await whoClicked(submission, value.workspace, context);
  if (clicker.kind !== "person") return fault("reason", whyNot(clicker));
  const sight = await sightOf(context, value);
  if (sight === null) return fault("reason", "There is no such action any more.");
  // One form is one denial: sent again after a lost answer, it is the same vote.
  const deciding = {
    decision: "deny",
    clicker,
    value,
    sight,
    key: view.id,
    reason: reason.output,
    context,
  } as const;
  const refusal = await decide(deciding);
  if (refusal === null) return null;
  if (channel !== null && ts !== null) refresh(context, value, { channel, ts });
  return fault("reason", refusal);
}

/**
 * Links a Slack user to the person whose code they enter. The signature says who the user is, the code who the person is, and
 * Slack itself whether they are a full member: a guest is not (threat T7).
 */
async function takeCode(submission: SlackSubmission, context: SlackContext): Promise<SubmissionAnswer> {
  const { view, user } = submission;
  const data = parsed(LinkData, view.private_metadata);
  if (data === null) return fault("code", "This form is not known here.");
  const team = context.config.HOLDPOINT_SLACK_TEAM;
  if (!isOurs(submission, context.config)) {
    return fault("code", "Only members of this Slack workspace are linked.");
  }
  const { kind } = await membershipNow(user.id, context);
  if (kind !== "full") return fault("code", notLinked[kind]);
  const code = fieldOf(view.state.values, "code");
  const linked = await registryOf(context.env, data.workspace).linkSlack(
    { code, team, user: user.id },
    context.now,
  );
  if (!linked.ok) return fault("code", linked.error.detail);
  forget(data.workspace);
  return {
    response_action: "update",
    view: doneModal(`You are ${linked.value.person} here now. Go back to the card and click again.`),
  };
}

const notLinked = {
  unreadable: "Slack could not be asked who you are. Send the code again.",
  outside: "Only full members of this Slack workspace are linked: no guests, bots or connected workspaces.",
} as const;
