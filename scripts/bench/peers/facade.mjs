// The same small HTTP interface in front of every peer, so that one driver measures them all:
//   POST /create            the request (JSON)  → {"id"} once it is durable
//   GET  /wait/ID           its headers come once waiting has begun, its body with the decision
//   POST /decide/ID         the decision        → once it is durable
//   POST /outcome/ID        what came of it     → once it is durable
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";

const stops = [];
let stopping = false;

/** The folder for the peer's data: the one argument of every adapter. */
export function dataFolder() {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("usage: ADAPTER.mjs FOLDER");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Runs `stop` before this process ends; the last one first. */
export const beforeEnd = (stop) => void stops.unshift(stop);

async function end(code) {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.exit(1), 8_000).unref();
  for (const stop of stops) await Promise.resolve(stop()).catch(() => undefined);
  process.exit(code);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void end(0));
process.on("disconnect", () => void end(0));

/** Ends everything, because `reason`. */
export function fail(reason) {
  if (stopping) return;
  console.error(reason instanceof Error ? reason.stack : reason);
  void end(1);
}
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

/**
 * Where the agent's two moments of one approval meet those who ask for them over HTTP. A peer that runs the agent in its
 * own process says `decided` in the line after its wait and `finished` after the step that records the outcome.
 */
export class Meetings {
  #of = new Map();

  at(id) {
    let meeting = this.#of.get(id);
    if (meeting === undefined) {
      meeting = { decided: Promise.withResolvers(), finished: Promise.withResolvers() };
      this.#of.set(id, meeting);
    }
    return meeting;
  }

  decided = (id, decision) => this.at(id).decided.resolve(decision);
  finished = (id) => this.at(id).finished.resolve();
  forget = (id) => this.#of.delete(id);
}

async function textOf(request) {
  let text = "";
  request.setEncoding("utf8");
  for await (const part of request) text += part;
  return text;
}

/**
 * Serves a peer and tells whoever started this process where, and what is on disk when it acknowledges.
 * `create(body)` gives an id, `wait(id)` begins to wait and gives the promise of the decision, `decide` and `outcome`
 * (id, body) come back once it is durable.
 */
export async function serve({ durable, create, wait, decide, outcome }) {
  const steps = { decide, outcome };
  const answer = async (request, response) => {
    const [, step, id] = request.url.split("/");
    if (step === "wait") {
      const decision = wait(id);
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      response.end(JSON.stringify(await decision));
      return;
    }
    const body = await textOf(request);
    const found = step === "create" ? { id: await create(body) } : ((await steps[step](id, body)) ?? {});
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(found));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, durable }));
}
