import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { verifyConsistency } from "../../core/evidence/merkle.ts";
import { Bundle } from "../../schemas/bundle.ts";
import { LedgerProof } from "../../schemas/ledger-view.ts";
import type { Checkpoint } from "../../schemas/ledger.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { Cast } from "./actors.ts";
import { Refused } from "./caller.ts";
import type { Dice } from "./dice.ts";
import { sha256Hex } from "./evidence.ts";
import { type Erase, keptFrom, type KeptCheckpoint, type Shown } from "./evidence-record.ts";
import { bytesOf, sha256 } from "./log.ts";

/** What a kill may fall into: an action being sealed, a checkpoint being signed, a class being let go of. */
export const moments = ["seal", "checkpoint", "erase"] as const;
export type Moment = (typeof moments)[number];

/** An engine that is up and fails so often has a fault of its own. */
const maxTries = 500;
const retryMs = 20;

/** What is let go of at once; with the evidence goes everything. */
const orders: readonly (readonly RetentionClass[])[] = [
  ["ephemeral"],
  ["operational"],
  ["ephemeral", "operational"],
  ["ephemeral", "compliance"],
  ["compliance"],
];

/** An erasure that was not answered, with the key that it was sent under. */
export type Unanswered = Omit<Erase, "acknowledged"> & { readonly key: string };

/**
 * Lives that end, an auditor who takes their evidence away, and an operator who has it let go of. Whatever is not answered is sent
 * again under the same key once the engine is back, but for erasures: each is sent once, so that it stays as the kill left it.
 */
export class EvidenceLoad {
  /** Actions whose end was acknowledged. */
  readonly ended = new Set<string>();
  readonly kept: KeptCheckpoint[] = [];
  readonly shown: Shown[] = [];
  readonly erases: Erase[] = [];
  readonly unanswered: Unanswered[] = [];
  /** Of each moment, what is under way right now. */
  readonly underWay: Record<Moment, number> = { seal: 0, checkpoint: 0, erase: 0 };
  readonly faults: string[] = [];
  repeats = 0;
  /** Proofs that the log goes on from one checkpoint to the next. */
  proofs = 0;
  readonly #cast: Cast;
  readonly #dice: Dice;
  readonly #waiting = new Map<Moment, PromiseWithResolvers<void>>();
  readonly #tookMs: Record<Moment, number> = { seal: 20, checkpoint: 20, erase: 20 };
  #answered = 0;
  #wanted: { readonly count: number; readonly waiting: PromiseWithResolvers<void> } | null = null;
  #keys = 0;
  #over = false;
  #gate = Promise.withResolvers<void>();

  constructor(cast: Cast, dice: Dice) {
    this.#cast = cast;
    this.#dice = dice;
  }

  /** The engine is there: whoever waits for it goes on. */
  open(): void {
    this.#gate.resolve();
  }

  /** The engine is gone: everybody waits from now on. */
  shut(): void {
    this.#gate = Promise.withResolvers();
  }

  /** Nothing new is begun any more. */
  end(): void {
    this.#over = true;
  }

