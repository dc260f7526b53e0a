import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { vi } from "vitest";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import { Tombstone } from "../../schemas/tombstone.ts";
import { sweep } from "../../workers/cron.ts";
import type { Dice } from "../support/dice.ts";
import { classesOf, live, type Lived } from "./clocked-lives.ts";
import { day, hour, minute } from "./erasing.ts";
import { objects } from "./lived.ts";

/**
 * A clock that is moved from one thing to the next through years: lives begin and end, alarms go off a little late or are lost, the
 * sweep comes by once a minute, holds are put and released, and each value is looked for just before it is due and at the last
 * moment at which it may still be there.
 */

/** A value may be there so long after its time. */
export const toleranceMs = { ephemeral: 15 * minute, operational: 24 * hour, compliance: 24 * hour } as const;
/** Alarms go off so late at most; one in ten never does. */
const latenessMs = 20_000;
/** The sweep comes by so often, and lets alone what is due since less than that. */
const sweepEveryMs = 60_000;
const sweepGraceMs = 15_000;

export type Life = Lived & {
  /** From when until when (epoch ms) it is held; null where it never is. */
  readonly held: { readonly from: number; readonly until: number; readonly released: boolean } | null;
  /** What the engine says of when each class went. */
  readonly goneAt: Map<RetentionClass, number>;
};

export type Driven = {
  readonly lives: readonly Life[];
  readonly faults: readonly string[];
  readonly sums: Sums;
};
type Sums = { alarms: number; lost: number; sweeps: number; holds: number; looks: number };

/** What is taken out for a control. */
export type Without = "alarms and sweep" | "holds" | null;

/** The time from which a value may go, and from which it must start to. */
export function limitOf({ dueAt, held }: Life, name: RetentionClass): number {
  const due = dueAt[name];
  return held !== null && due >= held.from ? Math.max(due, held.until) : due;
}

export class MovedClock {
  readonly #workspace: string;
  readonly #dice: Dice;
  readonly #without: Without;
  readonly #lives: Life[] = [];
  readonly #faults: string[] = [];
  readonly #sums: Sums = { alarms: 0, lost: 0, sweeps: 0, holds: 0, looks: 0 };
  /** What is to come, the soonest last. */
  readonly #next: { at: number; run: () => Promise<void> }[] = [];
  readonly #armed = new Map<Life, object>();

  constructor(workspace: string, dice: Dice, without: Without = null) {
    this.#workspace = workspace;
    this.#dice = dice;
    this.#without = without;
  }

