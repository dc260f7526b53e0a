import { SELF } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import directory from "../../scripts/starter/directory.json" with { type: "json" };
import policy from "../../scripts/starter/policy.json" with { type: "json" };
import { ActionView } from "../../schemas/action.ts";

/** A workspace with the starter policy and directory, and its HTTP API as each of its principals. */
export type Workspace = {
  readonly name: string;
  /** Calls the API; the answer is JSON, or null where there is none. */
  readonly call: (
    who: string,
    method: string,
    path: string,
    body?: unknown,
    /** The Idempotency-Key; a new one when left out. */
    key?: string,
  ) => Promise<{ status: number; body: unknown }>;
  /** A `host.shell` asked for by `agent:demo`; anyone on call may decide it. */
  readonly ask: (parts?: Record<string, unknown>) => Promise<ActionView>;
};

const principals = ["service:operator", "agent:demo", "person:alice", "person:bob", "person:carol"] as const;

export async function openWorkspace(name: string): Promise<Workspace> {
  const registry = env.REGISTRY.getByName(`${name}/registry`);
  const now = Date.now();
  await env.REGISTRY.getByName("engine/registry").ensureWorkspace(name, now);
  const { people, agents, groups } = directory;
  for (const [id, person] of Object.entries(people)) {
    await registry.putPerson({ id: `person:${id}`, ...person }, "test", now);
  }
  for (const [id, agent] of Object.entries(agents)) {
    await registry.putAgent({ id: `agent:${id}`, ...agent }, "test", now);
  }
  for (const [id, group] of Object.entries(groups)) await registry.putGroup({ id, ...group }, "test", now);
  const published = await registry.publishPolicy({ document: policy, actor: "test", note: null, now });
  if (!published.ok) throw new Error(JSON.stringify(published.error));

  const keys = new Map<string, string>();
  for (const principal of principals) {
    const scopes = principal === "service:operator" ? ["admin" as const] : null;
    const made = await registry.createKey({ principal, scopes, name: null, expiresAt: null, now });
    if (!made.ok) throw new Error(JSON.stringify(made.error));
    keys.set(principal, made.value.key);
  }

  const call: Workspace["call"] = async (who, method, path, body, key = crypto.randomUUID()) => {
    const init = {
      method,
      headers: { authorization: `Bearer ${keys.get(who) ?? ""}`, "idempotency-key": key },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const response = await SELF.fetch(`https://holdpoint.invalid${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  };

  const ask: Workspace["ask"] = async (parts = {}) => {
    const request = {
      type: "host.shell",
      target: { resource: "prod-db-1", segment: "prod-hosts" },
      args: { argv: ["uptime"] },
      reason: "It does not answer",
      ...parts,
    };
    const { status, body } = await call("agent:demo", "POST", "/v1/actions", request);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return v.parse(ActionView, body);
  };
  return { name, call, ask };
}
