import * as v from "valibot";
import { SlackInteraction } from "../../../schemas/slack.ts";

/** The one field of the form that Slack sends, read as JSON; null where it is not that. */
export function interactionOf(body: Uint8Array): SlackInteraction | null {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
  const fields = [...new URLSearchParams(text)];
  const [field] = fields;
  if (fields.length !== 1 || field?.[0] !== "payload") return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), SlackInteraction), field[1]);
  return parsed.success ? parsed.output : null;
}
