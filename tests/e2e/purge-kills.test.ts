import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, test } from "vitest";
import type { LedgerView } from "../../schemas/ledger-view.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { verdictOf, verifyBundle } from "../../core/evidence/verify.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import { castOf, wholeLife } from "../support/actors.ts";
import { Refused } from "../support/caller.ts";
import { Dice } from "../support/dice.ts";
import { forksIn, keptFrom } from "../support/evidence-record.ts";
import { ledgersOnDisk, lostLines, tornLedger } from "../support/ledger-disk.ts";
import {
  type DiskStore,
  halfForgotten,
  type Passing,
  passingWorkspace,
  storesOnDisk,
  tracesOf,
} from "../support/passing.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/**
 * Kill -9 of the whole process group while whole workspaces are forgotten, from the agreement of the second operator on to the
 * end. `HOLDPOINT_PURGE_KILLS` says how often, `HOLDPOINT_SEED` when.
 */
const kills = Number(process.env["HOLDPOINT_PURGE_KILLS"] ?? 2);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Kills that fall into the forgetting of one before that of the next is begun. */
const killsEach = 5;
const spaces = Math.ceil(kills / killsEach);
/** Actions in each workspace. */
const actionsEach = 24;
/** Of those, actions that nobody has heard of when it begins: they tell of themselves again within minutes, and go then. */
const untold = kills < 10 ? 0 : 2;
let engine: TestEngine;
/** What the campaign leaves, for the checks to find fault with once it is doctored. */
let stores: readonly DiskStore[];
let forgotten: Parameters<typeof halfForgotten>[1];

afterAll(async () => {
  await engine?.stop();
});

