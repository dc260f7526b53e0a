import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import type { Action } from "../../objects/action/action.ts";
import { sweep } from "../../workers/cron.ts";
import type { Dice } from "../support/dice.ts";
import { day, hour, minute } from "./erasing.ts";
import { StormBoard } from "./storm-board.ts";
import { diskFull, StormLife, type Place } from "./storm-life.ts";
import type { StormQueues } from "./storm-queues.ts";

/**
 * A storm over actions: the clock jumps, machines are replaced by others whose clocks are behind, alarms go off early, late, twice
 * and all at once, the queue, the Board or the disk is out for ten minutes, and some alarms are given up by the platform. Then calm.
 */

export type Weather = {
  readonly lives: number;
  readonly rounds: number;
  /** What goes out for ten minutes, one after the other; with `platform` alarms are given up, as is one that has thrown seven times. */
  readonly outages: readonly Outage[];
  readonly sweeps: boolean;
  /** The control: an alarm clears itself before its work, and the platform has nothing to run again where it dies in the midst of it. */
  readonly clears: boolean;
  /** Whether controls stand beside the Board. */
  readonly shadowed: boolean;
  /** How much is left to it once the storm is over: all, or just long enough to see what is overdue. */
  readonly calm: "whole" | "short";
};

const second = 1_000;
/** Every so many rounds the clock jumps, by hours or by weeks. */
const leapEvery = 13;
/** How long something is out. */
const outageMs = 10 * minute;
const sweepEveryMs = minute;
/** In calm: an alarm runs up to a step late, the sweep comes a step later, and lets alone what is due since 15 s. */
const calmStepMs = minute;
export const boundMs = 2 * calmStepMs + 30 * second;
/** After so many steps of calm whatever the storm has left is made up for: the Board is told again within ten minutes. */
const settleSteps = [12, 16] as const;
/** The same where nothing was out but alarms. */
const shortSteps = [6, 9] as const;
/** Retries of a recipient that is never there take a day and a half. */
const horizonMs = 4 * day;

/** What a trigger does that makes every write fail. */
const failing = `BEGIN SELECT RAISE(ABORT, '${diskFull}'); END`;

export type Outage = "queue" | "board" | "disk" | "platform";

export class Storm {
  readonly lives: StormLife[];
  readonly board: StormBoard;
  readonly #dice: Dice;
  readonly #weather: Weather;
  readonly #queues: StormQueues;
  readonly #bornAt: number[];
  #next = 0;
  #out: { what: Outage; until: number; hit: ReadonlySet<StormLife> } | null = null;
  #sweptAt = 0;
  #calm = false;
  readonly faults: string[] = [];
  readonly sums = {
    jumps: 0,
    back: 0,
    alarms: 0,
    early: 0,
    twice: 0,
    most: 0,
    lost: 0,
    outages: 0,
    evicted: 0,
    sweeps: 0,
    rescued: 0,
  };

