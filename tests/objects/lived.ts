import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { vi } from "vitest";
import { ActionView } from "../../schemas/action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** A workspace in which something has happened, all that is stored of it, and an engine that dies or cannot reach something. */

export const canary = "canary-7f3a";
/** News travels by a queue. */
export const patience = { timeout: 20_000, interval: 50 };
export const objects = (name: string) => ({
  registry: env.REGISTRY.getByName(`${name}/registry`),
  board: env.BOARD.getByName(`${name}/board`),
  ledger: env.LEDGER.getByName(`${name}/ledger`),
  action: (id: string) => env.ACTIONS.getByName(`${name}/${id}`),
});

/** A workspace run by `operators`, with actions that hold the canary in every part, one of which was voted on. */
export async function lived(
  name: string,
  { operators = ["person:alice"], actions = 5 } = {},
): Promise<{
  workspace: Workspace;
  ids: string[];
}> {
  const workspace = await openWorkspace(name);
  const { registry, ledger, board } = objects(name);
  await registry.putGroup({ id: "operators", members: operators }, "test", Date.now());
  const ids: string[] = [];
  for (let nth = 0; nth < actions; nth += 1) {
    const { id } = await workspace.ask({
      target: { resource: `${canary}-target`, segment: "prod-hosts" },
      args: { argv: ["echo", `${canary}-argument`] },
      reason: `${canary}-reason`,
      context: { note: `${canary}-context` },
    });
    ids.push(id);
  }
  const [first = ""] = ids;
  await votes(workspace, "person:bob", first, "deny");
  await vi.waitFor(async () => {
    const { items } = await board.list({ limit: 100 });
    if (items.length < actions) throw new Error("the Board has not heard yet");
    if ((await ledger.count("opened")) < actions || (await ledger.count("sealed")) < 1) {
      throw new Error("the log has not heard yet");
    }
    if (/"uncopied":\d/u.test(await rowsOf(ledger))) throw new Error("a copy is on its way");
  }, patience);
  return { workspace, ids };
}

export async function votes(workspace: Workspace, who: string, id: string, decision: string): Promise<void> {
  const { body } = await workspace.call(who, "GET", `/v1/actions/${id}`);
  const { digest } = v.parse(ActionView, body);
  const vote = { decision, digest, reason: `${canary}-vote` };
  const { status } = await workspace.call(who, "POST", `/v1/actions/${id}/votes`, vote);
  if (status !== 200) throw new Error(`vote: ${status}`);
}

/** Every row of every table of an object, as text. */
export const rowsOf = (stub: DurableObjectStub): Promise<string> =>
  runInDurableObject(stub, (_, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .toArray();
    return tables
      .map(({ name }) => `${name} ${JSON.stringify(sql.exec(`SELECT * FROM "${name}"`).toArray())}`)
      .join("\n");
  });

export async function everything(name: string, ids: readonly string[]): Promise<string> {
  const { registry, board, ledger, action } = objects(name);
  const stubs: DurableObjectStub[] = [registry, board, ledger, ...ids.map(action)];
  return (await Promise.all(stubs.map(rowsOf))).join("\n");
}

/** An environment whose `nth` call to any object dies, before it is made or after. */
export function dyingAfter(nth: number, before: boolean): Env {
  let calls = 0;
  return watched((_, run) => {
    calls += 1;
    if (calls - 1 !== nth) return run();
    if (before) return Promise.reject(new Error("died before"));
    return run().then(() => Promise.reject(new Error("died after")));
  });
}

/** An environment in which one object does not answer. */
export const blockedEnv = (_namespace: string, name: string): Env =>
  watched((object, run) => (object === name ? Promise.reject(new Error("no answer")) : run()));

type Watch = (object: string, run: () => Promise<unknown>) => Promise<unknown>;

function watched(watch: Watch): Env {
  const namespaces = ["ACTIONS", "BOARD", "REGISTRY", "LEDGER"] as const;
  const wrapped = namespaces.map((binding) => {
    const getByName = (name: string): unknown =>
      new Proxy(
        {},
        {
          get:
            (_, method) =>
            (...args: unknown[]) =>
              watch(name, async () => {
                const stub = env[binding].getByName(name) as unknown as Record<
                  string | symbol,
                  (...args: unknown[]) => Promise<unknown>
                >;
                return stub[method]!(...args);
              }),
        },
      );
    return [binding, { getByName }];
  });
  return { ...env, ...(Object.fromEntries(wrapped) as Env) };
}
