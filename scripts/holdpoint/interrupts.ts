const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type Interrupt = (typeof signals)[number];
/** `count` is how many of any kind have come in this phase, from 1. */
export type Handler = (signal: Interrupt, count: number) => void;

const numbers: Record<Interrupt, number> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** What a shell gives a process that a signal ended. */
export function exitCodeOfSignal(signal: Interrupt): number {
  return 128 + numbers[signal];
}

/**
 * Ctrl-C and its kin mean something else in each phase of a run: cancel while waiting, stop the command while executing, stop
 * trying while reporting. One place holds the listeners, so that in no moment between two phases does the default, sudden
 * death, apply.
 */
export class Interrupts {
  readonly #heard: Interrupt[] = [];
  #phaseStart = 0;
  #handler: Handler;
  readonly #listeners: readonly (readonly [Interrupt, () => void])[];

  constructor(handler: Handler) {
    this.#handler = handler;
    this.#listeners = signals.map((signal) => [signal, () => this.#hear(signal)] as const);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** How many have come so far: a mark for `since`. */
  get count(): number {
    return this.#heard.length;
  }

  /** The first that came after a mark. */
  since(mark: number): Interrupt | undefined {
    return this.#heard[mark];
  }

  #hear(signal: Interrupt): void {
    this.#heard.push(signal);
    this.#handler(signal, this.#heard.length - this.#phaseStart);
  }

  /** Answers interrupts with `handler` while `work` goes on. One that came before is not handed on: look at `since`. */
  async during<Answer>(handler: Handler, work: () => Promise<Answer>): Promise<Answer> {
    const [before, start] = [this.#handler, this.#phaseStart];
    [this.#handler, this.#phaseStart] = [handler, this.#heard.length];
    try {
      return await work();
    } finally {
      [this.#handler, this.#phaseStart] = [before, start];
    }
  }

  /** Back to the defaults. */
  dispose(): void {
    for (const [signal, listener] of this.#listeners) process.removeListener(signal, listener);
  }
}
