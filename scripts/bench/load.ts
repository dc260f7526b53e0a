import type { Driver, Pending, Via } from "./driver.ts";
import { summarise, type Summary } from "./statistics.ts";

/** Actions made earlier that still wait for their decision; measurements take from it at random. */
export class Pool {
  readonly #actions: Pending[] = [];

  get size(): number {
    return this.#actions.length;
  }

  add(action: Pending): void {
    this.#actions.push(action);
  }

  /** One of them, which then is not there any more; undefined where none is left. */
  take(): Pending | undefined {
    const at = Math.floor(Math.random() * this.#actions.length);
    const last = this.#actions.pop();
    if (last === undefined || at === this.#actions.length) return last;
    const taken = this.#actions[at];
    this.#actions[at] = last;
    return taken;
  }
}

/** `clients` that each create one action after another for `seconds`. What they made goes into the pool. */
export async function measureCreate(
  driver: Driver,
  pool: Pool,
  clients: number,
  seconds: number,
): Promise<Summary> {
  return await measure(clients, seconds, async () => {
    const started = performance.now();
    const action = await driver.create();
    const ms = performance.now() - started;
    pool.add(action);
    return ms;
  });
}

/**
 * `clients` that each, again and again, create an action, wait for one of the pool and have that decided: the pool keeps
 * its size, and a pool that begins empty holds nothing but what was just made. Only the decision is timed.
 */
export async function measureResume(
  driver: Driver,
  pool: Pool,
  via: Via,
  clients: number,
  seconds: number,
): Promise<Summary> {
  return await measure(clients, seconds, async () => {
    const made = await driver.create();
    pool.add(made);
    return await driver.resume(pool.take() ?? made, via);
  });
}

/** Runs `once` again and again, `clients` at a time; what it returns is its own time in ms. */
export async function measure(
  clients: number,
  seconds: number,
  once: () => Promise<number>,
): Promise<Summary> {
  const samples: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1_000;
  const run = async (): Promise<void> => {
    do samples.push(await once());
    while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: clients }, run));
  return summarise(samples, performance.now() - started);
}

/** Creates until the pool holds `size`, or until `maxSeconds` are over. `tick` is told how far it is. */
export async function fill(
  driver: Driver,
  pool: Pool,
  size: number,
  limits: { clients: number; maxSeconds: number; tick: (size: number) => void },
): Promise<void> {
  const until = performance.now() + limits.maxSeconds * 1_000;
  let begun = pool.size;
  const run = async (): Promise<void> => {
    while (begun < size && performance.now() < until) {
      begun += 1;
      pool.add(await driver.create());
      limits.tick(pool.size);
    }
  };
  await Promise.all(Array.from({ length: limits.clients }, run));
}
