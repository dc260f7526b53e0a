import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, test } from "vitest";
import type { ActionList, EventView } from "../../schemas/action.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { actionsOnDisk, type DiskAction } from "../support/disk.ts";
import { Load, randomOf } from "../support/load.ts";
import { proven } from "../support/proof.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import {
  type Ack,
  gaps,
  lostAcks,
  type Log,
  type Notice,
  phantoms,
  torn,
  undelivered,
} from "../support/record.ts";
import { type Mortal, waysToRun, wayToRun } from "../support/mortal.ts";

/**
 * P17 a notification was lost in a crash, and everything else that a crash could lose: kill -9 of the whole process group at
 * random moments under load. `HOLDPOINT_KILLS` says how often, `HOLDPOINT_SEED` when, `HOLDPOINT_UNDER` what runs the engine.
 */
const under = wayToRun(process.env["HOLDPOINT_UNDER"] ?? "start");
const part = under === "start" ? "kills" : `kills-${under}`;
const kills = Number(process.env["HOLDPOINT_KILLS"] ?? 6);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const agents = 4;
/** The longest an engine lives; a kill may come at once, while it is still waking what was due. */
const longestLifeMs = 1_500;
/**
 * The longest that what is open may take: a send that many kills in a row have cut is given a quarter of an hour before it is sent
 * again (`sendLease`), one that a receiver has refused four times six minutes.
 */
const drainMs = 1_800_000;

let engine: Mortal;
let receiver: Receiver;

afterAll(async () => {
  await receiver?.close();
  await engine?.stop();
});

/** What the campaign leaves for the checks: the same record that they must find fault with once it is doctored. */
let record: { acks: readonly Ack[]; notices: readonly Notice[]; actions: Map<string, DiskAction> };

const logsOf = (actions: ReadonlyMap<string, DiskAction>): Map<string, Log> =>
  new Map([...actions].map(([id, { events }]) => [id, events]));
const noticesOf = ({ processed }: Receiver): Notice[] =>
  processed.map(({ id, verified }) => ({ id, type: verified?.type ?? "" }));

async function logsOver(cast: Cast, ids: Iterable<string>): Promise<Map<string, EventView[]>> {
  const logs = new Map<string, EventView[]>();
  const left = [...new Set(ids)].values();
  const read = async (): Promise<void> => {
    for (const id of left) logs.set(id, await cast.auditor.readsLog({ id }));
  };
  await Promise.all([read(), read(), read(), read()]);
  return logs;
}

/** Actions that the Board lists otherwise than they are: it is a projection, and has to catch up by itself. */
async function behind(cast: Cast, actions: ReadonlyMap<string, DiskAction>): Promise<string[]> {
  const shown = new Map<string, string>();
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: ActionList = await cast.auditor.lists(cursor === "" ? "" : `cursor=${cursor}`);
    for (const { id, state } of page.items) shown.set(id, state);
    cursor = page.nextCursor;
  }
  return [...actions].flatMap(([id, { stored }]) => (shown.get(id) === stored.state.state ? [] : [id]));
}

async function prepare(): Promise<Cast> {
  engine = await waysToRun[under]();
  receiver = await startReceiver();
  const cast = castOf(engine);
  const long = { pendingTtl: "23h", approvalTtl: "23h", leaseTtl: "10m", executionMax: "23h" };
  const rule = { seat: "both", n: 2, from: ["group:oncall"] };
  const rollback = { window: "7d", auto: "failed" } as const;
  await cast.operator.adopts(
    contractOf("kill.run", { clocks: long, rule, rollback }),
    contractOf("kill.quick", { clocks: { ...long, executionMax: "1s" }, rule, rollback: { window: "7d" } }),
  );
  const { secret } = await cast.operator.post<{ secret: string }>("/v1/webhooks", { url: receiver.url });
  receiver.setSecrets(secret);
  return cast;
}

