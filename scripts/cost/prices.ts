import type { Totals } from "./counts.ts";

/**
 * Cloudflare's published prices on the Workers Paid plan beyond what it includes, in US dollars a million, 2026:
 * developers.cloudflare.com/workers/platform/pricing, …/durable-objects/platform/pricing, …/queues/platform/pricing.
 */
export const usdPerMillion = {
  workerRequest: 0.3,
  cpuMs: 0.02,
  objectRequest: 0.15,
  objectGigabyteSecond: 12.5,
  rowRead: 0.001,
  rowWritten: 1,
  queueOperation: 0.4,
} as const;

/** What an object is billed as while it runs: 128 MB. */
export const objectGigabytes = 0.128;
/** Not counted but assumed: an object is active this long for each request. The code takes 1 to 3 ms, its commit the rest. */
export const assumedActiveMs = 10;

/** One line of a bill: how much of what a life takes, and what a million lives cost. */
export type Line = {
  readonly item: string;
  readonly amount: number;
  readonly usd: number;
  readonly how: How;
};
/** Whether an amount was counted piece by piece, measured on this machine, or is an assumption. */
export type How = "counted" | "measured" | "assumed";

const line = (item: string, amount: number, price: number, how: How = "counted"): Line => ({
  item,
  amount,
  usd: amount * price,
  how,
});

/** The bill of one life. `cpuMs`: null where it could not be measured; the line is then left out. */
export function billOf(totals: Totals, cpuMs: number | null): Line[] {
  const gigabyteSeconds = totals.objectRequests * (assumedActiveMs / 1_000) * objectGigabytes;
  return [
    line("rows written", totals.rowsWritten, usdPerMillion.rowWritten),
    line("rows read", totals.rowsRead, usdPerMillion.rowRead),
    line("object requests", totals.objectRequests, usdPerMillion.objectRequest),
    line("queue operations", totals.queueOperations, usdPerMillion.queueOperation),
    line("Worker requests", totals.workerRequests, usdPerMillion.workerRequest),
    ...(cpuMs === null ? [] : [line("CPU, ms", cpuMs, usdPerMillion.cpuMs, "measured")]),
    line("object duration, GB-s", gigabyteSeconds, usdPerMillion.objectGigabyteSecond, "assumed"),
  ];
}

/** US dollars for a million lives, to the cent. */
export const sumOf = (bill: readonly Line[]): number =>
  Math.round(bill.reduce((sum, { usd }) => sum + usd, 0) * 100) / 100;
