// LangGraph with its checkpoints in Postgres: a node that interrupts, and one for the outcome. The agent is the graph: its
// wait ends in the line after `interrupt`, which runs when the graph is invoked with the decision.
import { randomUUID } from "node:crypto";
import { Annotation, Command, END, interrupt, START, StateGraph } from "@langchain/langgraph";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import pg from "pg";
import { beforeEnd, dataFolder, fail, Meetings, serve } from "./facade.mjs";
import { durable, startPostgres } from "./postgres.mjs";

const meetings = new Meetings();
const State = Annotation.Root({
  id: Annotation(),
  body: Annotation(),
  decision: Annotation(),
  outcome: Annotation(),
});

const ask = ({ id }) => {
  const decision = interrupt({ id });
  meetings.decided(id, decision);
  return { decision };
};
const act = () => ({ outcome: { outcome: "succeeded", summary: "restarted" } });

const connectionString = await startPostgres(dataFolder());
const pool = new pg.Pool({ connectionString, max: 20 });
pool.on("error", fail);
beforeEnd(() => pool.end());
const checkpointer = new PostgresSaver(pool);
await checkpointer.setup();
const graph = new StateGraph(State)
  .addNode("ask", ask)
  .addNode("act", act)
  .addEdge(START, "ask")
  .addEdge("ask", "act")
  .addEdge("act", END)
  .compile({ checkpointer });

/** `sync`: a step's checkpoint is written before the next one begins; the last one before the call comes back. */
const run = (id, input) => graph.invoke(input, { configurable: { thread_id: id }, durability: "sync" });

await serve({
  durable: `${durable}; LangGraph with durability "sync" and 20 connections`,
  create: async (body) => {
    const id = randomUUID();
    await run(id, { id, body: JSON.parse(body) });
    return id;
  },
  wait: (id) => meetings.at(id).decided.promise,
  decide: async (id, body) => {
    await run(id, new Command({ resume: JSON.parse(body) }));
    meetings.finished(id);
  },
  outcome: async (id) => {
    await meetings.at(id).finished.promise;
    meetings.forget(id);
  },
});
