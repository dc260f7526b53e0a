// DBOS on Postgres: a workflow that receives a message. The agent is the workflow: its wait ends in the line after `recv`,
// and its outcome is the step after that.
import { randomUUID } from "node:crypto";
import { DBOS } from "@dbos-inc/dbos-sdk";
import { beforeEnd, dataFolder, Meetings, serve } from "./facade.mjs";
import { durable, startPostgres } from "./postgres.mjs";

const hourSeconds = 3_600;
const topic = "decision";
const meetings = new Meetings();

const approval = DBOS.registerWorkflow(
  async (id) => {
    meetings.decided(id, await DBOS.recv(topic, hourSeconds));
    // Comes back when the step's result is in Postgres.
    await DBOS.runStep(async () => ({ outcome: "succeeded", summary: "restarted" }), { name: "outcome" });
    meetings.finished(id);
  },
  { name: "approval" },
);

const systemDatabaseUrl = await startPostgres(dataFolder());
const quiet = () => undefined;
DBOS.setConfig({
  name: "bench",
  systemDatabaseUrl,
  systemDatabasePoolSize: 20,
  logger: { info: quiet, debug: quiet, warn: console.error, error: console.error },
});
await DBOS.launch();
beforeEnd(() => DBOS.shutdown());

await serve({
  durable: `${durable}; DBOS with its defaults and 20 connections`,
  create: async (body) => {
    const id = randomUUID();
    await DBOS.startWorkflow(approval, { workflowID: id })(id, body);
    return id;
  },
  wait: (id) => meetings.at(id).decided.promise,
  decide: (id, body) => DBOS.send(id, JSON.parse(body), topic),
  outcome: async (id) => {
    await meetings.at(id).finished.promise;
    meetings.forget(id);
  },
});
