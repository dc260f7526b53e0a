import * as fc from "fast-check";
import { randomBytes } from "node:crypto";
import { ageOf, toleranceMs } from "../../core/evidence/figures.ts";
import type { Ledger } from "../../objects/ledger/ledger.ts";
import type { EvidenceFigures, RetentionFigures } from "../../schemas/evidence-figures.ts";
import type { HoldScope, Seen } from "../../schemas/ledger.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import { actionNamed, overOf } from "./ledger-lines.ts";

/** Histories of a ledger, and what somebody would count who remembers every single thing of one. */

const hour = 3_600_000;
const day = 24 * hour;
export const start = Date.now();
const types = ["db.migrate", "email.send", "payment.refund"];
const engine = { kind: "engine", id: "engine" } as const;
export const omar = { kind: "person", id: "person:omar" } as const;

type Stub = DurableObjectStub<Ledger>;
export type Step =
  | { do: "ask"; type: number; agent: number; context: number; classes: boolean[]; ttl: number[] }
  /** `told`: the action comes as far as saying so. */
  | { do: "erase"; nth: number; class: number; told: boolean; asked: boolean }
  | { do: "hold"; scope: number; nth: number; forMs: number | null }
  | { do: "release"; nth: number }
  | { do: "read"; who: number; route: number; allowed: boolean }
  | { do: "wait"; ms: number };

export const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      type: fc.nat(2),
      agent: fc.nat(1),
      context: fc.constantFrom(0, 0, 7, 900),
      classes: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
      ttl: fc.tuple(fc.nat(2 * hour), fc.nat(3 * day), fc.nat(40 * day)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("erase" as const),
      nth: fc.nat(40),
      class: fc.nat(2),
      told: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
      asked: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("hold" as const),
      scope: fc.nat(3),
      nth: fc.nat(40),
      forMs: fc.option(fc.integer({ min: 1, max: 10 * day })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), nth: fc.nat(10) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      who: fc.nat(3),
      route: fc.nat(1),
      allowed: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1_000, 10 * 60_000, 20 * 60_000, 2 * hour, 30 * hour, 12 * day),
    }),
  },
);

const askFor = (classes: boolean[], ttlMs: number): Step => ({
  do: "ask",
  type: 0,
  agent: 0,
  context: 7,
  classes,
  ttl: [ttlMs, ttlMs, ttlMs],
});

/** A history with one value that went late, one that is held, one asked to go early, and one that is due and still in time. */
export const oneOfEach: readonly Step[] = [
  askFor([true, false, false], 1_000),
  askFor([true, false, false], 1_000),
  { do: "hold", scope: 1, nth: 1, forMs: null },
  { do: "wait", ms: 30 * hour },
  { do: "erase", nth: 0, class: 0, told: true, asked: false },
  askFor([false, true, false], 3 * day),
  { do: "erase", nth: 2, class: 1, told: true, asked: true },
  askFor([true, false, false], 1_000),
  { do: "wait", ms: 10 * 60_000 },
];

type Value = { dueAt: number; bytes: number; promisedAt: number | null; asked: boolean; gone: boolean };
type Remembered = {
  action: string;
  type: string;
  requester: string;
  at: number;
  context: number;
  values: Partial<Record<RetentionClass, Value>>;
};
type RememberedHold = { id: string; scope: HoldScope; until: number | null; released: boolean };

/** Plays a history against a ledger, and remembers all of it. */
export class History {
  now = start;
  readonly actions: Remembered[] = [];
  readonly holds: RememberedHold[] = [];
  readonly reads: { principal: string; route: string; allowed: boolean }[] = [];
  readonly #ledger: Stub;

  constructor(ledger: Stub) {
    this.#ledger = ledger;
  }

  async play(one: Step): Promise<void> {
    switch (one.do) {
      case "wait":
        this.now += one.ms;
        return;
      case "ask":
        return this.#ask(one);
      case "erase":
        return this.#erase(one);
      case "hold":
        return this.#hold(one);
      case "release":
        return this.#release(one.nth);
      case "read":
        return this.#read(one);
    }
  }

  seen({ action, type, requester, values, context }: Remembered): Seen {
    const entries = retentionClasses.flatMap((name) => {
      const value = values[name];
      return value === undefined ? [] : [{ name, value }];
    });
    return overOf(action, 3, {
      type,
      requester,
      context,
      holds: entries
        .filter(({ value }) => !value.gone)
        .map(({ name, value: { dueAt, bytes } }) => ({ class: name, dueAt, bytes })),
      erased: entries
        .filter(({ value }) => value.gone)
        .map(({ name, value }) => ({ class: name, at: value.promisedAt ?? 0 })),
    });
  }

