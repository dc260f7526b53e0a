import type { Refusal } from "../../core/refusal.ts";
import { refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { ErasureAnswer, ErasureRequest } from "../ledger/messages.ts";
import { seenOf } from "./evidence.ts";
import type { Outbox } from "./outbox.ts";
import { dueNow, goingWith, heldIn, isEvidence, withErasedBy } from "./retention.ts";
import type { Loaded, Store } from "./store.ts";

/** Asks the workspace's log whether a class may go, which writes it down. Throws where the log cannot be reached. */
export type AskLog = (request: ErasureRequest) => Promise<ErasureAnswer>;
type By = ErasureRequest["by"];
export type Order = { readonly class: RetentionClass; readonly because: string; readonly by: By };

/** When the log is asked again that could not be reached. */
const unreachedMs = 2 * 60_000;
const engine: By = { kind: "engine", id: "engine" };

/**
 * Lets go of what an action holds. The log is asked first, and nothing goes that it has not put down: whether a hold or an erasure
 * came first is what it says. A process that dies in between has asked, and lets go the next time, of what is one line all the same.
 */
export class Forgetting {
  readonly #store: Store;
  readonly #outbox: Outbox;
  readonly #ask: AskLog;
  #busy = false;

  constructor(store: Store, outbox: Outbox, ask: AskLog) {
    this.#store = store;
    this.#outbox = outbox;
    this.#ask = ask;
  }

  /**
   * Everything whose time has come at `now` (epoch ms). `patient`: not before the time that the log has named, where something
   * is held; a sweep knows better.
   */
  async letGo(now: number, patient: boolean): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#letGo(now, patient);
    } finally {
      this.#busy = false;
    }
  }

  async #letGo(now: number, patient: boolean): Promise<void> {
    const there = this.#store.load();
    // What cannot be read for want of its key is neither shown nor written; it goes once it can be.
    if (there === null || there.fault !== null) return;
    if (patient && (there.stored.askAt ?? 0) > now) return;
    const due = dueNow(there, now);
    const allowed: RetentionClass[] = [];
    let askAt: number | null = null;
    for (const { class: name, dueAt } of due) {
      const answer = await this.#asked(there, { class: name, dueAt, by: engine });
      if (answer?.allowed !== true) {
        askAt = answer === null ? now + unreachedMs : answer.askAgainAt;
        break;
      }
      allowed.push(name);
    }
    // Something may have happened to it meanwhile, such as a report that came very late.
    const current = this.#store.load();
    const still = current === null ? [] : dueNow(current, now).map(({ class: name }) => name);
    this.#erase(
      allowed.filter((name) => still.includes(name)),
      now,
    );
    if (askAt !== null) this.#askAgain(askAt);
    if (allowed.length > 0) await this.#outbox.flush(now);
  }

  /** Before its time, because somebody wants it. @returns whether there was anything left to let go of. */
  async now({ class: name, because, by }: Order, now: number): Promise<Result<boolean, Refusal>> {
    const there = this.#store.load();
    if (there === null) return refusal("not_found", "There is nothing here.");
    const going = goingWith(there, name, now);
    if (!going.ok) return going;
    for (const one of going.value) {
      const answer = await this.#asked(there, { class: one, dueAt: null, by });
      if (answer === null) {
        const detail =
          "Nothing goes that the log has not put down, and it cannot be reached. Try again shortly.";
        return refusal("log_unavailable", detail);
      }
      if (!answer.allowed) {
        const detail = `It is held by ${answer.hold}: ${answer.because}. Release that first.`;
        return refusal("conflict", detail);
      }
    }
    const current = this.#store.load();
    const still = current === null ? going : goingWith(current, name, now);
    if (!still.ok) return still;
    this.#erase(going.value, now, (after) => withErasedBy(after, going.value, { by: by.id, because }));
    await this.#outbox.flush(now);
    return ok(going.value.length > 0);
  }

  async #asked(
    there: Loaded,
    { class: name, dueAt, by }: Pick<ErasureRequest, "class" | "dueAt" | "by">,
  ): Promise<ErasureAnswer | null> {
    const { id, workspace } = there.payload;
    try {
      const evidence = isEvidence(there, name);
      return await this.#ask({ action: id, class: name, evidence, dueAt, seen: seenOf(there), by });
    } catch (error) {
      console.error("not let go of yet", workspace, id, name, error instanceof Error ? error.message : error);
      return null;
    }
  }

  /** In one transaction with what others are to be told of it. */
  #erase(
    classes: readonly RetentionClass[],
    now: number,
    also: (after: Loaded) => Loaded = (after) => after,
  ): void {
    const there = this.#store.load();
    if (there === null || classes.length === 0) return;
    const all = heldIn(there).every((name) => classes.includes(name));
    if (all && classes.some((name) => isEvidence(there, name))) {
      this.#store.bury(now);
      return;
    }
    const values = classes.filter((name) => !isEvidence(there, name));
    this.#store.erase(values, now, (after) => {
      const told = also(after);
      return { ...told, stored: this.#outbox.forgotten(told.stored, now) };
    });
  }

  #askAgain(askAt: number): void {
    this.#store.write(() => {
      const there = this.#store.load();
      return there === null ? null : { ...there, stored: { ...there.stored, askAt } };
    });
  }
}
