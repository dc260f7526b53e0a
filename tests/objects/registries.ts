import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import * as v from "valibot";
import { parseKeyText } from "../../core/key-text.ts";
import type { NewKey } from "../../objects/registry/keys.ts";
import type { Resolved } from "../../objects/registry/access.ts";
import type { Registry } from "../../objects/registry/registry.ts";
import { Policy } from "../../schemas/policy.ts";
import { Snapshot } from "../../schemas/snapshot.ts";

/** Registries for tests, each of a workspace of its own: storage is isolated by file and not by test. */

export type Stub = DurableObjectStub<Registry>;
export type Opened = { readonly registry: Stub; readonly workspace: string };

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");
/** An arbitrary moment (epoch ms); nothing here reads a clock of its own. */
export const now = 1_700_000_000_000;
export const day = 86_400_000;

let made = 0;
/** A Registry that has never been written to. */
export function fresh(): Opened {
  made += 1;
  const workspace = `r${made}`;
  return { registry: env.REGISTRY.getByName(`${workspace}/registry`), workspace };
}

/** A Registry with four people, four groups and an agent, and nothing published. */
export async function staffed(): Promise<Opened> {
  const { registry, workspace } = fresh();
  for (const id of ["alice", "bob", "carol", "omar"]) {
    await must(registry.putPerson({ id: `person:${id}` }, "test", now));
  }
  const groups = { oncall: ["alice", "bob"], dba: ["alice"], security: ["carol"], operators: ["omar"] };
  for (const [id, members] of Object.entries(groups)) {
    const group = { id, members: members.map((member) => `person:${member}`) };
    await must(registry.putGroup(group, "test", now));
  }
  const roles = ["controlled-remediation"];
  await must(
    registry.putAgent(
      { id: "agent:demo", owner: "person:omar", roles, segments: ["prod-hosts"] },
      "test",
      now,
    ),
  );
  return { registry, workspace };
}

type Answer<Value> =
  | { ok: true; value: Value }
  | { ok: false; error: { code: string; errors?: { pointer: string }[] } };

/** The value of a Result, which a test then relies on. */
export async function must<Value>(result: PromiseLike<Answer<Value>>): Promise<Value> {
  const given = await result;
  if (!given.ok) throw new Error(JSON.stringify(given.error));
  return given.value;
}

/** The code of a refusal and where it points; "ok" where nothing was refused. */
export async function refused(result: PromiseLike<Answer<unknown>>): Promise<string> {
  const given = await result;
  if (given.ok) return "ok";
  return [given.error.code, ...(given.error.errors ?? []).map(({ pointer }) => pointer)].join(" ");
}

export function newKey(registry: Stub, more: object = {}): Promise<NewKey> {
  const body = { principal: "person:alice", scopes: null, name: null, expiresAt: null, now };
  return must(registry.createKey({ ...body, ...more }));
}

export async function ask(
  registry: Stub,
  key: string,
  at = now,
  knownVersion: number | null = null,
): Promise<Resolved> {
  return registry.resolve({
    keyId: parseKeyText(key)?.id ?? "",
    keyHash: sha256Hex(key),
    knownVersion,
    now: at,
  });
}

/** A policy as the Registry tells it: the one in force for null. */
export async function policyOf(
  registry: Stub,
  version: string | null,
): Promise<v.InferOutput<typeof Shown> | null> {
  const text = await registry.policy(version);
  return text === null ? null : v.parse(Shown, text);
}
const Shown = v.pipe(v.string(), v.parseJson(), v.object({ version: v.string(), document: Policy }));

/** The workspace as a new key of its operator sees it. */
export async function current({ registry, workspace }: Opened): Promise<Snapshot> {
  const { key } = await registry.bootstrap({ workspace, now });
  const { snapshot } = await ask(registry, key);
  return parse(snapshot);
}

/** A snapshot travels as JSON text. */
export const parse = (text: string | null): Snapshot =>
  v.parse(v.pipe(v.string(), v.parseJson(), Snapshot), text);
