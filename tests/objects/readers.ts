import { env } from "cloudflare:workers";
import { standingHeader, type Holder, type Standing } from "../../schemas/standing.ts";
import { must, newKey, type Stub } from "./registries.ts";

/** Whose WebSockets are in tests of the objects that hold them: keys of a real Registry, made as one goes. */

export const registryOf = (workspace: string): Stub => env.REGISTRY.getByName(`${workspace}/registry`);

/** A new operator's key of the workspace. */
export async function operatorKey(workspace: string): Promise<Holder> {
  const { record } = await registryOf(workspace).bootstrap({ workspace, now: Date.now() });
  return { kind: "key", id: record.id };
}

/** A key of a person who is put into the directory for it. */
export async function personKey(workspace: string, person: string): Promise<Holder> {
  const registry = registryOf(workspace);
  await must(registry.putPerson({ id: person }, "test", Date.now()));
  const { record } = await newKey(registry, { principal: person, now: Date.now() });
  return { kind: "key", id: record.id };
}

/** An upgrade as the Worker hands it on. `epoch`: what the Worker knew of withdrawals. */
export function upgradeOf(holder: Holder, epoch = 0): { headers: Record<string, string> } {
  const standing: Standing = { holder, epoch, endsAt: null };
  return { headers: { upgrade: "websocket", [standingHeader]: JSON.stringify(standing) } };
}

export async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !done(); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
