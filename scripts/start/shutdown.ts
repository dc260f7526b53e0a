import { setTimeout as delay } from "node:timers/promises";

/** A Ctrl-C in a terminal reaches workerd as well, and its end may be heard of before the signal is. */
const graceMs = 300;

/** Ends this process once, however often and from wherever it is asked to. */
export class Shutdown {
  #stop: (() => Promise<void>) | null = null;
  #begun = false;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void this.end(0));
    // The launcher, or the test that started this process, is gone: nobody is left to stop it.
    process.on("disconnect", () => void this.end(0));
  }

  /** What to do before the process ends. */
  before(stop: () => Promise<void>): void {
    this.#stop = stop;
  }

  async end(code: number): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    try {
      await this.#stop?.();
    } finally {
      process.exit(code);
    }
  }

  /** Something ended that should not have: says so and ends, unless that was part of a stop. */
  async failed(message: string): Promise<void> {
    await delay(graceMs);
    if (this.#begun) return;
    console.error(message);
    await this.end(1);
  }
}
