import { faultText } from "../../core/fault.ts";
import { sendLeaseMs } from "../../core/outbox.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { Tombstone } from "../../schemas/tombstone.ts";
import type { Ack } from "./outbox.ts";
import type { Store } from "./store.ts";
import { changeOfTombstone } from "./tombstone.ts";

/** Copies that could not be removed are tried again so often: what locks them does so for days. */
const copiesAgainMs = 24 * 60 * 60_000;

export type GraveDeps = {
  /** Tells the Board and the log. Throws where that could not be done. */
  readonly send: (change: ActionChanged) => Promise<void>;
  /** Removes what was copied out of it. @returns whether nothing is left. Throws where that cannot be said. */
  readonly removeCopies: (stone: Tombstone) => Promise<boolean>;
};

/** What is left to do for an action of which only a tombstone is left: to be told of, and its copies to be removed. */
export class Grave {
  readonly #store: Store;
  readonly #deps: GraveDeps;

  constructor(store: Store, deps: GraveDeps) {
    this.#store = store;
    this.#deps = deps;
  }

  /** What has become known elsewhere. An acknowledgement of older news shows that somebody has taken it for alive: it is told again. */
  acknowledge(acks: readonly Ack[], now: number): void {
    const stone = this.#store.tombstone();
    const news = acks.flatMap((ack) => (ack.sink === "board" ? [ack.news ?? 0] : []));
    if (stone === null || news.length === 0) return;
    const isKnown = Math.max(...news) >= stone.news;
    if (isKnown && stone.tellDue === null) return;
    this.#store.keepTombstone({ ...stone, tellDue: isKnown ? null : now }, now);
  }

  /** Does what is due at `now` (epoch ms). @returns false where there is no tombstone. Never throws. */
  async attend(now: number): Promise<boolean> {
    const stone = this.#store.tombstone();
    if (stone === null) return false;
    this.#store.armTombstone(stone, now);
    if (stone.copiesDue !== null && stone.copiesDue <= now) await this.#removeCopies(stone, now);
    await this.#tell(now);
    return true;
  }

  async #removeCopies(stone: Tombstone, now: number): Promise<void> {
    // Written before it is tried, so that a process that dies tries again.
    this.#store.keepTombstone({ ...stone, copiesDue: now + copiesAgainMs }, now);
    const gone = await this.#try("copies stay", stone, () => this.#deps.removeCopies(stone));
    const current = this.#store.tombstone();
    if (gone !== true || current === null) return;
    this.#store.keepTombstone({ ...current, copiesDue: null, news: current.news + 1, tellDue: now }, now);
  }

  async #tell(now: number): Promise<void> {
    const stone = this.#store.tombstone();
    if (stone === null || stone.tellDue === null || stone.tellDue > now) return;
    this.#store.keepTombstone({ ...stone, tellDue: now + 2 * sendLeaseMs }, now);
    await this.#try("send", stone, () => this.#deps.send(changeOfTombstone(stone)));
  }

  async #try<Value>(
    what: string,
    { workspace, action }: Tombstone,
    run: () => Promise<Value>,
  ): Promise<Value | null> {
    try {
      return await run();
    } catch (error) {
      console.error(what, workspace, action, faultText(error));
      return null;
    }
  }
}
