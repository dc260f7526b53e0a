import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { call } from "../bench/http.ts";
import { statOf } from "../processes.ts";
import { Counts } from "./counts.ts";

const Reading = v.object({ counts: Counts, alarms: v.record(v.string(), v.number()) });
type Reading = v.InferOutput<typeof Reading>;

/** An alarm that is set for later than this is nothing that a run waits for. */
const soonMs = 90_000;
/** Nothing has happened for this long: batches, which gather for a second, and their acknowledgements are through. */
const quietMs = 3_000;
const maxWaitMs = 180_000;

/** The counting Worker's own address, and the processor time of the workerd behind it. */
export class Meter {
  readonly #url: string;
  readonly #pids: ReadonlySet<number>;

  constructor(url: string, pids: ReadonlySet<number>) {
    this.#url = `${url}/meter`;
    this.#pids = pids;
  }

  async beginAgain(): Promise<void> {
    await call({ method: "POST", url: this.#url, headers: {} });
  }

  async #read(): Promise<Reading> {
    return v.parse(Reading, JSON.parse(await call({ method: "GET", url: this.#url, headers: {} })));
  }

  /**
   * Waits until nothing happens any more: queues are empty, and every alarm of these objects that was due soon has gone
   * off. @returns what was counted, and how many alarms are still to come
   * @throws Error where that takes more than three minutes
   */
  async settled(
    objects: readonly string[],
    tell: (text: string) => void,
  ): Promise<{ counts: Counts; alarmsLeft: number }> {
    const until = Date.now() + maxWaitMs;
    let last = "";
    let since = Date.now();
    while (Date.now() < until) {
      await delay(500);
      const reading = await this.#read();
      const text = JSON.stringify(reading);
      if (text !== last) since = Date.now();
      last = text;
      const now = Date.now();
      const ahead = objects.map((name) => reading.alarms[name] ?? 0).filter((at) => at > now);
      const soon = ahead.filter((at) => at < now + soonMs).length;
      tell(`waiting for ${soon} alarms and the queues`);
      if (soon === 0 && now - since >= quietMs) return { counts: reading.counts, alarmsLeft: ahead.length };
    }
    throw new Error("the engine did not come to rest");
  }

  /** Milliseconds of processor time that the engine's processes have used; null where the system does not tell. */
  cpuMs(): number | null {
    try {
      return [...this.#pids].reduce((sum, pid) => sum + statOf(pid).cpuMs, 0);
    } catch {
      return null;
    }
  }
}