describe(`${kills} kills -9 while whole workspaces are forgotten`, () => {
  const stageOf = (name: string): string =>
    ledgersOnDisk(engine.stateDir).get(name)?.purge?.stage ?? "not begun";
  /** How long the last sweep took: what is killed is killed somewhere in the middle of one. */
  let sweepMs = 200;
  const sweep = async (): Promise<void> => {
    const began = performance.now();
    const cron = encodeURIComponent("* * * * *");
    await (await fetch(`${engine.url}/cdn-cgi/local/scheduled?cron=${cron}`)).text();
    sweepMs = performance.now() - began;
  };
  /** One after the other, until there is nobody to do it. */
  const sweeping = async (dead: AbortSignal): Promise<void> => {
    try {
      while (!dead.aborted) await sweep();
    } catch {
      // The engine was killed in the middle of one.
    }
  };
  /** The second operator agrees, under the same key however often. What is not answered is seen on disk. */
  const agree = ({ other, end, name }: Passing): Promise<unknown> =>
    other.approves(end, { key: `agrees-${name}` }).catch((error: unknown) => {
      if (error instanceof Refused && error.answer.status < 500) throw error;
    });

  test(
    "each comes to its end, leaves nothing but its log, and no other is touched",
    { timeout: 600_000 + kills * 30_000 },
    async ({ expect }) => {
      console.log(`purge kills: ${kills} kills, HOLDPOINT_SEED=${seed}`);
      const dice = new Dice(seed);
      engine = await startEngine();
      const cast = castOf(engine);
      const own = [await wholeLife(cast), await wholeLife(cast)];
      const { document } = await cast.operator.get<{ document: PolicyInput }>("/v1/policy");
      const passing: Passing[] = [];
      for (let nth = 1; nth <= spaces; nth += 1) {
        const of = { name: `passing-${nth}`, policy: document, actions: actionsEach, untold };
        passing.push(await passingWorkspace(engine, of));
      }
      let before = ledgersOnDisk(engine.stateDir);
      const faults = (): string[] => {
        const now = ledgersOnDisk(engine.stateDir);
        const found = ["default", ...passing.map(({ name }) => name)].flatMap((name) => {
          const ledger = now.get(name);
          if (ledger === undefined) return [`gap: ${name} has no log`];
          return [...lostLines(before.get(name)?.lines ?? [], ledger.lines), ...tornLedger(ledger)];
        });
        before = now;
        return found;
      };
      const asked = {
        count: spaces,
        actions: passing.flatMap(({ actions }) => actions).length,
        traces: passing.flatMap(({ name }) => tracesOf(name)),
      };
      expect(halfForgotten(storesOnDisk(engine.stateDir), asked)).not.toEqual([]);
      const met = new Map<string, number>();

      for (let kill = 1; kill <= kills; kill += 1) {
        const begun = passing.slice(0, Math.ceil(kill / killsEach));
        const [next] = begun.filter(({ name }) => stageOf(name) === "not begun");
        const agreed = next === undefined ? null : agree(next);
        // Some fall into the agreement itself, most into what comes of it.
        if (dice.chance(0.7)) await agreed;
        if (dice.chance(0.3)) await sweep();
        const dead = new AbortController();
        const swept = sweeping(dead.signal);
        await delay(dice.next() * sweepMs);
        dead.abort();
        await engine.kill9();
        await Promise.all([agreed, swept]);
        const stage = stageOf(begun.at(-1)!.name);
        met.set(stage, (met.get(stage) ?? 0) + 1);
        expect(faults()).toEqual([]);
        engine = await engine.restart();
      }

      const stages = async (): Promise<string[]> => {
        for (const one of passing.filter(({ name }) => stageOf(name) === "not begun")) await agree(one);
        await sweep();
        return passing.map(({ name }) => stageOf(name));
      };
      const done = passing.map(() => "done");
      await expect.poll(stages, { timeout: 120_000, interval: 500 }).toEqual(done);
      expect(faults()).toEqual([]);
      const half = async (): Promise<string[]> => {
        await sweep();
        stores = storesOnDisk(engine.stateDir);
        return halfForgotten(stores, asked);
      };
      await expect.poll(half, { timeout: 300_000, interval: 2_000 }).toEqual([]);
      forgotten = asked;
      expect(faults()).toEqual([]);
      for (const { name, other, kept } of passing) {
        const ledger = ledgersOnDisk(engine.stateDir).get(name)!;
        expect(ledger.actions.map(({ type }) => type).join("")).toBe("");
        const { text } = await other.send("GET", `/checkpoint?workspace=${name}`);
        expect(forksIn(ledger.lines, [kept, keptFrom(text)])).toEqual([]);
        expect((await other.send("GET", "/v1/actions")).status).toBe(401);
      }
      const { keys } = await cast.auditor.get<LedgerView>("/v1/ledger");
      for (const id of own) {
        const bundle = await cast.auditor.get(`/v1/actions/${id}/evidence`);
        const trust = { keys: keys.map(({ vkey }) => vkey), kept: [] };
        expect(verdictOf(verifyBundle(bundle, trust, tools))).toBe("proven");
      }
      const stagesMet = [...met].map(([stage, count]) => `${count} ${stage}`).join(", ");
      console.log(
        `purge kills: ${kills} kills while ${spaces} workspaces of ${actionsEach} actions were forgotten ` +
          `(where a kill found the newest: ${stagesMet}); HOLDPOINT_SEED=${seed}`,
      );
    },
  );
});

describe("the checks of the campaign find", () => {
  const isForgotten = ({ kind, tables }: DiskStore): boolean =>
    kind === "Action" && (tables["purged"]?.length ?? 0) > 0;
  const withStore = (change: (tables: DiskStore["tables"]) => DiskStore["tables"]): string[] => {
    const at = stores.findIndex(isForgotten);
    const one = stores[at]!;
    return halfForgotten(stores.with(at, { ...one, tables: change(one.tables) }), forgotten);
  };

  test("an action that was forgotten by half, and one that was forgotten without a note", ({ expect }) => {
    expect(withStore((tables) => tables)).toEqual([]);
    expect(withStore((tables) => ({ ...tables, events: [] }))).toHaveLength(1);
    expect(withStore(() => ({}))).toHaveLength(1);
    expect(withStore(() => ({ docs: [`{"body":"{\\"type\\":\\"passing.life\\"}"}`] }))).toHaveLength(2);
  });

  test("a Board that still lists, and a directory that still knows somebody", ({ expect }) => {
    const board = stores.findIndex(
      ({ kind, tables }) => kind === "Board" && (tables["purged"]?.length ?? 0) > 0,
    );
    const { kind, tables } = stores[board]!;
    const listing = { kind, tables: { ...tables, actions: [`{"id":"act_1"}`] } };
    expect(halfForgotten(stores.with(board, listing), forgotten)).toHaveLength(1);
    const knowing: DiskStore = { kind: "Registry", tables: { people: [`{"id":"person:ola"}`] } };
    expect(halfForgotten([...stores, knowing], forgotten)).toHaveLength(1);
  });
});
