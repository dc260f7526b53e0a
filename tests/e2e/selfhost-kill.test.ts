import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { dataFolder, type SelfHost, startSelfHost, until } from "../support/selfhost.ts";

/** kill -9 of a self-hosted engine: what was acknowledged is there, alarms are met, and what no alarm is left for the timer finds. */

const options = ["--local", "--starter", "--sweep-every", "1"];
const place = dataFolder();
let engine: SelfHost;
let cast: Cast;
let receiver: Receiver;

/** What is served may have to be built first. */
const buildMs = 120_000;

beforeAll(async () => {
  engine = await startSelfHost(place.folder, ...options);
  cast = castOf(engine);
  receiver = await startReceiver();
  const { secret } = await cast.operator.post<{ secret: string }>("/v1/webhooks", { url: receiver.url });
  receiver.setSecrets(secret);
}, buildMs);
afterAll(async () => {
  await engine?.stop();
  await receiver?.close();
  place.remove();
});

const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
const told = (action: ActionView, type: string): boolean =>
  receiver.processed.some(({ verified }) => verified?.type === type && verified.data["id"] === action.id);

/** An alarm is a row beside the objects of its class. @returns how many rows of this action there were. */
function loseAlarm({ id }: ActionView): number {
  const alarms = new DatabaseSync(join(place.folder, "storage", "Action", "metadata.sqlite"));
  try {
    const lost = alarms.prepare("DELETE FROM _cf_ALARM WHERE actor_name = ?").run(`default/${id}`);
    return Number(lost.changes);
  } finally {
    alarms.close();
  }
}

/**
 * A pending action of which nothing is under way any more: from now on only its alarm, or the timer, can end it. One that came
 * too close to its deadline on a busy machine is left to itself, and the next has longer.
 */
async function atRest(ms = 4_000): Promise<ActionView> {
  const deadline = Date.now() + ms;
  const action = await cast.demo.asks({ notAfter: new Date(deadline).toISOString() });
  await receiver.until(() => told(action, "action.pending"));
  await until(async () => {
    const { items } = await cast.auditor.lists();
    return items.some(({ id }) => id === action.id) ? true : null;
  });
  return Date.now() < deadline - ms / 2 ? action : atRest(2 * ms);
}

test("after kill -9 everything is as it was acknowledged, alarms are met, and a lost one is found by the timer", async ({
  expect,
}) => {
  const { demo, bob } = cast;
  const asked = await demo.asks();
  const approved = await bob.approves(await demo.asks());
  const brief = await demo.asks({ notAfter: soon(4_000) });
  const forgotten = await atRest();
  await engine.kill9();
  expect(loseAlarm(forgotten)).toBe(1);
  engine = await startSelfHost(place.folder, ...options);
  cast = castOf(engine);
  expect(engine.keys["operator"]).toBe(cast.operator.key);

  expect(await cast.demo.sees(asked)).toMatchObject({ state: "pending", seq: asked.seq });
  expect(await cast.bob.approves(asked)).toMatchObject({ state: "approved" });
  const held = await cast.demo.claims(approved);
  expect(await cast.demo.reports(held, "succeeded")).toMatchObject({ state: "executed" });
  // Nobody asks for these two: a read would meet the deadline itself.
  await receiver.until(() => told(brief, "action.expired"));
  await receiver.until(() => told(forgotten, "action.expired"));
  expect(await cast.demo.sees(forgotten)).toMatchObject({ state: "expired" });
  expect(engine.errors()).toBe("");
});
