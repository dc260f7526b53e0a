import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildWithPoints, mistakes } from "../support/crash/build.ts";
import { CrashEngine } from "../support/crash/engine.ts";
import { Dice } from "../support/dice.ts";
import { fakeAction } from "../support/histories/fake.ts";
import { modelOf, type Output } from "../support/histories/model.ts";
import { type History, play } from "../support/histories/players.ts";
import { type Recorded, Recorder } from "../support/histories/recorder.ts";
import { linearize } from "../support/linear.ts";
import { proven } from "../support/proof.ts";
import { startEngine } from "../support/server.ts";

/**
 * I1, I3, I11: whatever several callers do at once to one action, and whenever the engine is killed over it, the answers are those of
 * one thing that does one after the other, and whatever was answered stays. `HOLDPOINT_HISTORIES` says how many are recorded.
 */
const wanted = Number(process.env["HOLDPOINT_HISTORIES"] ?? 40);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Histories that one kill cuts. */
const inABatch = Math.min(40, Math.ceil(wanted / 2));
const turns = 3;
/** Histories of an action that is none, for a control. */
const made = 100;

let recorder: Recorder;
const recorded: Recorded[] = [];
const isLinearizable = ({ payload, history }: Pick<Recorded, "payload" | "history">): boolean =>
  linearize(history, modelOf(payload)).linearizable;

beforeAll(async () => {
  recorder = new Recorder(await startEngine());
  await recorder.prepare();
});
afterAll(async () => {
  await recorder?.engine.stop();
});

describe(`${wanted} histories of real actions, each batch of them cut by a kill -9`, () => {
  test(
    "could all have come from one thing that does one after the other",
    { timeout: 300_000 + wanted * 3_000 },
    async ({ expect }) => {
      console.log(`histories: ${wanted}, HOLDPOINT_SEED=${seed}`);
      const dice = new Dice(seed);
      const began = performance.now();
      while (recorded.length < wanted) {
        // Of some seventeen calls an action, most are still to come.
        const batch = await recorder.batch(inABatch, turns, dice, 1 + dice.below(inABatch * 10));
        for (const one of batch) {
          if (!isLinearizable(one)) console.log(JSON.stringify(one.history));
          expect(isLinearizable(one)).toBe(true);
        }
        recorded.push(...batch);
      }
      const calls = recorded.reduce((sum, { history }) => sum + history.length, 0);
      const cut = recorded.filter((one) => one.cut > 0).length;
      const notes = `${calls} calls, ${recorder.kills} kills, ${cut} histories with a call under way at one`;
      console.log(
        `histories: ${recorded.length}, ${notes}, ${Math.round((performance.now() - began) / 1_000)} s`,
      );
      // Or it would have shown nothing.
      expect(cut).toBeGreaterThan(0);
      proven({ part: "histories", trials: recorded.length, seed, notes });
    },
  );
});

/** Changes the first answer that `change` has another one for; null where it has none. */
function altered(history: History, change: (said: Output) => Output | null): History | null {
  for (const [index, one] of history.entries()) {
    const output = one.output === null ? null : change(one.output);
    if (output !== null) return history.with(index, { ...one, output });
  }
  return null;
}

/** To see that no order explains two hundred of them may mean going through a great many. */
const searchMs = 900_000;

