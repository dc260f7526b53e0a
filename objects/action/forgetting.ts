import { faultText } from "../../core/fault.ts";
import type { Refusal } from "../../core/refusal.ts";
import { refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { ErasureAnswer, ErasureRequest } from "../ledger/messages.ts";
import { seenOf } from "./evidence.ts";
import type { Outbox } from "./outbox.ts";
import {
  dueNow,
  erasingOf,
  goingWith,
  heldIn,
  isEvidence,
  resumeAfterMs,
  withErasedBy,
  withErasing,
  withoutErasing,
} from "./retention.ts";
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
    const before = this.#store.load();
    // What cannot be read for want of its key is neither shown nor written; it goes once it can be.
    if (before === null || before.fault !== null) return;
    await this.#resume(before, now);
    const there = this.#store.load();
    if (there === null) return;
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
    if (askAt !== null) this.#change((one) => ({ ...one, stored: { ...one.stored, askAt } }));
    if (allowed.length > 0) await this.#outbox.flush(now);
  }

  /**
   * Before its time, because somebody wants it. That is put down before the log is asked: where the process dies in between, the log
   * may have it that a class is gone, and so the alarm goes on with it. @returns whether there was anything left to let go of.
   */
  async now(order: Order, now: number): Promise<Result<boolean, Refusal>> {
    const there = this.#store.load();
    if (there === null) return refusal("not_found", "There is nothing here.");
    const going = goingWith(there, order.class, now);
    if (!going.ok) return going;
    if (going.value.length === 0) return ok(false);
    this.#change((current) => withErasing(current, { ...order, by: order.by.id }, now));
    const done = await this.#carryOut(order, now);
    if (!done.ok) this.#change(withoutErasing);
    return done;
  }

  /** What somebody wanted, and whoever was at it has not come to the end of. */
  async #resume(there: Loaded, now: number): Promise<void> {
    const wanted = erasingOf(there);
    if (wanted === null || wanted.at + resumeAfterMs > now) return;
    const done = await this.#carryOut({ ...wanted, by: { kind: "person", id: wanted.by } }, now);
    if (done.ok) return;
    console.error("not erased", there.payload.workspace, there.payload.id, wanted.class, done.error.code);
    const isLater = done.error.code === "log_unavailable";
    this.#change((current) => (isLater ? withErasing(current, wanted, now) : withoutErasing(current)));
  }

  async #carryOut({ class: name, because, by }: Order, now: number): Promise<Result<boolean, Refusal>> {
    const there = this.#store.load();
    if (there === null) return refusal("not_found", "There is nothing here.");
    const going = goingWith(there, name, now);
    if (!going.ok) return going;
    const allowed: RetentionClass[] = [];
    let refused: Refusal | null = null;
    for (const one of going.value) {
      refused = refusedBy(await this.#asked(there, { class: one, dueAt: null, by }));
      if (refused !== null) break;
      allowed.push(one);
    }
    const current = this.#store.load();
    const still = current === null ? going : goingWith(current, name, now);
    if (!still.ok) return still;
    // What the log has put down goes, also where a hold that came in between keeps the rest: that hold names it as gone.
    this.#erase(allowed, now, (after) =>
      withoutErasing(withErasedBy(after, allowed, { by: by.id, because })),
    );
    if (allowed.length > 0) await this.#outbox.flush(now);
    if (refused !== null) return { ok: false, error: withGone(refused, allowed) };
    if (going.value.length === 0) this.#change(withoutErasing);
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
      console.error("not let go of yet", workspace, id, name, faultText(error));
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

  #change(change: (there: Loaded) => Loaded): void {
    this.#store.write(() => {
      const there = this.#store.load();
      return there === null ? null : change(there);
    });
  }
}

/** Why a class does not go that somebody has asked for; null where the log lets it go. `answer` is null where it cannot be reached. */
function refusedBy(answer: ErasureAnswer | null): Refusal | null {
  if (answer === null) {
    const detail = "Nothing goes that the log has not put down, and it cannot be reached. Try again shortly.";
    return { code: "log_unavailable", detail };
  }
  if (answer.allowed) return null;
  const detail = `It is held by ${answer.hold}: ${answer.because}. Release that first.`;
  return { code: "conflict", detail };
}

/** The same with what has gone all the same, because the log had put it down before. */
function withGone(refused: Refusal, gone: readonly RetentionClass[]): Refusal {
  if (gone.length === 0) return refused;
  return { ...refused, detail: `${refused.detail} Gone before that: ${gone.join(", ")}.` };
}