  async #ask({ type, agent, context, classes, ttl }: Extract<Step, { do: "ask" }>): Promise<void> {
    const values = Object.fromEntries(
      retentionClasses.flatMap((name, index) => {
        const dueAt = this.now + ttl[index]!;
        const value = { dueAt, bytes: 10 + index, promisedAt: null, asked: false, gone: false };
        return classes[index] === true ? [[name, value]] : [];
      }),
    );
    const nth = this.actions.length + 1;
    const about = { type: types[type]!, requester: `agent:a${agent}`, context };
    const made: Remembered = { action: actionNamed(nth), ...about, at: this.now, values };
    this.actions.push(made);
    await this.#ledger.record([this.seen(made)], this.now);
  }

  async #erase({ nth, class: index, told, asked }: Extract<Step, { do: "erase" }>): Promise<void> {
    const action = this.actions[nth];
    const name = retentionClasses[index]!;
    const value = action?.values[name];
    if (action === undefined || value === undefined || value.gone) return;
    const isAsked = asked && value.promisedAt === null && this.now < value.dueAt;
    if (!isAsked && value.promisedAt === null && this.now < value.dueAt) return;
    const answer = await this.#ledger.mayErase(
      {
        action: action.action,
        evidence: false,
        class: name,
        dueAt: isAsked ? null : value.dueAt,
        seen: this.seen(action),
        by: engine,
      },
      this.now,
    );
    if (!answer.allowed) return;
    if (value.promisedAt === null) Object.assign(value, { promisedAt: this.now, asked: isAsked });
    if (!told) return;
    value.gone = true;
    await this.#ledger.record([this.seen(action)], this.now);
  }

  async #hold({ scope, nth, forMs }: Extract<Step, { do: "hold" }>): Promise<void> {
    const action = this.actions[nth];
    if (action === undefined) return;
    const { type, requester } = action;
    const scopes = ["all", `action:${action.action}`, `type:${type}`, `requester:${requester}`] as const;
    const id = `hold_${randomBytes(16).toString("base64url")}`;
    const until = forMs === null ? null : this.now + forMs;
    const held = { id, scope: scopes[scope] as HoldScope, until };
    await this.#ledger.putHold({ ...held, reason: "a case", by: omar }, this.now);
    this.holds.push({ ...held, released: false });
  }

  async #release(nth: number): Promise<void> {
    const hold = this.holds[nth];
    if (hold === undefined) return;
    hold.released = true;
    await this.#ledger.releaseHold({ id: hold.id, by: omar, because: "over", under: null }, this.now);
  }

  async #read({ who, route, allowed }: Extract<Step, { do: "read" }>): Promise<void> {
    const read = { principal: `person:p${who}`, route: `GET /v1/r${route}`, allowed };
    this.reads.push(read);
    const by = { kind: "person", id: read.principal } as const;
    const outcome = allowed ? "allowed" : "refused";
    await this.#ledger.access({ by, route: read.route, action: null, asked: null, outcome }, this.now);
  }

  isHeld({ action, type, requester }: Remembered): boolean {
    const scopes: string[] = ["all", `action:${action}`, `type:${type}`, `requester:${requester}`];
    return this.holds.some(
      ({ scope, until, released }) =>
        !released && (until === null || until > this.now) && scopes.includes(scope),
    );
  }
}

type Counted = Omit<RetentionFigures, "toleranceMs">;

export function recounted(history: History, name: RetentionClass): Counted {
  const { now } = history;
  const tolerance = toleranceMs[name];
  const sum: Counted = {
    class: name,
    due: 0,
    done: 0,
    late: 0,
    held: 0,
    early: 0,
    asked: 0,
    successRate: null,
    oldestOverdueMs: null,
  };
  let [inTime, ought] = [0, 0];
  for (const action of history.actions) {
    const value = action.values[name];
    if (value === undefined) continue;
    const { gone, asked, promisedAt, dueAt } = value;
    if (asked && (gone || now < dueAt)) {
      sum.asked += 1;
      continue;
    }
    if (!gone && now < dueAt) continue;
    sum.due += 1;
    const overMs = (gone ? (promisedAt ?? 0) : now) - dueAt;
    if (!gone && promisedAt === null && history.isHeld(action)) {
      sum.held += 1;
      continue;
    }
    if (overMs > tolerance) sum.late += 1;
    if (gone) sum.done += 1;
    if (gone || overMs > tolerance) ought += 1;
    if (gone && overMs <= tolerance) inTime += 1;
    if (!gone) sum.oldestOverdueMs = Math.max(sum.oldestOverdueMs ?? 0, overMs);
  }
  return { ...sum, successRate: ought === 0 ? null : inTime / ought };
}

export function heldOf(history: History): EvidenceFigures["held"] {
  const sums = new Map<string, EvidenceFigures["held"][number]>();
  for (const { at, values } of history.actions) {
    for (const name of retentionClasses) {
      const value = values[name];
      if (value === undefined || value.gone) continue;
      const age = ageOf(history.now - at);
      const key = `${name} ${age}`;
      const sum = sums.get(key) ?? { class: name, age, bytes: 0, actions: 0 };
      sums.set(key, { ...sum, bytes: sum.bytes + value.bytes, actions: sum.actions + 1 });
    }
  }
  return [...sums.values()];
}

export function contextOf({ actions }: History): EvidenceFigures["context"] {
  return types.flatMap((type) => {
    const own = actions.filter((one) => one.type === type && one.context > 0).map(({ context }) => context);
    const bytes = own.reduce((sum, one) => sum + one, 0);
    return own.length === 0 ? [] : [{ type, actions: own.length, bytes, most: Math.max(...own) }];
  });
}