describe("the check of histories finds", { timeout: searchMs }, () => {
  const tamperings: Readonly<Record<string, (history: History) => History | null>> = {
    "an event that is gone from the log": (history) =>
      altered(history, (said) =>
        said.kind === "log" && said.lines.includes("\n")
          ? { ...said, lines: said.lines.slice(0, said.lines.lastIndexOf("\n")) }
          : null,
      ),
    "an event that is there twice": (history) =>
      altered(history, (said) =>
        said.kind === "log" ? { ...said, lines: `${said.lines}\n${said.lines.split("\n").at(-1)}` } : null,
      ),
    "a command that was answered and had no effect": (history) => {
      // Where it was sent again under its key, the other answer still stands for it; and where the same person has asked for the
      // same once more, with that answer or with none, that may be what had the effect.
      const standsFor = (
        { input: one }: History[number],
        { input: other, output }: History[number],
      ): boolean =>
        one.kind === "tell" &&
        other.kind === "tell" &&
        one.who === other.who &&
        JSON.stringify(one.ask) === JSON.stringify(other.ask) &&
        (one.key === other.key || output === null || output.kind === "done");
      const done = history.findIndex(
        (one) =>
          one.input.kind === "tell" &&
          one.output?.kind === "done" &&
          !history.some((other) => other !== one && standsFor(one, other)),
      );
      if (done < 0) return null;
      return history.with(done, { ...history[done]!, input: { kind: "view" }, output: null });
    },
    "a run that was granted to two": (history) => {
      const granted = history.find(
        ({ input, output }) => input.kind === "tell" && input.ask.verb === "claim" && output?.kind === "done",
      );
      const refused = history.findIndex(
        ({ input, output }) =>
          input.kind === "tell" &&
          input.ask.verb === "claim" &&
          output?.kind === "refused" &&
          output.code === "leased",
      );
      if (granted === undefined || refused < 0) return null;
      return history.with(refused, { ...history[refused]!, output: granted.output });
    },
    "a refusal that nothing gave a reason for": (history) =>
      altered(history, (said) =>
        said.kind === "done" ? { kind: "refused", code: "leased", state: "pending", seq: 1 } : null,
      ),
    "a look that saw what was never there": (history) =>
      altered(history, (said) =>
        said.kind === "view" ? { ...said, shown: said.shown.replace(/\d+/u, "99") } : null,
      ),
  };

  test.for(Object.keys(tamperings))("%s, in every history that it can be put into", (name, { expect }) => {
    const tampered = recorded.slice(0, 200).flatMap(({ payload, history }) => {
      const changed = tamperings[name]?.(history) ?? null;
      return changed === null ? [] : [{ payload, history: changed }];
    });
    expect(tampered.filter(isLinearizable)).toEqual([]);
    // How many two agents ask for at once is left to chance.
    if (!name.includes("two")) expect(tampered.length).toBeGreaterThan(0);
    if (tampered.length > 0) proven({ part: "histories", controls: { found: 1, of: 1 } });
  });

  test("an await between reading and keeping, by itself, in one of many made-up histories", async ({
    expect,
  }) => {
    const [{ payload } = { payload: null }] = recorded;
    if (payload === null) throw new Error("nothing was recorded");
    const flagged = async (gap: boolean): Promise<number> => {
      // Always the same: nothing but these numbers decides who comes when.
      const dice = new Dice(1);
      let found = 0;
      for (let nth = 0; nth < made; nth += 1) {
        const ground = fakeAction(modelOf(payload), new Dice(dice.below(2 ** 31)), gap);
        const history = await play(ground, new Dice(dice.below(2 ** 31)), turns);
        if (!isLinearizable({ payload, history })) found += 1;
      }
      return found;
    };
    const [found, falsely] = [await flagged(true), await flagged(false)];
    console.log(`histories: with an await in between ${found} of ${made} are flagged, without ${falsely}`);
    expect(found).toBeGreaterThan(made / 4);
    expect(falsely).toBe(0);
    proven({ part: "histories", controls: { found: 1, of: 1 } });
  });

  /** An engine of its own is built and started for it. */
  const buildMs = 180_000;

  test(
    "an await in the real object between reading and writing, when two people vote at once",
    { timeout: buildMs },
    async ({ expect }) => {
      const folder = mkdtempSync(join(tmpdir(), "holdpoint-gap-"));
      const build = await buildWithPoints(folder, mistakes.awaitsBetween);
      const engine = await CrashEngine.start(folder, build);
      try {
        const broken = new Recorder(engine.asMortal());
        await broken.prepare();
        const one = await broken.twoVotes();
        expect(one?.history.map(({ output }) => output?.kind)).toEqual(["done", "done", "view", "log"]);
        expect(one !== undefined && isLinearizable(one)).toBe(false);
        const sound = await recorder.twoVotes();
        expect(sound !== undefined && isLinearizable(sound)).toBe(true);
        proven({ part: "histories", controls: { found: 1, of: 1 } });
      } finally {
        await engine.stop();
      }
    },
  );
});
