import { faultText } from "../../core/fault.ts";

/** Waits of a tenth of a second, four tenths and a second and a half: all within the few seconds that access may outlast its end. */
const waitsMs = [100, 400, 1_500];

/**
 * Tells another object that something has changed, until it has heard of it. What changes while it is being told is one more
 * telling, however much it is. Nothing rests on it alone: whoever is told also asks by itself now and then.
 */
export class Teller {
  readonly #ctx: DurableObjectState;
  readonly #tell: () => Promise<void>;
  #telling = false;
  #again = false;

  constructor(ctx: DurableObjectState, tell: () => Promise<void>) {
    this.#ctx = ctx;
    this.#tell = tell;
  }

  changed(): void {
    this.#again = true;
    if (!this.#telling) this.#ctx.waitUntil(this.#run());
  }

  async #run(): Promise<void> {
    this.#telling = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#untilHeard();
      }
    } finally {
      this.#telling = false;
    }
  }

  async #untilHeard(): Promise<void> {
    for (const waitMs of [...waitsMs, null]) {
      try {
        await this.#tell();
        return;
      } catch (error) {
        if (waitMs === null) console.error("teller", faultText(error));
        else await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }
}
