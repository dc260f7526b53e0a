import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import type { Pair } from "./cells.ts";
import { call } from "./http.ts";
import { measure, measureCreate, Pool } from "./load.ts";
import type { Mode, Server, Subject } from "./server.ts";
import { percentile, type Summary, summarise } from "./statistics.ts";

/** One action that is voted on again and again: whether a long history makes the next vote dearer. */
export type HotAction = {
  readonly mode: Mode;
  readonly subject: Subject;
  readonly votes: Summary;
  /** p50 in ms of the first tenth and of the last. */
  readonly first: number;
  readonly last: number;
};

/** What one workspace's Board and Registry do, of which there is one each. */
export type HotWorkspace = {
  readonly mode: Mode;
  readonly what: string;
  readonly clients: number;
  readonly figures: Summary;
};

/** How far the Board was behind when the last action was created, in seconds until it showed all of them. */
export type BoardLag = { readonly mode: Mode; readonly created: number; readonly seconds: number };

/**
 * The engine: one reviewer, whose vote alone does not decide, approves and withdraws in turn. The floor is flipped as
 * often.
 */
export async function measureHotAction(pair: Pair, mode: Mode, count: number): Promise<HotAction[]> {
  const found: HotAction[] = [];
  for (const subject of ["engine", "floor"] as const) {
    const { driver } = pair[subject].server;
    const action = await driver.createForTwo();
    const samples: number[] = [];
    const started = performance.now();
    for (let index = 0; index < count; index += 1) {
      const asked = performance.now();
      await driver.vote(action, index % 2 === 0 ? "approve" : "withdraw");
      samples.push(performance.now() - asked);
    }
    const tenth = Math.max(1, Math.floor(count / 10));
    found.push({
      mode,
      subject,
      votes: summarise(samples, performance.now() - started),
      first: percentile(samples.slice(0, tenth), 0.5),
      last: percentile(samples.slice(-tenth), 0.5),
    });
  }
  return found;
}

const json = { "content-type": "application/json" };

/** Each asks the one object that it names, whatever else was asked before. */
function callsOf({ url, keys }: Server): Record<string, () => Promise<string>> {
  const get = (key: string, path: string) => (): Promise<string> =>
    call({ method: "GET", url: url + path, headers: { authorization: `Bearer ${key}` } });
  return {
    "Board: the queue of one person": get(keys.reviewerKey, "/v1/queue?limit=50"),
    "Board: a page of 50 pending": get(keys.reviewerKey, "/v1/actions?state=pending&limit=50"),
    "Registry: the list of keys": get(keys.operatorKey, "/v1/keys"),
    "Registry: a person added": () =>
      call({
        method: "PUT",
        url: `${url}/v1/people/p${randomUUID().slice(0, 13)}`,
        headers: { ...json, authorization: `Bearer ${keys.operatorKey}` },
        body: '{"name":"Somebody"}',
      }),
  };
}

const clientCounts = [1, 16];

export async function measureHotWorkspace(
  server: Server,
  mode: Mode,
  seconds: number,
  tell: (step: string) => void,
): Promise<HotWorkspace[]> {
  const found: HotWorkspace[] = [];
  for (const [what, once] of Object.entries(callsOf(server))) {
    for (const clients of clientCounts) {
      tell(`${mode}: ${what}, clients: ${clients}`);
      const timed = async (): Promise<number> => {
        const started = performance.now();
        await once();
        return performance.now() - started;
      };
      found.push({ mode, what, clients, figures: await measure(clients, seconds, timed) });
    }
  }
  return found;
}

const Queue = v.object({ counts: v.object({ byState: v.record(v.string(), v.number()) }) });
const lagWithinSeconds = 120;

/** Creates by 16 clients, and then how long it takes until the Board counts every one of them. */
export async function measureBoardLag(server: Server, mode: Mode, seconds: number): Promise<BoardLag> {
  const headers = { authorization: `Bearer ${server.keys.reviewerKey}` };
  const pendingNow = async (): Promise<number> => {
    const text = await call({ method: "GET", url: `${server.url}/v1/queue?limit=1`, headers });
    return v.parse(Queue, JSON.parse(text)).counts.byState["pending"] ?? 0;
  };
  const before = await settled(pendingNow);
  const pool = new Pool();
  await measureCreate(server.driver, pool, 16, seconds);
  const ended = performance.now();
  while ((await pendingNow()) < before + pool.size) {
    if (performance.now() - ended > lagWithinSeconds * 1_000) {
      throw new Error(`the Board does not show all of ${pool.size} new actions after ${lagWithinSeconds} s`);
    }
    await delay(10);
  }
  return { mode, created: pool.size, seconds: (performance.now() - ended) / 1_000 };
}

/** What is on its way from before is not to be counted as new. */
async function settled(look: () => Promise<number>): Promise<number> {
  for (let last = await look(); ;) {
    await delay(1_000);
    const next = await look();
    if (next === last) return next;
    last = next;
  }
}
