import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import * as v from "valibot";
import type { Scope } from "../../schemas/principal.ts";
import { type DevFile, StartError, type State } from "./state.ts";

const workspace = "default";

/** The starter directory: ids to bodies, each body as the API takes it. */
const Starter = v.object({
  people: v.record(v.string(), v.unknown()),
  groups: v.record(v.string(), v.unknown()),
  agents: v.record(v.string(), v.unknown()),
});

type StarterKey = { principal: string; scopes?: Scope[] };

/** Every key of dev.json but the operator's. Without scopes: what that kind of principal gets by itself. */
const starterKeys = {
  "agent:demo": { principal: "agent:demo" },
  "agent:other": { principal: "agent:other" },
  "person:alice": { principal: "person:alice" },
  "person:bob": { principal: "person:bob" },
  "person:carol": { principal: "person:carol" },
  "person:omar": {
    principal: "person:omar",
    scopes: [
      "actions:read",
      "votes:write",
      "policy:read",
      "policy:write",
      "directory:read",
      "directory:write",
      "keys:write",
      "webhooks:write",
      "deliveries:write",
      "metrics:read",
      "feedback:write",
    ],
  },
  auditor: {
    principal: "service:auditor",
    scopes: ["actions:read", "policy:read", "directory:read", "evidence:read", "metrics:read"],
  },
  metrics: { principal: "service:metrics", scopes: ["metrics:read"] },
} satisfies Record<string, StarterKey>;

/**
 * Makes the engine at `url` ready to use and returns its address and keys, which are also in dev.json then.
 *
 * dev.json is written last, so its presence means that a set-up went through: then its keys are kept as they are, as
 * long as the engine still accepts the operator's. Otherwise everything runs (again); each step may be repeated.
 */
export async function setUp(state: State, url: string, starterFolder: string): Promise<DevFile> {
  const kept = state.devFile();
  if (kept !== null && (await accepts(url, kept.keys["operator"]))) {
    const file = { ...kept, url };
    state.saveDevFile(file);
    return file;
  }
  const minted = await send(url, state.setupToken(), "POST", "/v1/workspaces", { name: workspace });
  const { key: operator } = v.parse(v.object({ workspace: v.string(), key: v.string() }), minted);
  await loadStarter(url, operator, starterFolder);
  const keys: Record<string, string> = { operator };
  for (const [name, body] of Object.entries(starterKeys)) {
    const made = await send(url, operator, "POST", "/v1/keys", { ...body, name: "npm start" });
    keys[name] = v.parse(v.object({ key: v.string() }), made).key;
  }
  const file = { url, workspace, keys };
  state.saveDevFile(file);
  return file;
}

/**
 * The directory first, because a policy is checked against the groups there are. The policy last: once one is in
 * force, this went through before, and whatever people have changed since is theirs to keep.
 */
async function loadStarter(url: string, operator: string, folder: string): Promise<void> {
  if ((await look(url, operator, "/v1/policy")) === 200) return;
  const starter = v.parse(Starter, readJson(`${folder}/directory.json`));
  for (const kind of ["people", "groups", "agents"] as const) {
    for (const [id, body] of Object.entries(starter[kind])) {
      await send(url, operator, "PUT", `/v1/${kind}/${id}`, body);
    }
  }
  const document = readJson(`${folder}/policy.json`);
  await send(url, operator, "POST", "/v1/policy", { document, note: "The starter policy" });
}

const Standing = v.object({ operators: v.object({ warning: v.nullable(v.string()) }) });

/** What is said while one operator changes everything alone; null from the second on, or where it cannot be asked for. */
export async function operatorsWarning({ url, keys }: DevFile): Promise<string | null> {
  const headers = { authorization: `Bearer ${keys["metrics"] ?? ""}` };
  const answer = await fetch(`${url}/v1/metrics?window=1h`, { headers });
  const found = v.safeParse(Standing, await answer.json());
  return found.success ? found.output.operators.warning : null;
}

/** A link that signs a starter person in on the page, once: made with their own key, as nobody else may once there are two operators. */
export async function signInLink({ url, keys }: DevFile, person: string): Promise<string> {
  const made = await send(url, keys[person] ?? "", "POST", "/v1/sign-in-links", { person });
  return v.parse(v.object({ url: v.string() }), made).url;
}

async function accepts(url: string, key: string | undefined): Promise<boolean> {
  if (key === undefined) return false;
  const status = await look(url, key, "/v1/whoami");
  return status !== 401 && status !== 403;
}

async function look(url: string, key: string, path: string): Promise<number> {
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
  await answer.body?.cancel();
  return answer.status;
}

/** One call to the API. @throws StartError with the engine's own words when it refuses. */
async function send(url: string, key: string, method: string, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": randomUUID(),
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new StartError(`Set-up stopped at ${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
