import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";

type Decision = { readonly state: string };
type WorkflowsEnv = { readonly APPROVAL: Workflow<string> };

/** The agent's two moments of one approval. Locally the workflow runs in the isolate that is asked over HTTP. */
const meetings = new Map<
  string,
  { readonly decided: PromiseWithResolvers<Decision>; readonly finished: PromiseWithResolvers<void> }
>();

function meetingOf(id: string): NonNullable<ReturnType<typeof meetings.get>> {
  const meeting = meetings.get(id) ?? {
    decided: Promise.withResolvers<Decision>(),
    finished: Promise.withResolvers<void>(),
  };
  meetings.set(id, meeting);
  return meeting;
}

const hourMs = 3_600_000;

/** What another request resolves. The timer is there because workerd ends a request that waits for nothing of its own. */
async function awaited<Value>(promise: Promise<Value>): Promise<Value> {
  const timer = setTimeout(() => undefined, hourMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** The agent is the workflow: its wait ends in the line after `waitForEvent`, its outcome is the step after that. */
export class Approval extends WorkflowEntrypoint<WorkflowsEnv, string> {
  override async run(event: WorkflowEvent<string>, step: WorkflowStep): Promise<void> {
    const { payload } = await step.waitForEvent<Decision>("decision", {
      type: "decision",
      timeout: "1 hour",
    });
    const meeting = meetingOf(event.instanceId);
    meeting.decided.resolve(payload);
    await step.do("outcome", () => Promise.resolve({ outcome: "succeeded", summary: "restarted" }));
    meeting.finished.resolve();
  }
}

/** The interface that all peers have: see peers/facade.mjs. */
async function answer(request: Request, env: WorkflowsEnv): Promise<Response> {
  const [, step, id = ""] = new URL(request.url).pathname.split("/");
  if (step === "healthz") return new Response("ok");
  if (step === "create") {
    const made = crypto.randomUUID();
    await env.APPROVAL.create({ id: made, params: await request.text() });
    return Response.json({ id: made });
  }
  if (step === "wait") return waiting(id);
  if (step === "decide") {
    const instance = await env.APPROVAL.get(id);
    await instance.sendEvent({ type: "decision", payload: await request.json() });
    return Response.json({});
  }
  if (step !== "outcome") return new Response(null, { status: 404 });
  await request.text();
  await awaited(meetingOf(id).finished.promise);
  meetings.delete(id);
  return Response.json({});
}

/** Its headers come once waiting has begun, its body with the decision. */
function waiting(id: string): Response {
  const { promise } = meetingOf(id).decided;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  void awaited(promise)
    .then((decision) => writer.write(new TextEncoder().encode(JSON.stringify(decision))))
    .then(() => writer.close());
  return new Response(readable);
}

// workerd calls a Worker's default export.
// oxlint-disable-next-line import/no-default-export
export default { fetch: answer } satisfies ExportedHandler<WorkflowsEnv>;
