import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import * as v from "valibot";
import { describe, test } from "vitest";
import { compareLevels } from "../../core/guardrail/level.ts";
import type { GuardrailStanding, Heard, Level } from "../../schemas/guardrail.ts";
import { Snapshot } from "../../schemas/snapshot.ts";
import { day, must, now, staffed, type Stub } from "./registries.ts";

/** Where guardrails stand is kept by the Registry, which hears of each thing once however often it is told. */

const type = "host.shell";
const guardrail = {
  floor: "allow",
  ceiling: "deny",
  start: "rule",
  coolOff: "1d",
  cleanRuns: 10,
  harmPerThousand: 500,
} as const;

/** A workspace whose policy has one guardrail. */
async function guarded(more: object = {}): Promise<Stub> {
  const { registry } = await staffed();
  await publish(registry, { ...guardrail, ...more });
  return registry;
}

async function publish(registry: Stub, wanted: object | undefined, at = now): Promise<void> {
  const contract = {
    type,
    class: "test",
    risk: "high",
    args: { type: "object" },
    roles: ["ops"],
    rule: { seat: "oncall", n: 1, from: ["group:oncall"] },
    ...(wanted !== undefined && { guardrail: wanted }),
  };
  const all = ["*"];
  const document = {
    roles: { ops: { types: all, tools: all, segments: all, targets: all } },
    contracts: [contract],
  };
  await must(registry.publishPolicy({ document, actor: "test", note: null, now: at }));
}

const heard = (kind: Heard["kind"], action: number, at = now, seq = 5): Heard => ({
  kind,
  action: `act_${action}`,
  seq,
  at,
  type,
});
const cleanRuns = (count: number, from = 0, at = now): Heard[] =>
  Array.from({ length: count }, (_, index) => heard("clean", from + index, at));

const standing = async (registry: Stub, at = now): Promise<GuardrailStanding> =>
  (await registry.guardrails(at))[0]!;
const snapshot = async (registry: Stub): Promise<Snapshot> =>
  v.parse(Snapshot, JSON.parse((await registry.known(null)).snapshot!));

describe("a guardrail in the Registry", () => {
  test("tightens with one incident, and every Worker's next look says so", async ({ expect }) => {
    const registry = await guarded();
    const before = await snapshot(registry);
    expect(before.levels).toBeUndefined();
    expect(await registry.learn(cleanRuns(3), now)).toMatchObject({ moved: false });
    expect((await snapshot(registry)).version).toBe(before.version);
    expect(await registry.learn([heard("rolledBack", 1, now, 9)], now + 1)).toMatchObject({ moved: true });
    const after = await snapshot(registry);
    expect(after.version).toBe(before.version + 1);
    expect(after.levels).toEqual({ [type]: "rulePlusOne" });
    await evictDurableObject(registry);
    expect(await standing(registry, now + 2)).toMatchObject({
      level: "rulePlusOne",
      coolUntil: now + 1 + day,
      history: [
        { event: "tightened", because: "rolledBack", evidence: { tally: { clean: 3, incidents: 1 } } },
      ],
    });
    expect((await registry.changes(1))[0]).toMatchObject({
      kind: "guardrail.tightened",
      id: type,
      actor: "engine",
      version: after.version,
    });
  });

  test("hears of each event of an action once, however often and in whatever order it is told", async ({
    expect,
  }) => {
    const registry = await guarded();
    const all = [...cleanRuns(5), heard("needlessGate", 1, now, 6), heard("harm", 2, now, 7)];
    await registry.learn(all, now);
    const once = await standing(registry);
    for (let round = 1; round < 5; round += 1) {
      await registry.learn([...all.toReversed(), ...all].slice(round), now + round);
    }
    expect(await standing(registry)).toEqual(once);
  });

  test("T23 replayed incidents loosen no cell, whatever comes between, and days later tighten nothing", async ({
    expect,
  }) => {
    const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`replayed incidents: seed ${seed}`);
    let dice = seed;
    const roll = (sides: number): number => {
      dice = (Math.imul(dice, 1_103_515_245) + 12_345) >>> 0;
      return (dice >>> 8) % sides;
    };
    const kinds = ["clean", "clean", "clean", "needlessGate", "harm", "missedGate", "rolledBack"] as const;
    for (let round = 0; round < 10; round += 1) {
      const registry = await guarded();
      const told: Heard[] = [];
      let level: Level = "rule";
      let at = now;
      for (let step = 0; step < 30; step += 1) {
        at += roll(day);
        const fresh = Array.from({ length: 1 + roll(5) }, (_, index) =>
          heard(kinds[roll(kinds.length)]!, step * 10 + index, at),
        );
        const replayed = told.filter(() => roll(3) === 0);
        told.push(...fresh);
        await registry.learn([...replayed, ...fresh], at);
        const { level: after } = await standing(registry, at);
        expect(compareLevels(after, level)).toBeGreaterThanOrEqual(0);
        level = after;
      }
      const before = await standing(registry, at);
      expect(await registry.learn(told, at + 3 * day)).toMatchObject({ moved: false });
      expect(await registry.guardrails(at)).toEqual([before]);
      // The same as events that were not heard of: were they not known again, it would show.
      const others = told.map((signal) => ({ ...signal, seq: signal.seq + 1 }));
      await registry.learn(others, at + 3 * day);
      expect(await registry.guardrails(at)).not.toEqual([before]);
    }
  });

  test("forgets what it has heard of after thirty days, and hears nothing that old", async ({ expect }) => {
    const registry = await guarded();
    await registry.learn([heard("harm", 1)], now);
    expect((await standing(registry)).level).toBe("rulePlusOne");
    expect(await registry.learn([heard("harm", 1), heard("harm", 2)], now + 31 * day)).toMatchObject({
      moved: false,
    });
    const rows = await runInDurableObject(registry, (_, { storage }) =>
      storage.sql.exec("SELECT count(*) AS count FROM guardrail_signals").one(),
    );
    expect(rows).toEqual({ count: 0 });
  });

  test("learns nothing where the policy in force has no guardrail for the type", async ({ expect }) => {
    const registry = await guarded();
    await publish(registry, undefined);
    expect(await registry.learn([heard("harm", 1)], now)).toMatchObject({ moved: false });
    expect(await registry.guardrails(now)).toEqual([]);
  });
});
