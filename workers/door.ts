import { WorkerEntrypoint } from "cloudflare:workers";
import * as v from "valibot";
import { defaultScopes } from "../schemas/principal.ts";
import { AgentId, WorkspaceName } from "../schemas/text.ts";
import type { Authenticated } from "./auth.ts";
import { ProblemError } from "./http/problem.ts";
import { serve } from "./http/serve.ts";
import { askRecent } from "./known.ts";
import { routes } from "./routes/index.ts";
import { isActiveAgent } from "./workload.ts";

/**
 * An agent that is a Worker itself, bound to the engine as a service:
 *
 *   [[services]]
 *   binding = "HOLDPOINT"
 *   service = "holdpoint"
 *   entrypoint = "AgentDoor"
 *   props = { workspace = "default", agent = "agent:deployer", origin = "https://holdpoint.example.com" }
 *
 * Who it is stands in the binding, which whoever deploys it writes and its code cannot: no key, cookie or token that it sends is
 * looked at. `origin` is where people reach the engine; a caller chooses the address of its request, and links that reviewers are
 * shown must not lead where a caller likes.
 */
const Props = v.strictObject({
  workspace: v.pipe(
    WorkspaceName,
    v.check((name) => name !== "engine", "is not a workspace"),
  ),
  agent: AgentId,
  origin: v.pipe(
    v.string(),
    v.regex(
      /^https?:\/\/[a-z0-9.:[\]-]+$/u,
      "is where people reach the engine, such as https://holdpoint.example.com",
    ),
  ),
});
type Props = v.InferOutput<typeof Props>;

export class AgentDoor extends WorkerEntrypoint<Env, unknown> {
  override async fetch(request: Request): Promise<Response> {
    const props = v.safeParse(Props, this.ctx.props);
    const handle = serve(routes, (_, env, now) => throughDoor(props.success ? props.output : null, env, now));
    const { pathname, search } = new URL(request.url);
    const origin = props.success ? props.output.origin : "https://holdpoint.invalid";
    return handle(new Request(`${origin}${pathname}${search}`, request), this.env, this.ctx);
  }
}

/** The agent that the binding names. @throws ProblemError 401 where it names none, or none that is active */
async function throughDoor(props: Props | null, env: Env, now: number): Promise<Authenticated> {
  if (props === null) {
    throw refused("Its `props` are { workspace, agent, origin }, as workers/door.ts shows.");
  }
  const { workspace, agent } = props;
  const known = await askRecent(env, workspace, now);
  if (known === null || !isActiveAgent(known.snapshot, agent)) {
    throw refused(`It names ${agent}, who is not an active agent of the workspace ${workspace}.`);
  }
  const scopes = [...defaultScopes.agent];
  return {
    principal: { workspace, kind: "agent", id: agent, scopes, keyId: `door:${agent}` },
    snapshot: known.snapshot,
    standing: { holder: { kind: "workload", agent, issuer: null }, epoch: known.epoch, endsAt: null },
  };
}

function refused(why: string): ProblemError {
  return new ProblemError("unauthenticated", { detail: `This service binding lets nobody in. ${why}` });
}
