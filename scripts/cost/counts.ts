import * as v from "valibot";

/** What one statement cost in one call of an object. `by`: the call, such as `Action.create`. */
const Statement = v.object({
  by: v.string(),
  statement: v.string(),
  times: v.number(),
  rowsRead: v.number(),
  rowsWritten: v.number(),
});

/** Billed requests to objects: calls on stubs, fetches, alarms, and a twentieth for each WebSocket message. */
const ObjectRequest = v.object({ from: v.string(), to: v.string(), times: v.number() });

/** Billed operations: one for each 64 KB of a message written, read or deleted. */
const QueueUse = v.object({
  queue: v.string(),
  messages: v.number(),
  writes: v.number(),
  reads: v.number(),
  deletes: v.number(),
});

/** What the counting Worker has counted since it was last asked to begin again. */
export const Counts = v.object({
  statements: v.array(Statement),
  objectRequests: v.array(ObjectRequest),
  queues: v.array(QueueUse),
  /** Invocations of the Worker: HTTP requests, and batches that a queue hands it. */
  workerRequests: v.array(v.object({ what: v.string(), times: v.number() })),
});
export type Counts = v.InferOutput<typeof Counts>;

/** The four figures that are billed by the piece, and what else costs. */
export type Totals = {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly objectRequests: number;
  readonly queueOperations: number;
  readonly workerRequests: number;
};

/** The sums, divided by the number of lives they were counted over. */
export function totalsOf(counts: Counts, lives: number): Totals {
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / lives;
  return {
    rowsRead: sum(counts.statements.map(({ rowsRead }) => rowsRead)),
    rowsWritten: sum(counts.statements.map(({ rowsWritten }) => rowsWritten)),
    objectRequests: sum(counts.objectRequests.map(({ times }) => times)),
    queueOperations: sum(counts.queues.map(({ writes, reads, deletes }) => writes + reads + deletes)),
    workerRequests: sum(counts.workerRequests.map(({ times }) => times)),
  };
}
