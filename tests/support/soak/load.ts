import { setTimeout as delay } from "node:timers/promises";
import type { ActionView } from "../../../schemas/action.ts";
import { type Cast, contractOf } from "../actors.ts";
import type { Dice } from "../dice.ts";

/** A mixed load at a bounded rate: whole lives, those who wait for them, and those who only look. */

/** Pending for longer than any soak takes. */
const patient = contractOf("soak.patient", {
  clocks: { pendingTtl: "7d", remindAfter: "7d", escalateAfter: [] },
});
const brisk = contractOf("soak.brisk", { rollback: { window: "1m" } });

/** What was acknowledged: the state that an action was last said to be in, and how far its log went then. */
export type Acked = Map<string, { readonly state: string; readonly seq: number }>;

export class SoakLoad {
  readonly acked: Acked = new Map();
  /** Bytes of what reviewers are shown, which is most of what is sent. */
  sent = 0;
  /** Lives that came to their end. */
  finished = 0;
  /** Calls of every kind. */
  calls = 0;
  readonly faults: string[] = [];
  readonly #cast: Cast;
  readonly #dice: Dice;
  #ends = false;

  constructor(cast: Cast, dice: Dice) {
    this.#cast = cast;
    this.#dice = dice;
  }

  async prepare(): Promise<void> {
    await this.#cast.operator.adopts(patient, brisk);
  }

  /** So many that wait for somebody, with a few asking at once. */
  async pending(count: number, told: (made: number) => void): Promise<void> {
    let asked = 0;
    let made = 0;
    const ask = async (): Promise<void> => {
      while (asked < count) {
        asked += 1;
        await this.#ask("soak.patient");
        made += 1;
        if (made % 1_000 === 0) told(made);
      }
    };
    await Promise.all(Array.from({ length: 8 }, ask));
  }

  /** Begins something new every `everyMs`, for `forMs`. What has begun comes to its end. */
  async run(everyMs: number, forMs: number): Promise<void> {
    const end = performance.now() + forMs;
    const under = new Set<Promise<void>>();
    while (performance.now() < end && !this.#ends) {
      // Not more than there is time for: a machine that is busy with other things makes fewer lives, and no pile of them.
      if (under.size < maxUnder) {
        const one = this.#one().catch((error: unknown) => void this.faults.push(String(error)));
        under.add(one);
        void one.finally(() => under.delete(one));
      }
      await delay(everyMs);
    }
    await Promise.all(under);
  }

  end(): void {
    this.#ends = true;
  }

  async #one(): Promise<void> {
    const draw = this.#dice.next();
    if (draw < 0.35) return this.#life("stream");
    if (draw < 0.6) return this.#life("poll");
    if (draw < 0.7) return this.#denied();
    return this.#looks();
  }

  /** Asked for, waited for, agreed to, run and reported. */
  async #life(by: "stream" | "poll"): Promise<void> {
    const { demo, bob } = this.#cast;
    const action = await this.#ask("soak.brisk");
    const waits = by === "stream" ? this.#follow(action) : this.#poll(action);
    this.#ack(await bob.approves(action));
    await waits;
    const held = await demo.claims(action);
    this.#ack(held.action);
    if (this.#dice.chance(0.3)) this.#ack(await demo.heartbeats(held));
    this.#ack(await demo.reports(held, this.#dice.chance(0.8) ? "succeeded" : "failed"));
    this.finished += 1;
    this.calls += 3;
  }

  async #denied(): Promise<void> {
    const { demo, bob } = this.#cast;
    const action = await this.#ask("soak.brisk");
    const decide = this.#dice.chance(0.5) ? bob.denies(action) : demo.cancels(action);
    this.#ack(await decide);
    this.finished += 1;
  }

  async #follow(action: ActionView): Promise<void> {
    const stream = await this.#cast.demo.follows(action);
    await stream.until(
      ({ messages }) => messages.some(({ action: { state } }) => state !== "pending"),
      60_000,
    );
    await stream.close();
    this.calls += 1;
  }

  async #poll(action: ActionView): Promise<void> {
    await this.#cast.demo.waitsFor(action, action.seq, 20);
    this.calls += 1;
  }

  async #looks(): Promise<void> {
    const { auditor, demo, bob, stranger, operator } = this.#cast;
    const ids = [...this.acked.keys()];
    const looks: readonly (() => Promise<unknown>)[] = [
      () => auditor.lists("limit=50"),
      () => auditor.lists("state=pending&limit=20"),
      () => bob.get("/v1/queue"),
      () => operator.get("/v1/metrics"),
      () => stranger.send("GET", "/"),
      () => demo.sees({ id: this.#dice.pick(ids) }),
      () => auditor.readsLog({ id: this.#dice.pick(ids) }),
    ];
    await this.#dice.pick(looks)();
    this.calls += 1;
  }

  async #ask(type: string): Promise<ActionView> {
    this.sent += JSON.stringify(context).length;
    return this.#ack(await this.#cast.demo.asks({ type, context }));
  }

  #ack(action: ActionView): ActionView {
    const { id, state, seq } = action;
    this.calls += 1;
    if (seq >= (this.acked.get(id)?.seq ?? 0)) this.acked.set(id, { state, seq });
    return action;
  }

  /** What was acknowledged and is not there: a log only grows, and what has ended stays so. */
  async lost(): Promise<string[]> {
    const lost: string[] = [];
    const left = [...this.acked].values();
    const look = async (): Promise<void> => {
      for (const [id, { state, seq }] of left) {
        const now = await this.#cast.demo.sees({ id });
        const isThere = now.seq > seq || (now.seq === seq && now.state === state);
        if (!isThere) lost.push(`${id}: ${now.state} (${now.seq})`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, look));
    return lost;
  }
}

/** Things begun and not yet ended, at most. */
const maxUnder = 40;
/** What a reviewer is shown beside a request, as long as a diff: a body that is kept for ever shows by it. */
const context = { diff: "-  replicas: 3\n+  replicas: 5\n".repeat(500) };
