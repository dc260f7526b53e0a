import type { ActionView } from "../../schemas/action.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { Caller } from "./caller.ts";
import { ask, requestIn, type Stage, types } from "./canary-lives.ts";

/** What is planted in words about the engine itself, and in what it refuses. */

/** What those who run the engine say of what they do. */
export async function byOperators(stage: Stage): Promise<void> {
  const { cast, planter } = stage;
  const { operator, omar, demo } = cast;
  const { document } = await operator.get<{ document: PolicyInput }>("/v1/policy");
  await operator.post("/v1/policy", { document, note: planter.text("note of a policy") });
  const scope = "email.send";
  await operator.post("/v1/kill-switches", { scope, reason: planter.text("reason of a kill switch") });
  await operator.post("/v1/kill-switches/release", { scope });
  const action = await ask(stage, "erased early");
  await demo.cancels(action);
  const held = { scope: `action:${action.id}`, reason: planter.text("reason of a hold") };
  const { id } = await omar.post<{ id: string }>("/v1/holds", held);
  await omar.post(`/v1/holds/${id}/release`, { reason: planter.text("reason of a release") });
  const erased = { class: "ephemeral", reason: planter.text("reason of an erasure") };
  await omar.post(`/v1/actions/${action.id}/erase`, erased);
  const key = await operator.givesKey("service:sensor", { scopes: ["effects:write"] });
  await new Caller("service:sensor", operator.url, key).post("/v1/bypasses", {
    type: types.usual,
    target: planter.label("target of an effect"),
    at: new Date().toISOString(),
    evidence: planter.object("evidence of an effect"),
  });
}

type Sent = readonly [who: Caller, method: "GET" | "POST", path: string, body?: unknown];

/** What is planted where it has no business to be, and is refused: an answer says what is wrong, and not what was sent. */
export async function refused(stage: Stage): Promise<void> {
  const { cast } = stage;
  const action = await ask(stage, "asked for and then badly");
  const sent = [...badRequests(stage), ...badCommands(stage, action), ...badQuestions(stage)];
  for (const [who, method, path, body] of sent) {
    const { status, text } = await who.send(method, path, body);
    const isTaken = status < 400 && method !== "GET";
    if (isTaken) throw new Error(`${method} ${path} was taken: ${text.slice(0, 200)}`);
  }
  const authorization = `Bearer ${stage.planter.label("as a bearer")}`;
  await cast.stranger.send("GET", "/v1/actions", undefined, { authorization });
  await cast.demo.cancels(action);
}

function badRequests(stage: Stage): Sent[] {
  const { cast, planter } = stage;
  const asks = (body: unknown): Sent => [cast.demo, "POST", "/v1/actions", body];
  const other = (parts: Record<string, unknown>): Sent => asks(requestIn(stage, "refused", parts));
  const objects = ["args", "context", "preconditions", "rollbackPlan", "callback", "target"];
  const words = ["notBefore", "notAfter", "onBehalfOf", "supersedes", "type"];
  return [
    ...objects.map((name) => other({ [name]: planter.label(`in place of the object ${name}`) })),
    ...words.map((name) => other({ [name]: planter.label(`as ${name}`) })),
    other({ reason: [planter.label("a list as reason")] }),
    other({ [planter.label("the name of a field")]: 1 }),
    other({ type: "host.shell", args: { argv: planter.label("an argument of another type") } }),
    other({ type: "host.shell", args: { argv: ["ls"], [planter.label("an argument by no name")]: 1 } }),
    asks(`{"reason": "${planter.label("JSON that is none")}`),
    asks(planter.label("a body that is no JSON")),
    [cast.stranger, "POST", "/v1/actions", requestIn(stage, "a stranger's")],
  ];
}

function badCommands({ cast, planter }: Stage, { id, digest }: ActionView): Sent[] {
  const { label } = planter;
  const path = `/v1/actions/${id}`;
  const votes = { digest: label("as a digest"), decision: label("as a decision") };
  const reported = {
    lease: label("as a lease"),
    fence: label("as a fence"),
    outcome: label("as an outcome"),
  };
  const click = JSON.stringify({ token: label("a forged click") });
  return [
    [cast.bob, "POST", `${path}/votes`, votes],
    [
      cast.bob,
      "POST",
      `${path}/votes`,
      { digest, decision: "deny", reason: { why: label("an object as reason") } },
    ],
    [
      cast.demo,
      "POST",
      `${path}/claim`,
      { digest, preconditions: planter.object("preconditions too early") },
    ],
    [cast.demo, "POST", `${path}/report`, { ...reported, summary: planter.text("summary of nothing") }],
    [cast.alice, "POST", `${path}/feedback`, { label: label("as a label") }],
    [cast.stranger, "POST", "/slack/interactivity", `payload=${encodeURIComponent(click)}`],
  ];
}

function badQuestions({ cast, planter }: Stage): Sent[] {
  const coded = (place: string): string => encodeURIComponent(planter.label(place));
  const request = {
    type: types.usual,
    target: { resource: "prod-db-1", segment: "prod-hosts" },
    args: planter.object("args that are evaluated"),
    agent: "agent:demo",
  };
  return [
    [cast.demo, "GET", `/v1/actions?state=${coded("a query for a state")}`],
    [cast.auditor, "GET", `/v1/evidence?since=${coded("a query for evidence")}`],
    [cast.auditor, "GET", `/v1/evidence?type=${coded("a query for a type")}`],
    [cast.auditor, "GET", `/v1/evidence?token=${coded("a query that nobody knows")}`],
    [cast.auditor, "GET", `/v1/actions/${coded("as an id")}/evidence`],
    [cast.demo, "GET", `/v1/${coded("in an address")}`],
    [cast.demo, "POST", "/v1/policy/evaluate", { request }],
  ];
}

/** Places of which nothing is kept: what is put there is refused, or is only asked about. */
export const unkept =
  /refused|stranger|too early|of nothing|evaluated|comes late|context of what is erased early/u;

/** Places where those who run the engine write of what they do: of no action, and of no class of life. */
export const ownWords =
  /^(?:note of a policy|reason of a kill switch|reason of a hold|reason of a release|reason of an erasure|evidence of an effect)$/u;