  constructor(place: Place, queues: StormQueues, weather: Weather) {
    this.#dice = place.dice;
    this.#queues = queues;
    this.#weather = weather;
    this.board = new StormBoard(place.workspace, weather.shadowed);
    this.lives = Array.from({ length: weather.lives }, (_, nth) => new StormLife(place, nth));
    // In a short one the half is asked for in calm and left alone, so that whatever the dice say something comes due.
    const isLate = (nth: number): boolean => weather.calm === "short" && nth % 2 === 0;
    this.#bornAt = this.lives.map((_, nth) =>
      isLate(nth) ? Infinity : this.#dice.below(weather.rounds * 0.6),
    );
  }

  async blow(): Promise<void> {
    const start = Date.now();
    for (let round = 0; round < this.#weather.rounds; round += 1) {
      this.#move(start, round % leapEvery === leapEvery - 1);
      await this.#change();
      await this.#evictSome();
      await Promise.all(
        this.lives.map(async (life, nth) => {
          if (life.reference !== null) return this.#dice.chance(0.45) ? life.act() : undefined;
          return round >= this.#bornAt[nth]! ? life.ask() : undefined;
        }),
      );
      await this.#pass();
    }
    // In a short one the platform has no alarms any more, if it ever lost one.
    if (this.#weather.calm === "whole") await this.#clear();
    await this.#growCalm();
  }

  /** The clock of the machines. It never goes back behind where it began, where real alarms would go off. */
  #move(start: number, leaps: boolean): void {
    const draw = this.#dice.next();
    const upTo = (ms: number): number => 1 + this.#dice.below(ms);
    let by = upTo(minute);
    if (draw > 0.4) by = minute + upTo(4 * minute);
    if (draw > 0.82) by = -minute - upTo(4 * minute);
    // What is out is out for many rounds, and mostly not only until a jump ends it.
    if (leaps || (draw > 0.9 && this.#out === null)) by = 10 * minute + upTo(8 * hour);
    if (leaps && draw > 0.4) by = upTo(20 * day);
    const now = Math.max(start, Date.now() + by);
    this.sums.jumps += by > 10 * minute ? 1 : 0;
    this.sums.back += by < 0 ? 1 : 0;
    vi.setSystemTime(now);
  }

  /** Something goes out for ten minutes, one thing at a time, or comes back. */
  async #change(): Promise<void> {
    if (this.#out !== null && this.#out.until <= Date.now()) await this.#clear();
    const isShort = this.#weather.calm === "short";
    if (this.#out !== null || !this.#dice.chance(isShort ? 1 : 0.35)) return;
    const { outages } = this.#weather;
    const what = outages[this.#next++ % outages.length];
    if (what === undefined) return;
    const hit = new Set(this.lives.filter((life) => life.reference !== null && this.#dice.chance(0.6)));
    this.sums.outages += 1;
    this.#out = { what, until: Date.now() + outageMs, hit };
    this.#queues.down = what === "queue";
    this.board.down = what === "board";
    if (what === "disk") await this.#onDisk(hit, `CREATE TRIGGER broken BEFORE UPDATE ON docs ${failing}`);
  }

  async #clear(): Promise<void> {
    if (this.#out?.what === "disk") await this.#onDisk(this.#out.hit, "DROP TRIGGER IF EXISTS broken");
    this.#out = null;
    this.#queues.down = false;
    this.board.down = false;
  }

  async #onDisk(lives: Iterable<StormLife>, statement: string): Promise<void> {
    const run = ({ stub }: StormLife): Promise<void> =>
      runInDurableObject(stub, (_, { storage }) => void storage.sql.exec(statement));
    await Promise.all([...lives].map(run));
  }

  /** What goes on by itself: alarms, queues, the sweep. */
  async #pass(): Promise<void> {
    await this.#alarms();
    await this.#queues.deliver(this.board.env);
    const now = Date.now();
    if (!this.#weather.sweeps || Math.abs(now - this.#sweptAt) < sweepEveryMs) return;
    this.#sweptAt = now;
    this.sums.sweeps += 1;
    this.sums.rescued += (await sweep(this.board.env, now)).overdue;
  }

  /** Some go on on other machines, whose clocks may be behind. */
  async #evictSome(): Promise<void> {
    const some = this.lives.filter((life) => life.reference !== null && this.#dice.chance(0.08));
    this.sums.evicted += some.length;
    await Promise.all(
      some.map(async ({ stub }) => {
        // Only what runs can be put out.
        await stub.view();
        await evictDurableObject(stub);
      }),
    );
    for (const life of some) life.behindMs = this.#dice.chance(0.5) ? 0 : this.#dice.below(5 * minute);
  }

  /** All that have an alarm, with when it is to go off (epoch ms): as the platform has it, and not as the action believes. */
  async #armed(): Promise<{ life: StormLife; at: number }[]> {
    const all = await Promise.all(
      this.lives.map(async (life) => ({
        life,
        at:
          life.reference === null
            ? null
            : await runInDurableObject(life.stub, (_, { storage }) => storage.getAlarm()),
      })),
    );
    return all.flatMap(({ life, at }) => (at === null ? [] : [{ life, at }]));
  }

  /** @returns how many went off, all at once. */
  async #alarms(): Promise<void> {
    const now = Date.now();
    const going: StormLife[] = [];
    for (const { life, at } of await this.#armed()) {
      const isDue = at <= now;
      if (this.#calm ? isDue : this.#dice.chance(isDue ? 0.7 : 0.04)) going.push(life);
      if (going.at(-1) === life && !isDue) this.sums.early += 1;
    }
    this.sums.most = Math.max(this.sums.most, going.length);
    await Promise.all(going.map((life) => this.#goOff(life)));
  }

  async #goOff(life: StormLife): Promise<void> {
    this.sums.alarms += 1;
    const twice = !this.#calm && this.#dice.chance(0.1);
    const isShort = this.#weather.calm === "short";
    const dies = isShort || this.#dice.chance(0.1);
    const lost = this.#out?.what === "platform" && (isShort || this.#out.hit.has(life));
    this.sums.twice += twice ? 1 : 0;
    await runInDurableObject(life.stub, async (action: Action, { storage }) => {
      if ((await storage.getAlarm()) === null) return;
      await storage.deleteAlarm();
      if (lost && this.board.finds(action)) {
        this.sums.lost += 1;
        return;
      }
      // It is killed before it has done anything, and the platform runs it again; unless it has cleared itself first.
      if (dies && this.#weather.clears) return;
      if (dies && !this.#calm) return storage.setAlarm(Date.now() + 1);
      // It never throws, whatever is out: the platform would give it up.
      await action.alarm();
      if (twice) await action.alarm();
    });
  }

  async #growCalm(): Promise<void> {
    this.#calm = true;
    for (const life of this.lives) life.behindMs = 0;
    for (const life of this.lives.filter(({ reference }) => reference === null)) await life.ask();
    const [settled, steps] = this.#weather.calm === "whole" ? settleSteps : shortSteps;
    for (let done = 1; done <= steps; done += 1) {
      vi.setSystemTime(Date.now() + calmStepMs);
      await this.#pass();
      if (done > settled) await this.#lookForOverdue();
    }
    if (this.#weather.calm === "short") return;
    const horizon = Date.now() + horizonMs;
    for (;;) {
      const next = Math.min(...(await this.#armed()).map(({ at }) => at));
      if (next > horizon && this.#queues.left === 0) break;
      const soonest = Date.now() + 30 * minute;
      vi.setSystemTime(this.#queues.left > 0 ? soonest : Math.max(next, soonest));
      if (Date.now() > horizon) break;
      await this.#pass();
    }
  }

  /** Whether anything is due for longer than the alarms and the sweep may take. */
  async #lookForOverdue(): Promise<void> {
    const limit = Date.now() - boundMs;
    for (const { reference, stub, id } of this.lives) {
      if (reference === null) continue;
      const due = reference.tick(limit).state.seq;
      const { seq } = await runInDurableObject(stub, (action: Action) => action.store.load()!.stored.state);
      if (seq < due) this.faults.push(`${id}: overdue for more than ${boundMs / second} s`);
    }
  }
}
