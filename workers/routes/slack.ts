import { EmptyBody } from "../../schemas/operate.ts";
import { configOf, SlackConfig } from "../../schemas/config.ts";
import { LinkCode, LinkList } from "../../schemas/link.ts";
import { holds } from "../auth.ts";
import { slackClient } from "../channels/slack/client.ts";
import { answerInteraction } from "../channels/slack/interactivity.ts";
import { interactionOf } from "../channels/slack/payload.ts";
import { isFromSlack } from "../channels/slack/signature.ts";
import { readBytes } from "../http/body.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once } from "../idempotency.ts";
import { forget } from "../known.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";

/**
 * What people click and submit in Slack:
 * 1. signed by Slack just now, over the bytes as they came (401); 2. one field that is JSON of a known shape (400);
 * 3. the answer, within three seconds.
 */
async function interactivity(call: Call<unknown>): Promise<Answer> {
  const { request, env, url, now, waitUntil } = call;
  const config = configOf(SlackConfig, env);
  if (config === null) throw notFound();
  const body = await readBytes(request);
  const { headers } = request;
  const signed = {
    timestamp: headers.get("x-slack-request-timestamp"),
    signature: headers.get("x-slack-signature"),
  };
  if (!(await isFromSlack(config.HOLDPOINT_SLACK_SIGNING_SECRET, signed, body, now))) {
    throw new ProblemError("unauthenticated", {
      detail: "Only Slack calls this, with a request it has just signed.",
    });
  }
  const interaction = interactionOf(body);
  if (interaction === null) {
    throw new ProblemError("bad_request", { detail: "This is not an interaction as Slack sends it." });
  }
  const client = slackClient(
    config,
    (address, init) => fetch(address, init),
    () => Date.now(),
  );
  const answer = await answerInteraction(interaction, { env, url, now, config, call: client, waitUntil });
  return answer === null ? new Response(null, { status: 200 }) : { body: answer };
}

const createCode = (call: Call<unknown>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, now } = call;
    if (principal.kind !== "person") {
      throw new ProblemError("forbidden", { detail: "Only people are linked: use a person's key." });
    }
    const made = refuseWith(await registryOf(env, principal.workspace).createSlackCode(principal.id, now));
    const expiresAt = new Date(made.endsAt).toISOString();
    return { status: 201, body: { code: made.code, person: principal.id, expiresAt } };
  });

function listLinks({ snapshot }: Call<unknown>): Answer {
  const items = snapshot.links.map(({ linkedAt, by = "code", ...link }) => ({
    ...link,
    linkedAt: new Date(linkedAt).toISOString(),
    by,
  }));
  return { body: { items } };
}

/** One's own link, or anybody's for whoever writes the directory. */
async function removeLink({ env, principal, snapshot, params, now }: Call<unknown>): Promise<Answer> {
  const { team = "", user = "" } = params;
  const link = snapshot.links.find((one) => one.team === team && one.user === user);
  const own = link?.person === principal.id;
  if (!own && !holds(principal, "directory:write")) throw notFound();
  refuseWith(await registryOf(env, principal.workspace).unlinkSlack({ team, user }, principal.id, now));
  forget(principal.workspace);
  return new Response(null, { status: 204 });
}

export const slackRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/slack/interactivity",
    summary: "What people click and submit in Slack, signed by Slack",
    scope: null,
    tag: "slack",
    answer: { status: 200 },
    refuses: [401, 413, 404],
    handle: interactivity,
  },
  withBody({
    method: "POST",
    path: "/v1/slack/link",
    summary: "A one-time code that links the Slack user who enters it to the person who asks for it",
    scope: "votes:write",
    tag: "slack",
    body: EmptyBody,
    answer: { status: 201, schema: LinkCode },
    handle: createCode,
  }),
  {
    method: "GET",
    path: "/v1/slack/links",
    summary: "Which Slack user is which person",
    scope: "directory:read",
    tag: "slack",
    answer: { status: 200, schema: LinkList },
    handle: listLinks,
  },
  {
    method: "DELETE",
    path: "/v1/slack/links/:team/:user",
    summary: "Remove a link, one's own or, with directory:write, anybody's",
    scope: "any",
    tag: "slack",
    answer: { status: 204 },
    handle: removeLink,
  },
];
