// Restate: a handler that waits for an awakeable, in its own single-node server. The agent is the handler: its wait ends in
// the line after the awakeable, and its outcome is the step after that.
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:http2";
import { join } from "node:path";
import * as restate from "@restatedev/restate-sdk";
import { freePort, startChild, until } from "./child.mjs";
import { dataFolder, Meetings, serve } from "./facade.mjs";

const folder = dataFolder();
const meetings = new Meetings();
/** id → what is told the awakeable's id, with which the approval can be decided. */
const announced = new Map();

const approval = restate.service({
  name: "approval",
  handlers: {
    run: async (ctx, { id }) => {
      const { id: awakeable, promise } = ctx.awakeable();
      announced.get(id)?.(awakeable);
      announced.delete(id);
      meetings.decided(awakeable, await promise);
      // Comes back when the server has it in its log.
      await ctx.run("outcome", () => ({ outcome: "succeeded", summary: "restarted" }));
      meetings.finished(awakeable);
    },
  },
});

/** The program of the package for this machine: `@restatedev/restate-server-linux-x64` and the like. */
function serverBinary() {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const file = join(import.meta.dirname, "node_modules", name, "bin", "restate-server");
  if (existsSync(file)) return file;
  throw new Error(`Restate has no server for this machine: npm has not installed ${name}.`);
}

const [service, ingress, admin, node] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
const endpoint = restate.endpoint().bind(approval).http2Handler();
await new Promise((resolve) => createServer(endpoint).listen(service, "127.0.0.1", resolve));
startChild(serverBinary(), ["--base-dir", join(folder, "restate"), "--node-name", "bench"], {
  signal: "SIGTERM",
  env: {
    ...process.env,
    RESTATE_CLUSTER_NAME: `bench-${randomUUID()}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}/`,
    RESTATE_DISABLE_TELEMETRY: "true",
    RESTATE_LOG_FILTER: "warn",
    DO_NOT_TRACK: "1",
  },
});

async function post(url, body) {
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text.slice(0, 300)}`);
}
const address = (path) => `http://127.0.0.1:${ingress}${path}`;
const deployment = JSON.stringify({ uri: `http://127.0.0.1:${service}` });
await until(() => post(`http://127.0.0.1:${admin}/deployments`, deployment), "Restate");

await serve({
  durable: "Restate: one node with its defaults; what it acknowledges is in its log, synced to the disk",
  create: async (body) => {
    const id = randomUUID();
    const told = new Promise((resolve) => announced.set(id, resolve));
    const sent = post(address("/approval/run/send"), JSON.stringify({ id, body }));
    const [awakeable] = await Promise.all([told, sent]);
    return awakeable;
  },
  wait: (id) => meetings.at(id).decided.promise,
  decide: (id) => post(address(`/restate/awakeables/${id}/resolve`), '{"state":"approved"}'),
  outcome: async (id) => {
    await meetings.at(id).finished.promise;
    meetings.forget(id);
  },
});