describe(`${kills} kills -9 of the whole process group, at random moments under load`, () => {
  test(
    "lose nothing that was acknowledged, tear nothing, strand nothing, and tell each receiver once",
    {
      timeout: 300_000 + 2 * drainMs + kills * 20_000,
    },
    async ({ expect }) => {
      console.log(`kill campaign: ${kills} kills, HOLDPOINT_SEED=${seed}`);
      const random = randomOf(seed);
      const cast = await prepare();
      const load = new Load(cast, random);
      const working = Promise.all(Array.from({ length: agents }, () => load.work()));
      // A fault of the load itself ends the campaign where it is awaited.
      working.catch(() => undefined);
      const known = new Map<string, DiskAction>();
      let [checked, openAtKill, lookedAt] = [0, 0, 0];

      for (let kill = 1; kill <= kills; kill += 1) {
        load.open();
        if (random() < 0.3) receiver.failNext({ status: 503 }, { drop: true });
        await Promise.race([delay(random() * longestLifeMs), working]);
        load.shut();
        await engine.kill9();
        // As it lies there at this moment, before anything has had a chance to mend it.
        // From the last look on, however long the engine took to be there again.
        const since = lookedAt;
        lookedAt = Date.now() - 2_000;
        const written = actionsOnDisk(engine.stateDir, since);
        for (const [id, action] of written) known.set(id, action);
        const fresh = load.acks.slice(checked);
        const faults = [...written.values()].flatMap(torn);
        faults.push(...lostAcks(load.acks, logsOf(known)), ...phantoms(noticesOf(receiver), logsOf(known)));
        expect(faults).toEqual([]);
        openAtKill += [...written.values()]
          .flatMap(({ outbox }) => outbox)
          .filter(({ status }) => status === "open").length;
        engine = await engine.restart();
        const logs = await logsOver(
          cast,
          fresh.map(({ action }) => action),
        );
        expect([...[...logs].flatMap(([id, log]) => gaps(id, log)), ...lostAcks(fresh, logs)]).toEqual([]);
        checked = load.acks.length;
      }

      load.open();
      load.end();
      await working;
      const ends = await Promise.all(load.left.map((left) => load.finish(left)));
      for (const end of ends) expect(["executed", "rolled_back"]).toContain(end);
      const unexpired = (): string[] => {
        const now = actionsOnDisk(engine.stateDir);
        return load.expiring.filter((id) => now.get(id)?.stored.state.state !== "expired");
      };
      await expect.poll(unexpired, { timeout: drainMs, interval: 500 }).toEqual([]);
      const undone = (): number =>
        [...actionsOnDisk(engine.stateDir).values()]
          .flatMap(({ outbox }) => outbox)
          .filter(({ status }) => status !== "delivered").length;
      await expect.poll(undone, { timeout: drainMs, interval: 1_000 }).toBe(0);

      const actions = actionsOnDisk(engine.stateDir);
      const notices = noticesOf(receiver);
      record = { acks: load.acks, notices, actions };
      const logs = await logsOver(cast, actions.keys());
      expect([...actions.values()].flatMap(torn)).toEqual([]);
      expect([...logs].flatMap(([id, log]) => gaps(id, log))).toEqual([]);
      expect(lostAcks(load.acks, logs)).toEqual([]);
      expect(phantoms(notices, logsOf(actions))).toEqual([]);
      expect(undelivered(notices, actions.values())).toEqual([]);
      await expect.poll(() => behind(cast, actions), { timeout: drainMs, interval: 1_000 }).toEqual([]);
      expect([...actions.values()].filter(({ outbox }) => outbox.length === 0)).toEqual([]);
      const resent = receiver.received.length - notices.length;
      const notes =
        `${actions.size} actions, ${load.acks.length} commands acknowledged, ${load.repeats} sent again, ` +
        `${openAtKill} notices unacknowledged at a kill, ${notices.length} webhooks processed, ${resent} more received`;
      // Or it would have shown nothing: commands were under way when the engine died, and notices not yet confirmed.
      expect(load.repeats).toBeGreaterThan(0);
      expect(openAtKill).toBeGreaterThan(0);
      proven({ part, trials: kills, seed, notes });
    },
  );
});

describe("the checks of the campaign find", () => {
  const first = (): DiskAction => record.actions.values().next().value!;
  const ack = (parts: Partial<Ack> = {}): Ack => ({ ...record.acks[0]!, ...parts });
  const faultsOf = (acks: readonly Ack[]): string[] => lostAcks(acks, logsOf(record.actions));
  const notice = (): Notice => record.notices[0]!;

  test("an acknowledged command that is not in the log, or is another one there", ({ expect }) => {
    expect(faultsOf(record.acks)).toEqual([]);
    expect(faultsOf([ack({ action: `act_${"x".repeat(22)}` })])).toHaveLength(1);
    expect(faultsOf([ack({ seq: 999 })])).toHaveLength(1);
    expect(faultsOf([ack({ state: "rolled_back" })])).toHaveLength(1);
    expect(faultsOf([ack({ command: "cancel" })])).toHaveLength(1);
    expect(faultsOf([ack({ command: "claim", fence: 7 })])).toHaveLength(1);
    proven({ part, controls: { found: 5, of: 5 } });
  });

  test("half of a command", ({ expect }) => {
    const { stored, events, outbox, payload } = first();
    expect(torn(first())).toEqual([]);
    expect(torn({ ...first(), events: events.slice(0, -1) })).not.toEqual([]);
    expect(torn({ ...first(), events: events.slice(1) })).not.toEqual([]);
    expect(
      torn({ ...first(), stored: { ...stored, state: { ...stored.state, seq: stored.state.seq + 1 } } }),
    ).not.toEqual([]);
    const two = [...record.actions.values()].find((one) => one.outbox.length > 1)!;
    expect(torn({ ...two, outbox: two.outbox.slice(1) })).not.toEqual([]);
    expect(torn({ ...first(), outbox: [...outbox, { ...outbox[0]!, seq: 999 }] })).not.toEqual([]);
    expect(gaps(payload.id, events.toSpliced(0, 1))).not.toEqual([]);
    proven({ part, controls: { found: 6, of: 6 } });
  });

  test("a webhook of nothing, one of another event, one that never came, and one that was processed twice", ({
    expect,
  }) => {
    const logs = logsOf(record.actions);
    expect(phantoms([{ ...notice(), id: `msg_act_${"x".repeat(22)}_1_webhook-whe_x` }], logs)).toHaveLength(
      1,
    );
    expect(
      phantoms([{ ...notice(), id: notice().id.replace(/_\d+_webhook/u, "_999_webhook") }], logs),
    ).toHaveLength(1);
    expect(phantoms([{ ...notice(), type: "action.escalated" }], logs)).toHaveLength(1);
    expect(undelivered(record.notices.slice(1), record.actions.values())).toEqual([
      `${notice().id}: never delivered`,
    ]);
    expect(undelivered([...record.notices, notice()], record.actions.values())).toEqual([
      `${notice().id}: processed 2 times`,
    ]);
    proven({ part, controls: { found: 5, of: 5 } });
  });
});