  /** Comes back once so many more requests were answered: what an engine lives by, on a busy machine as on a free one. */
  answers(count: number): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#wanted = { count: this.#answered + count, waiting };
    return waiting.promise;
  }

  /** How long a request of this kind took last, in ms. */
  tookMs(moment: Moment): number {
    return this.#tookMs[moment];
  }

  /** Comes back when the next request of this kind goes out. */
  next(moment: Moment): Promise<void> {
    const waiting = this.#waiting.get(moment) ?? Promise.withResolvers<void>();
    this.#waiting.set(moment, waiting);
    return waiting.promise;
  }

  /** One agent's day: one action after the other until `end`. */
  async work(): Promise<void> {
    while (!this.#over) {
      const action = await this.live();
      if (this.#dice.chance(0.4)) await this.takesAway(action);
      if (this.#dice.chance(0.8)) await this.letsGo(action);
    }
  }

  /** An auditor's day: checkpoint after checkpoint, each held against the one before. */
  async audit(): Promise<void> {
    let before: Checkpoint | null = null;
    while (!this.#over) {
      await delay(this.#dice.below(60));
      before = await this.#follows(before);
      if (this.#dice.chance(0.2)) await this.#keepsPublic();
    }
  }

  /** The life of one action, to its end. @returns its id */
  async live(): Promise<string> {
    const { demo, bob } = this.#cast;
    const parts = {
      type: "kill.life",
      args: { what: `no ${this.#keys}` },
      context: { diff: "- a\n+ b", ticket: `OPS-${this.#keys}` },
    };
    const action = await this.#command((key) => demo.asks(parts, { key }));
    const draw = this.#dice.next();
    if (draw < 0.15) await this.#ends((key) => demo.cancels(action, { key }));
    else if (draw < 0.3) await this.#ends((key) => bob.denies(action, { key }));
    else {
      await this.#command((key) => bob.approves(action, { key, more: { reason: "I have looked" } }));
      const claim = await this.#command((key) => demo.claims(action, { key }));
      if (this.#dice.chance(0.3)) await this.#command((key) => demo.heartbeats(claim, { key }));
      const outcome = this.#dice.chance(0.8) ? "succeeded" : "failed";
      await this.#ends((key) =>
        demo.reports(claim, outcome, { key, more: { evidence: { exitCode: 0, output: "done" } } }),
      );
    }
    this.ended.add(action.id);
    return action.id;
  }

  /** Takes the evidence of an action away, which seals it and signs all there is. */
  async takesAway(action: string): Promise<void> {
    const path = `/v1/actions/${action}/evidence`;
    const bundle = v.parse(
      Bundle,
      await this.#persist(() => this.#during("seal", () => this.#cast.auditor.get(path))),
    );
    this.#keep(bundle.log.checkpoint);
    const last = bundle.entries.at(-1);
    if (last === undefined) return;
    const head = `sha256:${sha256Hex(last.text)}`;
    this.shown.push({ action, events: bundle.entries.length, head });
  }

  /** Has classes let go of, one after the other, each asked for once; which is up to the dice where it is not said. */
  async letsGo(action: string, wanted?: readonly RetentionClass[]): Promise<void> {
    for (const name of wanted ?? this.#dice.pick(orders)) await this.#erasesOnce(action, name);
  }

  /** Asks for what was not answered once more, as somebody does who wants to be sure. */
  async erasesAgain(): Promise<void> {
    for (const { action, class: name, key } of this.unanswered) {
      await this.#persist(() => this.#eraseOrGone(action, name, key));
      this.erases.push({ action, class: name, acknowledged: true });
    }
  }

  /** That nothing but a tombstone is left is an answer too. */
  async #eraseOrGone(action: string, name: RetentionClass, key: string): Promise<void> {
    try {
      await this.#erase(action, name, key);
    } catch (error) {
      if (!(error instanceof Refused && error.answer.status === 410)) throw error;
    }
  }

  async #erasesOnce(action: string, name: RetentionClass): Promise<void> {
    await this.#gate.promise;
    const key = this.#key();
    try {
      await this.#during("erase", () => this.#erase(action, name, key));
      this.erases.push({ action, class: name, acknowledged: true });
    } catch (error) {
      if (error instanceof Refused && error.answer.status < 500) throw error;
      this.erases.push({ action, class: name, acknowledged: false });
      this.unanswered.push({ action, class: name, key });
    }
  }

  #erase(action: string, name: RetentionClass, key: string): Promise<unknown> {
    const body = { class: name, reason: "They asked for it" };
    return this.#cast.omar.post(`/v1/actions/${action}/erase`, body, { key });
  }

  async #follows(before: Checkpoint | null): Promise<Checkpoint> {
    const { auditor } = this.#cast;
    const { checkpoint } = await this.#persist(() =>
      this.#during("checkpoint", () => auditor.get<{ checkpoint: Checkpoint }>("/v1/evidence?limit=1")),
    );
    this.#keep(checkpoint);
    if (before === null) return checkpoint;
    if (checkpoint.size < before.size) {
      this.faults.push(
        `fork: a checkpoint of ${before.size} lines was followed by one of ${checkpoint.size}`,
      );
      return before;
    }
    const path = `/v1/ledger/consistency?from=${before.size}&to=${checkpoint.size}`;
    const { proof } = v.parse(LedgerProof, await this.#persist(() => auditor.get(path)));
    const [from, to] = [before, checkpoint].map(({ root }) => bytesOf(root));
    if (!verifyConsistency(before.size, checkpoint.size, from!, to!, proof.map(bytesOf), sha256)) {
      this.faults.push(`fork: ${checkpoint.size} lines do not go on from ${before.size}`);
    }
    this.proofs += 1;
    return checkpoint;
  }

  /** What anybody may see; there may be none yet. */
  async #keepsPublic(): Promise<void> {
    const { status, text } = await this.#persist(() => this.#cast.stranger.send("GET", "/checkpoint"));
    if (status === 200) this.kept.push(keptFrom(text));
  }

  #keep({ size, root, note }: Checkpoint): void {
    this.kept.push({ size, root, note });
  }

  #ends(send: (key: string) => Promise<unknown>): Promise<unknown> {
    return this.#command((key) => this.#during("seal", () => send(key)));
  }

  async #command<Answer>(send: (key: string) => Promise<Answer>): Promise<Answer> {
    await delay(this.#dice.below(10));
    const key = this.#key();
    return this.#persist(() => send(key));
  }

  async #during<Answer>(moment: Moment, send: () => Promise<Answer>): Promise<Answer> {
    this.underWay[moment] += 1;
    this.#waiting.get(moment)?.resolve();
    this.#waiting.delete(moment);
    const began = performance.now();
    try {
      const answer = await send();
      this.#tookMs[moment] = performance.now() - began;
      return answer;
    } finally {
      this.underWay[moment] -= 1;
    }
  }

  #count(): void {
    this.#answered += 1;
    if (this.#wanted === null || this.#answered < this.#wanted.count) return;
    this.#wanted.waiting.resolve();
    this.#wanted = null;
  }

  #key(): string {
    return `key-${(this.#keys += 1)}`;
  }

  /** Until it is answered: a connection that breaks and a 5xx are no answer. @throws what it is told where that goes on and on */
  async #persist<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      await this.#gate.promise;
      try {
        const answer = await send();
        this.#count();
        return answer;
      } catch (error) {
        if (error instanceof Refused && (error.answer.status < 500 || tries === maxTries)) throw error;
        this.repeats += 1;
        await delay(retryMs);
      }
    }
  }
}
