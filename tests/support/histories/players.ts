import { Dice } from "../dice.ts";
import type { Operation } from "../linear.ts";
import type { Ask, Input, Output } from "./model.ts";

/** Nobody heard what came of it. `returned`: when whoever was at it was certainly gone, on the clock of the history. */
export class Unheard extends Error {
  readonly returned: number;

  constructor(returned: number) {
    super("there was no answer");
    this.returned = returned;
  }
}

/** One action and everything that people and agents do to it. */
export type Ground = {
  /** @throws Unheard */
  readonly send: (input: Input, as: string) => Promise<Output>;
  /** Never goes back, and never says the same twice. */
  readonly clock: () => number;
  /** Between two things that somebody does. */
  readonly pause: () => Promise<void>;
};

export type History = Operation<Input, Output>[];

/** What each of them does, and how often of a hundred. */
const habits: Readonly<Record<string, Readonly<Partial<Record<Ask["verb"] | "look", number>>>>> = {
  "person:alice": { approve: 60, withdraw: 15, deny: 5, rollback: 10, revoke: 5, look: 5 },
  "person:bob": { approve: 65, withdraw: 10, deny: 3, rollback: 12, revoke: 5, look: 5 },
  "person:omar": { rollback: 40, revoke: 15, cancel: 10, look: 35 },
  "agent:demo": { claim: 60, cancel: 3, heartbeat: 12, look: 25 },
  "agent:other": { claim: 70, heartbeat: 10, look: 20 },
};
const players = Object.keys(habits);

/** How often of ten somebody whose call was not answered leaves it at that, instead of sending it again under its key. */
const givesUp = 2;

/** Everybody at once, each after their own habit; then one more look at the action and its whole log. */
export async function play(ground: Ground, dice: Dice, turns: number): Promise<History> {
  const history: History = [];
  const seeds = players.map(() => dice.below(2 ** 31));
  await Promise.all(
    players.map((who, index) => new Player(who, ground, history, new Dice(seeds[index] ?? 0)).plays(turns)),
  );
  await lookAfter(ground, history);
  return history;
}

/** These at once, each as whoever it is of; then a look. */
export async function meet(
  ground: Ground,
  inputs: readonly Extract<Input, { who: string }>[],
): Promise<History> {
  const history: History = [];
  await Promise.all(inputs.map((input) => attempt(ground, history, input, input.who)));
  await lookAfter(ground, history);
  return history;
}

/** Until it is answered: without it, what came of the rest would be anybody's guess. */
async function lookAfter(ground: Ground, history: History): Promise<void> {
  for (const kind of ["view", "log"] as const) {
    while ((await attempt(ground, history, { kind }, "service:auditor")) === null);
  }
}

class Player {
  readonly #who: string;
  readonly #ground: Ground;
  readonly #history: History;
  readonly #dice: Dice;
  /** The key and the fence of the last claim that was granted. */
  #held: { lease: string; fence: number } = { lease: "nobody", fence: 1 };
  #holds = false;

  constructor(who: string, ground: Ground, history: History, dice: Dice) {
    this.#who = who;
    this.#ground = ground;
    this.#history = history;
    this.#dice = dice;
  }

  async plays(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) {
      await this.#ground.pause();
      const input = this.#next(`${this.#who.split(":")[1]}-${turn}`);
      const output = await this.#insists(input);
      if (input.kind !== "tell" || output?.kind !== "done") continue;
      if (input.ask.verb === "claim" && output.fence !== null) {
        this.#held = { lease: input.key, fence: output.fence };
        this.#holds = true;
      }
      if (input.ask.verb === "report") this.#holds = false;
    }
  }

  #next(key: string): Input {
    const drawn = this.#drawn();
    if (drawn === "look") return { kind: "view" };
    return { kind: "tell", who: this.#who, key, ask: this.#asked(drawn) };
  }

  #drawn(): Ask["verb"] | "look" {
    if (this.#holds && this.#dice.chance(0.8)) return this.#dice.chance(0.75) ? "report" : "heartbeat";
    const all = Object.entries(habits[this.#who] ?? {}) as [Ask["verb"] | "look", number][];
    let left = this.#dice.below(100);
    for (const [verb, share] of all) {
      if (left < share) return verb;
      left -= share;
    }
    return "look";
  }

  #asked(verb: Ask["verb"]): Ask {
    if (verb === "heartbeat") return { verb, ...this.#held };
    if (verb !== "report") return { verb };
    return { verb, ...this.#held, outcome: this.#dice.chance(0.6) ? "succeeded" : "failed" };
  }

  /** Until it is answered, or given up. Each time is an operation of its own: the first may have been refused, the second judged anew. */
  async #insists(input: Input): Promise<Output | null> {
    for (;;) {
      const output = await attempt(this.#ground, this.#history, input, this.#who);
      if (output !== null || this.#dice.below(10) < givesUp) return output;
    }
  }
}

/** @returns null where nobody heard an answer */
async function attempt(
  { send, clock }: Ground,
  history: History,
  input: Input,
  as: string,
): Promise<Output | null> {
  const called = clock();
  try {
    const output = await send(input, as);
    history.push({ input, output, called, returned: clock() });
    return output;
  } catch (error) {
    if (!(error instanceof Unheard)) throw error;
    history.push({ input, output: null, called, returned: error.returned });
    return null;
  }
}
