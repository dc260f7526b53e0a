import { AsyncLocalStorage } from "node:async_hooks";
import type { Counts } from "./counts.ts";

/** A queue bills each message by this many bytes, the message's own metadata of about 100 bytes included. */
const operationBytes = 65_536;
const metadataBytes = 100;

const operationsOf = (body: unknown): number =>
  Math.ceil((new TextEncoder().encode(JSON.stringify(body)).byteLength + metadataBytes) / operationBytes);

type Uses = { messages: number; writes: number; reads: number; deletes: number };

/** The sums of one isolate: the Worker and its objects share them, because they run in one process here. */
export class Counter {
  readonly #context = new AsyncLocalStorage<string>();
  #statements = new Map<string, Counts["statements"][number]>();
  #requests = new Map<string, Counts["objectRequests"][number]>();
  #queues = new Map<string, Uses>();
  #worker = new Map<string, number>();
  readonly #alarms = new Map<string, number>();

  /** Everything that `work` does, also later, is put down to `what`. */
  within<Made>(what: string, work: () => Made): Made {
    return this.#context.run(what, work);
  }

  /** What is running now. */
  get now(): string {
    return this.#context.getStore() ?? "elsewhere";
  }

  rows(statement: string, rowsRead: number, rowsWritten: number): void {
    const by = this.now;
    const key = `${by}\n${statement}`;
    const sum = this.#statements.get(key) ?? { by, statement, times: 0, rowsRead: 0, rowsWritten: 0 };
    sum.times += 1;
    sum.rowsRead += rowsRead;
    sum.rowsWritten += rowsWritten;
    this.#statements.set(key, sum);
  }

  /** `share` of a billed request to an object. */
  request(to: string, from = this.now, share = 1): void {
    const key = `${from}\n${to}`;
    const sum = this.#requests.get(key) ?? { from, to, times: 0 };
    sum.times += share;
    this.#requests.set(key, sum);
  }

  /** An object's alarm was set for `at` (epoch ms), or deleted. */
  alarm(object: string, at: number | null): void {
    if (at === null) this.#alarms.delete(object);
    else this.#alarms.set(object, at);
  }

  /** What each object's alarm was last set for; one in the past has gone off. */
  get alarms(): Record<string, number> {
    return Object.fromEntries(this.#alarms);
  }

  invoked(what: string): void {
    this.#worker.set(what, (this.#worker.get(what) ?? 0) + 1);
  }

  written(queue: string, body: unknown): void {
    const uses = this.#use(queue);
    uses.messages += 1;
    uses.writes += operationsOf(body);
  }

  read(queue: string, body: unknown): void {
    this.#use(queue).reads += operationsOf(body);
  }

  deleted(queue: string, body: unknown): void {
    this.#use(queue).deletes += operationsOf(body);
  }

  taken(): Counts {
    return {
      statements: [...this.#statements.values()],
      objectRequests: [...this.#requests.values()],
      queues: [...this.#queues].map(([queue, uses]) => ({ queue, ...uses })),
      workerRequests: [...this.#worker].map(([what, times]) => ({ what, times })),
    };
  }

  beginAgain(): void {
    this.#statements = new Map();
    this.#requests = new Map();
    this.#queues = new Map();
    this.#worker = new Map();
  }

  #use(queue: string): Uses {
    const uses = this.#queues.get(queue) ?? { messages: 0, writes: 0, reads: 0, deletes: 0 };
    this.#queues.set(queue, uses);
    return uses;
  }
}
