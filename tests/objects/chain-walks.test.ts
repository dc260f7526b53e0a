import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, describe, test } from "vitest";
import { foldAll } from "../../core/machine/fold.ts";
import { append, readEvents } from "../../objects/action/chain.ts";
import { newborn } from "../../objects/action/newborn.ts";
import * as rows from "../../objects/action/rows.ts";
import { conceive, openAction, stateRow } from "../../objects/action/sealing.ts";
import { Store } from "../../objects/action/store.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import type { Payload } from "../../schemas/stored.ts";
import { Dice } from "../support/dice.ts";
import { proven } from "../support/proof.ts";
import type { Life } from "../support/evidence.ts";
import { lifeIn, worldsOf } from "../support/lives.ts";
import { nobody } from "../../objects/action/judging.ts";
import { everyText, forgotten, mark, planted, retentions } from "./planted.ts";

/** Random lives in real rows, every class of which is let go of in every combination. */

/** HOLDPOINT_LIVES says how many, HOLDPOINT_SEED which. */
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000);
const lives = Number(process.env["HOLDPOINT_LIVES"] ?? 120);
/** As long as so many may take on a busy machine. */
const timeout = 120_000 + lives * 1_000;
const seen = new Map<string, number>();
const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

afterAll(() => {
  console.log(`seed ${seed}: ${JSON.stringify(Object.fromEntries(seen))}`);
});

const subsets: readonly (readonly RetentionClass[])[] = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) =>
  retentionClasses.filter((_, index) => (bits & (1 << index)) !== 0),
);

function livesOf(): Life[] {
  const dice = new Dice(seed);
  return worldsOf(lives, seed).map((world) => planted(lifeIn(world, dice, 60), dice.pick(retentions), dice));
}

/** Writes a life down, event by event, as commands would have. */
function written({ payload, events }: Life, store: Store, storage: DurableObjectStorage): void {
  const known = {
    policyVersion: null,
    directory: nobody,
    roles: {},
    operator: false,
    subscribers: [],
  };
  const asked = { payload, known, channels: [], key: null, fingerprint: "", origin: "https://x.invalid" };
  storage.transactionSync(() => {
    let there = conceive(payload, newborn(asked));
    store.create(there);
    for (const [index, event] of events.entries()) {
      const state = foldAll(payload, events.slice(0, index + 1));
      there = append(storage.sql, there, state, [event], null);
      rows.writeDoc(storage.sql, "state", stateRow(there));
    }
  });
}

class Undone extends Error {}

/** Does something in a transaction that is then taken back. */
function undone(storage: DurableObjectStorage, work: () => void): void {
  try {
    storage.transactionSync(() => {
      work();
      throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
}

const inside = (nth: number, work: (storage: DurableObjectStorage) => void): Promise<void> =>
  runInDurableObject(env.ACTIONS.getByName(`walks/act_${seed}-${nth}`), async (_, { storage }) => {
    work(storage);
    await storage.deleteAlarm();
    await storage.deleteAll();
  });

const bare = (payload: Payload): string => JSON.stringify({ ...payload, callback: null });

describe("a random life", () => {
  test(
    "leads to the same state read back from its rows, and nothing it holds stands in one (I4, T13)",
    { timeout },
    async ({ expect }) => {
      for (const [nth, life] of livesOf().entries()) {
        await inside(nth, (storage) => {
          written(life, new Store(storage, env), storage);
          const text = everyText(storage.sql);
          expect(text.includes(mark), `seed ${seed}, life ${nth}: found in clear`).toBe(false);
          const there = openAction(env, rows.readDocs(storage.sql));
          const events = readEvents(storage.sql, there, 0);
          expect(there.payload).toEqual(life.payload);
          expect(events).toEqual(life.events);
          expect(there.stored.state).toEqual(foldAll(life.payload, life.events));
          // With the key everything opens again: what was not found in the rows is there.
          expect(JSON.stringify(there)).toContain(mark);
          count(`${there.stored.state.state}, ${life.events.length > 8 ? "long" : "short"}`);
        });
      }
      proven({ part: "lives", trials: lives, seed });
    },
  );

  test(
    "of which any classes are let go of is the fold of what is left of its log (I4)",
    { timeout },
    async ({ expect }) => {
      let noticed = 0;
      for (const [nth, life] of livesOf().entries()) {
        await inside(nth, (storage) => {
          written(life, new Store(storage, env), storage);
          const log = JSON.stringify(rows.readEntries(storage.sql, 0));
          for (const classes of subsets) {
            const why = `seed ${seed}, life ${nth}, without ${classes.join(" and ")}`;
            undone(storage, () => {
              const gone = new Set(classes);
              const after = new Store(storage, env).erase(classes, 1);
              const there = openAction(env, rows.readDocs(storage.sql));
              const events = readEvents(storage.sql, there, 0);
              expect(events, why).toEqual(life.events.map((event) => forgotten(event, life.payload, gone)));
              expect(there.stored.state, why).toEqual(foldAll(there.payload, events));
              expect({ ...after, stale: false }, why).toEqual(there);
              expect(JSON.stringify(rows.readEntries(storage.sql, 0)), why).toBe(log);
              expect(everyText(storage.sql).includes(mark), why).toBe(false);
              if (classes.length === retentionClasses.length) {
                expect(bare(there.payload) + JSON.stringify(events), why).not.toContain(mark);
              }
              // The control: a log that has lost an entry does not lead there.
              expect(foldAll(there.payload, events.slice(0, -1)), why).not.toEqual(there.stored.state);
              noticed += 1;
              count(`without ${classes.length}`);
            });
          }
        });
      }
      const controls = { found: noticed, of: lives * subsets.length };
      proven({ part: "lives", trials: lives * subsets.length, seed, controls });
    },
  );
});