  /** Lets `count` actions live, beginning within a month from now, until nothing is to come any more. */
  async drive(count: number): Promise<Driven> {
    const start = Date.now();
    for (let nth = 0; nth < count; nth += 1) {
      this.#at(start + this.#dice.below(30 * day), () => this.#begin(nth));
    }
    for (let one = this.#next.pop(); one !== undefined; one = this.#next.pop()) {
      vi.setSystemTime(Math.max(one.at, Date.now()));
      await one.run();
    }
    return { lives: this.#lives, faults: this.#faults, sums: this.#sums };
  }

  #at(at: number, run: () => Promise<void>): void {
    let place = this.#next.length;
    while (place > 0 && (this.#next[place - 1]?.at ?? at) <= at) place -= 1;
    this.#next.splice(place, 0, { at, run });
  }

  async #begin(nth: number): Promise<void> {
    const living = live(this.#workspace, nth, this.#dice);
    const goOn = async (): Promise<void> => {
      const { done, value } = await living.next();
      if (done === true) await this.#over(nth, value);
      else this.#at(value, goOn);
    };
    await goOn();
  }

  async #over(nth: number, lived: Lived): Promise<void> {
    const life: Life = { ...lived, held: this.#holdFor(nth, lived), goneAt: new Map() };
    this.#lives.push(life);
    await this.#hold(life);
    await this.#arm(life);
    const looksAt = (at: number): void => this.#at(at, () => this.#look(life));
    for (const name of classesOf(life)) {
      const limit = limitOf(life, name);
      looksAt(limit - 1);
      looksAt(limit + toleranceMs[name]);
      this.#at(limit + sweepGraceMs + this.#dice.below(sweepEveryMs), () => this.#sweep());
    }
  }

  /**
   * One in four is held: from its end on, or from when something of it has gone already; for a while, for years, or until well after
   * its words were due; with an end of its own, or released. Of the first eight lives, one that is due is held whatever the dice say.
   */
  #holdFor(nth: number, { end, dueAt }: Lived): Life["held"] {
    if (nth % 4 !== 1) return null;
    const turn = Math.floor(nth / 4);
    const later = dueAt.ephemeral + toleranceMs.ephemeral;
    const from = turn % 2 === 1 && later < dueAt.operational ? later : end;
    const span = minute + this.#dice.pick([1, 3, 30, 450]) * this.#dice.below(day);
    const until = turn % 3 === 1 ? dueAt.operational + 2 * day : from + span;
    return { from, until, released: this.#dice.chance(0.5) };
  }

  async #hold({ id, held }: Life): Promise<void> {
    if (held === null || this.#without === "holds") return;
    const { ledger } = objects(this.#workspace);
    const by = { kind: "person", id: "person:omar" } as const;
    const hold = `hold_${id.slice("act_".length)}`;
    const put = async (): Promise<void> => {
      const until = held.released ? null : held.until;
      const asked = { id: hold, scope: `action:${id}` as const, reason: "Case 7", by, until };
      const done = await ledger.putHold(asked, Date.now());
      if (!done.ok) throw new Error(done.error.detail);
      this.#sums.holds += 1;
    };
    if (held.from > Date.now()) this.#at(held.from, put);
    else await put();
    if (!held.released) return;
    this.#at(held.until, async () => {
      await ledger.releaseHold({ id: hold, by, because: "over", under: null }, Date.now());
    });
  }

  /** One alarm for each life: whatever was to come before is no more once it is armed anew. */
  async #arm(life: Life): Promise<void> {
    const { stub } = life;
    const at = await runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
    const token = {};
    this.#armed.set(life, token);
    if (at === null || this.#without === "alarms and sweep") return;
    // Where there are no holds, a value is to be gone before its hold would have ended, and not only when a sweep finds it after that.
    if (this.#dice.chance(0.1) && this.#without !== "holds") {
      this.#sums.lost += 1;
      await runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());
      return;
    }
    this.#at(Math.max(Date.now(), at) + this.#dice.below(latenessMs), async () => {
      if (this.#armed.get(life) !== token) return;
      this.#sums.alarms += 1;
      await runDurableObjectAlarm(stub);
      await this.#hear(life);
      await this.#arm(life);
    });
  }

  /** One run of the sweep. Where nothing is overdue it finds nothing to do, so that all others are left out. */
  async #sweep(): Promise<void> {
    if (this.#without === "alarms and sweep") return;
    const isOverdue = (life: Life): boolean =>
      classesOf(life).some(
        (name) => !life.goneAt.has(name) && limitOf(life, name) + sweepGraceMs <= Date.now(),
      );
    const overdue = this.#lives.filter(isOverdue);
    if (overdue.length === 0) return;
    this.#sums.sweeps += 1;
    await sweep(env, Date.now());
    for (const life of overdue) {
      await this.#hear(life);
      await this.#arm(life);
    }
  }

  /** What the engine says itself of what is gone. */
  async #hear({ stub, goneAt }: Life): Promise<void> {
    const text = await stub.view();
    if (text !== null) {
      for (const one of v.parse(Seen, JSON.parse(text)).erased ?? []) {
        goneAt.set(one.class, Date.parse(one.at));
      }
      return;
    }
    const { erased, erasedAt } = v.parse(Tombstone, JSON.parse((await stub.gone()) ?? "null"));
    for (const name of retentionClasses) {
      const at = erased[name];
      if (at !== undefined) goneAt.set(name, at);
    }
    goneAt.set("compliance", erasedAt);
  }

  /** What is really there at this moment, against what may be and what must be. */
  async #look(life: Life): Promise<void> {
    this.#sums.looks += 1;
    const now = Date.now();
    const text = (await life.stub.view()) ?? "";
    const { fields = {}, context } = life.retention;
    const parts: [string, RetentionClass][] = [
      [`${life.mark}-context`, context],
      [`${life.mark}-reason`, "operational"],
      [`${life.mark}-more`, "operational"],
      [`${life.mark}-migration`, fields["/args/migration"] ?? "operational"],
      [life.id, "compliance"],
    ];
    for (const [part, name] of parts) {
      const limit = limitOf(life, name);
      const isThere = text.includes(part);
      if (isThere && now >= limit + toleranceMs[name]) {
        this.#faults.push(`${life.id}: ${part} (${name}) is there ${now - limit} ms after its time`);
      }
      if (!isThere && now < limit) {
        const why = now < life.dueAt[name] ? "early" : "although it is held";
        this.#faults.push(`${life.id}: ${part} (${name}) went ${why}, ${limit - now} ms too soon`);
      }
    }
  }
}

const Seen = v.object({
  erased: v.optional(v.array(v.object({ class: v.picklist(retentionClasses), at: v.string() }))),
});
