import type { Agent } from "node:http";
import type { PolicyInput } from "../../../schemas/policy.ts";
import type { Sent } from "./exchange.ts";
import type { Received } from "./exchange.ts";
import { valueOf } from "./exchange.ts";
import { overWire } from "./wire.ts";

/** Who may ask, by name: what each sends to prove who they are. */
export type Callers = Record<string, Readonly<Record<string, string>>>;

/** One workspace with people, agents, a policy and everybody's keys, behind the proxy. */
export type Stage = {
  readonly workspace: string;
  readonly operators: 1 | 2;
  readonly callers: Callers;
  readonly policy: PolicyInput;
  /** Sends one request through the proxy. */
  readonly send: (sent: Sent) => Promise<Received>;
  /** The same as somebody, with a JSON body. Nothing is thrown for a refusal. */
  readonly ask: (who: string, method: string, path: string, body?: unknown) => Promise<Received>;
};

export type Place = {
  readonly proxy: string;
  /** Keeps connections to the proxy. */
  readonly agent: Agent;
  /** The engine itself, which is what its own page is served from. */
  readonly engine: string;
  readonly setupToken: string;
  readonly policy: PolicyInput;
  /** Whether the engine has a reason to answer 503 now. */
  readonly setProvoked: (provoked: boolean) => void;
};

type Done = (...asked: Parameters<Stage["ask"]>) => Promise<Record<string, unknown>>;

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

const roster = {
  people: ["alice", "bob", "carol", "omar", "eve"],
  groups: { oncall: ["alice", "bob"], dba: ["alice"], security: ["carol", "eve"] },
  agents: ["demo", "other"],
} as const;

/** Callers of a stage who are nobody's, so that what they are refused with is seen. */
const nobodies: Callers = {
  stranger: {},
  "a key that is none": bearer(`hp_default_${"A".repeat(21)}_${"B".repeat(27)}`),
  "a text that is no key": bearer("hp_default"),
  "another scheme": { authorization: "Basic aGVsbG86d29ybGQ=" },
  "a token of nobody": bearer("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EifQ.AAAA"),
  "a cookie that is none": { cookie: "holdpoint-80=nothing" },
};

/**
 * Makes a workspace and furnishes it through the proxy, as whoever runs one would.
 * @param operators 1: what they change is in force at once. 2: it waits for the other.
 * @throws Error where a step of it is refused
 */
export async function stageOf(place: Place, workspace: string, operators: 1 | 2): Promise<Stage> {
  const { proxy, agent, engine, setupToken, policy, setProvoked } = place;
  const callers: Callers = { ...nobodies, setup: bearer(setupToken) };
  const send = (sent: Sent): Promise<Received> => overWire(proxy, sent, agent);
  const ask: Stage["ask"] = (who, method, path, body) => {
    const text = body === undefined ? null : JSON.stringify(body);
    const type = text === null ? {} : { "content-type": "application/json" };
    return send({ method, path, headers: { ...callers[who], ...type }, body: text });
  };
  const stage = { workspace, operators, callers, policy, send, ask };
  const done: Done = async (...asked) => {
    const { status, text } = await ask(...asked);
    if (status >= 300) throw new Error(`${asked.slice(0, 3).join(" ")}: ${status} ${text}`);
    return valueOf(text) as Record<string, unknown>;
  };
  const keyFor = async (name: string, principal: string, more: object = {}): Promise<void> => {
    const { key } = await done("operator", "POST", "/v1/keys", { principal, ...more });
    callers[name] = bearer(String(key));
  };
  const { key } = await done("setup", "POST", "/v1/workspaces", { name: workspace });
  callers["operator"] = bearer(String(key));
  for (const name of roster.people) await done("operator", "PUT", `/v1/people/${name}`, { name });
  for (const [group, names] of Object.entries(roster.groups)) {
    const members = names.map((name) => `person:${name}`);
    await done("operator", "PUT", `/v1/groups/${group}`, { members });
  }
  const reach = { owner: "person:omar", roles: ["controlled-remediation"] };
  for (const name of roster.agents) {
    const segments = ["prod-hosts", "prod-data", "(none)"];
    await done("operator", "PUT", `/v1/agents/${name}`, { ...reach, segments });
  }
  // The agents before there is a policy: they are told that there is none.
  for (const name of roster.agents) await keyFor(name, `agent:${name}`);
  setProvoked(true);
  const early = { type: "host.shell", target: { resource: "a" }, args: { argv: ["a"] }, reason: "too early" };
  await ask("demo", "POST", "/v1/actions", early);
  setProvoked(false);
  for (const name of roster.people) {
    await keyFor(name, `person:${name}`, name === "omar" ? { scopes: ["admin"] } : {});
  }
  const reads = ["evidence:read", "actions:read", "metrics:read"];
  await keyFor("auditor", "service:auditor", { scopes: reads });
  await keyFor("scraper", "service:metrics", { scopes: ["metrics:read"] });
  await keyFor("reader", "person:bob", { scopes: ["actions:read"] });
  await done("operator", "POST", "/v1/policy", { document: policy });
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const delegation = { from: "person:carol", to: "person:alice", groups: ["security"], until };
  await done("operator", "POST", "/v1/delegations", delegation);
  await done("operator", "POST", "/v1/kill-switches", { scope: "email.send", reason: "it must not run" });
  const seated = operators === 1 ? ["person:omar"] : ["person:omar", "person:alice"];
  await done("operator", "PUT", "/v1/groups/operators", { members: seated });
  await signIn(stage, engine, done);
  return stage;
}

/** People on the page: their cookie with what the page sends beside it, and with what another one would. */
async function signIn({ callers, ask }: Stage, engine: string, done: Done): Promise<void> {
  const page = { origin: engine, "x-holdpoint-csrf": "1" };
  callers["the page"] = page;
  for (const name of ["bob", "carol"]) {
    const { url } = await done(name, "POST", "/v1/sign-in-links", {});
    const answer = await ask("the page", "POST", "/v1/session", { token: String(url).split("#")[1] });
    const [cookie = ""] = (answer.headers["set-cookie"] ?? "").split(";");
    callers[`${name} on the page`] = { ...page, cookie };
    callers[`${name} on another page`] = { cookie, origin: "https://a.example" };
  }
}
