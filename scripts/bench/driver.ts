import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { type Socket, socketOpener } from "../../client/socket.ts";
import { call } from "./http.ts";

/** An action that waits for its decision. */
const Pending = v.object({ id: v.string(), digest: v.string(), seq: v.number() });
export type Pending = v.InferOutput<typeof Pending>;

/** What a run needs of the answer to its claim. */
const Claimed = v.object({ lease: v.string(), fence: v.number() });

/** How the agent waits: over a WebSocket, or by a long-poll. */
export type Via = "websocket" | "long-poll";

/** Somebody who waits. `resumed` gives the time (`performance.now()`) at which the decision was there. */
export type Waiter = { readonly resumed: Promise<number>; readonly close: () => void };

/** About 600 bytes, the same for all that are measured. */
export const body = JSON.stringify({
  type: "host.shell",
  target: { resource: "prod-db-1", segment: "prod-hosts", environment: "production" },
  args: {
    argv: ["/usr/bin/systemctl", "restart", "--no-block", "postgresql@16-main.service"],
    cwd: "/srv/orders",
    env: { PGHOST: `sha256:${"4f".repeat(32)}` },
  },
  reason: "Replication on this host has been behind by more than ten minutes since the last failover.",
  context: { ticket: "OPS-311", runbook: "https://runbooks.example/postgres/replication-lag" },
});

const bodyForTwo = JSON.stringify({
  type: "db.migrate",
  target: { resource: "orders-db", segment: "prod-data", environment: "production" },
  args: { migration: "0042_add_index.sql", rows: 120_000 },
  reason: "The new report needs this index before it is switched on.",
});

/** A poll counts as begun this long after it was sent: nothing tells when the object has it. */
const pollBeginsMs = 20;
const approved = '"state":"approved"';
const openSocket = socketOpener(undefined);

/** One server, driven as an agent and its reviewer drive it: over HTTP, with one key each. */
export class Driver {
  readonly #url: string;
  readonly #agent: Record<string, string>;
  readonly #reviewer: Record<string, string>;

  constructor(server: { url: string; agentKey: string; reviewerKey: string }) {
    this.#url = server.url;
    this.#agent = { authorization: `Bearer ${server.agentKey}` };
    this.#reviewer = { authorization: `Bearer ${server.reviewerKey}` };
  }

  async create(): Promise<Pending> {
    const answer = await this.#post("/v1/actions", this.#agent, body);
    return v.parse(Pending, JSON.parse(answer));
  }

  /** One that this reviewer's vote alone does not decide. */
  async createForTwo(): Promise<Pending> {
    return v.parse(Pending, JSON.parse(await this.#post("/v1/actions", this.#agent, bodyForTwo)));
  }

  async approve(action: Pending): Promise<void> {
    await this.vote(action, "approve");
  }

  async vote({ id, digest }: Pending, decision: "approve" | "withdraw"): Promise<void> {
    const vote = JSON.stringify({ decision, digest });
    await this.#post(`/v1/actions/${id}/votes`, this.#reviewer, vote);
  }

  /** The run that was approved: the claim, and then the report, each acknowledged. */
  async carryOut({ id, digest }: Pending): Promise<void> {
    const claim = await this.#post(`/v1/actions/${id}/claim`, this.#agent, JSON.stringify({ digest }));
    const { lease, fence } = v.parse(Claimed, JSON.parse(claim));
    const report = JSON.stringify({ lease, fence, outcome: "succeeded", summary: "restarted" });
    await this.#post(`/v1/actions/${id}/report`, this.#agent, report);
  }

  /** Begins to wait for the decision; comes back when it is told at once. */
  async wait(action: Pending, via: Via): Promise<Waiter> {
    return via === "websocket" ? await this.#socket(action) : await this.#poll(action);
  }

  /** Milliseconds from the start of the decide call until the waiter has the decision. */
  async resume(action: Pending, via: Via): Promise<number> {
    const waiter = await this.wait(action, via);
    const started = performance.now();
    const [at] = await Promise.all([waiter.resumed, this.approve(action)]);
    waiter.close();
    return at - started;
  }

  /** Milliseconds for a word over a WebSocket and the one that comes back for it, which wakes nothing. */
  async echo({ id }: Pending): Promise<number> {
    if (openSocket === undefined) throw new Error("this Node has no WebSocket");
    const answered = Promise.withResolvers<number>();
    const opened: Socket[] = [];
    let started = 0;
    openSocket({
      url: `${this.#url}/v1/actions/${id}/stream?afterSeq=0`,
      headers: this.#agent,
      onOpen: (socket) => void opened.push(socket),
      onMessage: (data) => {
        if (data === "pong") return answered.resolve(performance.now() - started);
        if (started > 0) return;
        started = performance.now();
        opened[0]?.send("ping");
      },
      onEnd: () => answered.reject(new Error("the stream ended before the answer")),
    });
    const ms = await answered.promise;
    opened[0]?.close(1000);
    return ms;
  }

  #post(path: string, who: Record<string, string>, text: string): Promise<string> {
    const headers = { ...who, "content-type": "application/json", "idempotency-key": randomUUID() };
    return call({ method: "POST", url: this.#url + path, headers, body: text });
  }

  /** Comes back once the stream has sent what there was: from then on it is told at once. */
  async #socket({ id }: Pending): Promise<Waiter> {
    if (openSocket === undefined) throw new Error("this Node has no WebSocket");
    const opened = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<number>();
    let open: Socket | null = null;
    openSocket({
      url: `${this.#url}/v1/actions/${id}/stream?afterSeq=0`,
      headers: this.#agent,
      onOpen: (socket) => {
        open = socket;
      },
      onMessage: (data) => {
        if (typeof data === "string" && data.includes(approved)) resumed.resolve(performance.now());
        else opened.resolve();
      },
      onEnd: () => {
        opened.reject(new Error("the stream did not open"));
        resumed.reject(new Error("the stream ended before the decision"));
      },
    });
    // Nobody listens to it yet, and an end before the decision also fails the opening.
    resumed.promise.catch(() => undefined);
    await opened.promise;
    return { resumed: resumed.promise, close: () => open?.close(1000) };
  }

  async #poll({ id, seq }: Pending): Promise<Waiter> {
    const resumed = this.#pollUntilApproved(id, seq);
    await Promise.race([delay(pollBeginsMs), resumed]);
    return { resumed, close: () => undefined };
  }

  async #pollUntilApproved(id: string, seq: number): Promise<number> {
    for (let after = seq; ; after += 1) {
      const url = `${this.#url}/v1/actions/${id}?wait=60&afterSeq=${after}`;
      const text = await call({ method: "GET", url, headers: this.#agent });
      // A reminder moves `seq` as well.
      if (text.includes(approved)) return performance.now();
    }
  }
}
