import { setTimeout as delay } from "node:timers/promises";
import type { ActionView } from "../../schemas/action.ts";
import type { Cast, Claim } from "./actors.ts";
import { Refused } from "./caller.ts";
import type { Ack, CommandName } from "./record.ts";

/** Numbers in [0, 1) that depend on the seed alone. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** An action that was left where it is, with what it takes to go on. */
export type Left = { readonly action: ActionView; readonly claim: Claim | null };

/**
 * Agents and people at work. A command whose answer does not come is sent again under the same key once the engine is back,
 * as a client does; what was acknowledged is written down.
 */
export class Load {
  readonly acks: Ack[] = [];
  readonly left: Left[] = [];
  /** Ids of actions that only their clock ends. */
  readonly expiring: string[] = [];
  /** Commands that were sent again because their answer was lost. */
  repeats = 0;
  readonly #cast: Cast;
  readonly #random: () => number;
  #keys = 0;
  #over = false;
  #gate = Promise.withResolvers<void>();

  constructor(cast: Cast, random: () => number) {
    this.#cast = cast;
    this.#random = random;
  }

  /** The engine is there: whoever waits for it goes on. */
  open(): void {
    this.#gate.resolve();
  }

  /** The engine is gone: commands wait from now on. */
  shut(): void {
    this.#gate = Promise.withResolvers();
  }

  /** No new action is begun any more. */
  end(): void {
    this.#over = true;
  }

  /** One agent's day: one action after the other until `end`. */
  async work(): Promise<void> {
    while (!this.#over) await this.#live();
  }

  /** Takes an action on to its end from wherever it is. @returns the state it ends in. */
  async finish({ action, claim }: Left): Promise<string> {
    const { demo, alice, bob } = this.#cast;
    const now = await this.#persist(() => demo.sees(action));
    switch (now.state) {
      case "pending":
        await this.#vote(now, alice);
        return this.finish({ action: await this.#vote(now, bob), claim });
      case "approved":
      case "rolling_back": {
        const taken = now.lease === null ? await this.#claim(now) : claim;
        return (await this.#report(taken!, "succeeded")).state;
      }
      case "executing":
        return (await this.#report(claim!, "succeeded")).state;
      case "failed":
        // The lease was lost while nobody was there; its executor speaks after all.
        return now.detail === "unknown" ? (await this.#report(claim!, "succeeded")).state : now.state;
      default:
        return now.state;
    }
  }

  /** The life of one action, as chance has it. */
  async #live(): Promise<void> {
    const { demo, alice, bob } = this.#cast;
    const draw = this.#random();
    if (draw < 0.06) return this.#expire();
    const quick = draw < 0.12;
    const parts = { type: quick ? "kill.quick" : "kill.run", rollbackPlan: { what: "undo" } };
    const action = await this.#command("create", (key) => demo.asks(parts, { key }));
    if (draw > 0.94) return void this.left.push({ action, claim: null });
    if (draw > 0.88) return void (await this.#command("cancel", (key) => demo.cancels(action, { key })));
    if (draw > 0.82) return void (await this.#command("vote", (key) => bob.denies(action, { key })));
    const votes = [alice, bob].map((person) => this.#vote(action, person));
    await Promise.all(votes);
    if (draw > 0.78) return void this.left.push({ action, claim: null });
    if (draw > 0.74) return void (await this.#command("revoke", (key) => bob.revokes(action, { key })));
    const claim = await this.#claim(action);
    if (quick) return void this.left.push({ action, claim });
    const beats = Math.floor(this.#random() * 3);
    for (let beat = 0; beat < beats; beat += 1) {
      await this.#command("heartbeat", (key) => demo.heartbeats(claim, { key }));
    }
    if (draw > 0.68) return void this.left.push({ action, claim });
    const done = await this.#report(claim, draw > 0.4 ? "succeeded" : "failed");
    if (draw > 0.5) return;
    if (done.state === "executed") await this.#command("rollback", (key) => bob.rollsBack(action, { key }));
    if (draw > 0.34) return void this.left.push({ action, claim: null });
    await this.#report(await this.#claim(action), draw > 0.2 ? "succeeded" : "failed");
  }

  /** One that nobody attends to: the clock ends it, whether or not the engine is there. */
  async #expire(): Promise<void> {
    const { demo, bob } = this.#cast;
    const notAfter = new Date(Date.now() + 1_000 + this.#random() * 4_000).toISOString();
    const action = await this.#command("create", (key) => demo.asks({ notAfter }, { key }), ["/notAfter"]);
    if (action === null) return;
    if (this.#random() < 0.5) {
      await this.#command("vote", (key) => bob.approves(action, { key }), ["expired"]);
    }
    this.expiring.push(action.id);
  }

  #vote(action: ActionView, person: Cast["bob"]): Promise<ActionView> {
    return this.#command("vote", (key) => person.approves(action, { key }));
  }

  async #claim(action: ActionView): Promise<Claim> {
    const key = this.#key();
    const claim = await this.#persist(() => this.#cast.demo.claims(action, { key }));
    this.#acknowledged("claim", claim.action, claim.fence);
    return claim;
  }

  #report(claim: Claim, outcome: "succeeded" | "failed"): Promise<ActionView> {
    return this.#command("report", (key) => this.#cast.demo.reports(claim, outcome, { key }));
  }

  #command(name: CommandName, send: (key: string) => Promise<ActionView>): Promise<ActionView>;
  #command(
    name: CommandName,
    send: (key: string) => Promise<ActionView>,
    unless: string[],
  ): Promise<ActionView | null>;
  /** Sends it until it is answered, sometimes twice at once. A refusal that says one of `unless` is an answer too. */
  async #command(
    name: CommandName,
    send: (key: string) => Promise<ActionView>,
    unless: string[] = [],
  ): Promise<ActionView | null> {
    await delay(this.#random() * 20);
    const key = this.#key();
    const once = (): Promise<ActionView> => this.#persist(() => send(key));
    try {
      const [action] = await Promise.all(this.#random() < 0.1 ? [once(), once()] : [once()]);
      this.#acknowledged(name, action, null);
      return action;
    } catch (error) {
      if (error instanceof Refused && unless.some((word) => error.answer.text.includes(word))) return null;
      throw error;
    }
  }

  #acknowledged(command: CommandName, { id, seq, state }: ActionView, fence: number | null): void {
    this.acks.push({ command, action: id, seq, state, fence });
  }

  #key(): string {
    return `key-${(this.#keys += 1)}`;
  }

  /** Until it is answered: a connection that breaks and a 5xx are no answer. */
  async #persist<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      await this.#gate.promise;
      try {
        return await send();
      } catch (error) {
        if (error instanceof Refused && error.answer.status < 500) throw error;
        this.repeats += 1;
        await delay(50);
      }
    }
  }
}
