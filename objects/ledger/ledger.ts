import { DurableObject } from "cloudflare:workers";
import { faultText } from "../../core/fault.ts";
import type { Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import type { EvidenceFigures } from "../../schemas/evidence-figures.ts";
import type { Gone, Hold } from "../../schemas/hold.ts";
import type { PurgeState } from "../../schemas/purge.ts";
import type { HoldRelease, NewHold } from "./holds.ts";
import type { PurgeAsked, PurgeTold } from "./purge.ts";
import type { Access, Checkpoint, LedgerEntryKind, LogKey, Seen } from "../../schemas/ledger.ts";
import { exportedActions, lastNumber, markCopied, uncopiedActions, type Uncopied } from "./action-rows.ts";
import { mayErase, settleDoubts, takeIn } from "./intake.ts";
import { Journal } from "./journal.ts";
import { Keeping, type Chores, type PurgeStanding } from "./keeping.ts";
import type {
  ActionProof,
  ErasureAnswer,
  ErasureRequest,
  Exported,
  ExportFilter,
  Leaf,
  LedgerCalls,
  LedgerStatus,
  Recorded,
  Settled,
} from "./messages.ts";
import { base64Proof, proofOf } from "./proofs.ts";
import { countAccess } from "./reads.ts";
import { Signatory } from "./signatory.ts";

/**
 * The log of one workspace: which actions there were, what each ended with, who has read evidence, and what was let go of. It only
 * grows, and what it has grown to is signed. Unlike the Board it cannot be made again from the actions: it is what they are
 * held against.
 */
export class Ledger extends DurableObject<Env> implements LedgerCalls {
  readonly #journal: Journal;
  readonly #signatory: Signatory;
  readonly #keeping: Keeping;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const workspace = /^(.+)\/ledger$/u.exec(ctx.id.name ?? "")?.[1];
    if (workspace === undefined) throw new Error("a Ledger is named <workspace>/ledger");
    this.#journal = new Journal(ctx.storage, workspace, (pen) => this.#signatory.begin(pen));
    this.#signatory = new Signatory(this.#journal, env, workspace);
    this.#keeping = new Keeping(this.#journal);
  }

  record(items: Seen[], now: number): Recorded[] {
    if (items.length === 0) return [];
    return this.#journal.write(now, (pen) => takeIn(pen, items, this.#signatory.copies));
  }

  settle(answers: Settled[], now: number): Recorded[] {
    return this.#journal.write(now, (pen) => settleDoubts(pen, answers, this.#signatory.copies));
  }

  access(read: Access, now: number): number {
    return this.#journal.write(now, (pen) => {
      countAccess(pen.sql, read, pen.at);
      return pen.append({ kind: "access", ...read });
    });
  }

  mayErase(request: ErasureRequest, now: number): ErasureAnswer {
    return this.#journal.write(now, (pen) => mayErase(pen, request, now, this.#signatory.copies));
  }

  // oxlint-disable-next-line typescript/require-await -- over RPC it is a promise anyway
  async checkpoint(fresh: boolean, now: number): Promise<Checkpoint | null> {
    if (!this.#journal.exists) return null;
    if (fresh) this.#signatory.sign(now);
    return this.#signatory.latest();
  }

  async prove(
    action: string,
    size: number | null,
    since: number | null,
    now: number,
  ): Promise<ActionProof | null> {
    if (!this.#journal.exists) return null;
    const checkpoint = size === null ? await this.checkpoint(true, now) : this.#signatory.at(size, now);
    if (checkpoint === null) return null;
    return proofOf(this.#journal, { action, since, checkpoint, keys: this.#signatory.keys() });
  }

  consistency(from: number, to: number): string[] | null {
    if (!this.#journal.exists) return null;
    const proof = this.#journal.log.consistency(from, to);
    return proof === null ? null : base64Proof(proof);
  }

  leaves(from: number, size: number, limit: number): Leaf[] {
    return this.#journal.exists ? this.#journal.log.leaves(from, size, limit) : [];
  }

  exported(filter: ExportFilter): Exported[] {
    return this.#journal.exists ? exportedActions(this.#journal.sql, filter) : [];
  }

  // oxlint-disable-next-line typescript/require-await -- over RPC it is a promise anyway
  async logKeys(_now: number): Promise<LogKey[]> {
    return this.#journal.exists ? this.#signatory.keys() : [];
  }

  count(kind: LedgerEntryKind): number {
    return this.#journal.count(kind);
  }

  status(now: number): LedgerStatus {
    const { exists, head, log, sql } = this.#journal;
    const { fault } = this.#signatory;
    if (!exists) {
      return {
        size: 0,
        actions: 0,
        checkpoint: null,
        unsigned: 0,
        unsignedSince: null,
        keys: [],
        fault: null,
      };
    }
    return {
      size: log.size,
      actions: lastNumber(sql),
      checkpoint: this.#signatory.latest(),
      unsigned: log.size - head.signed,
      unsignedSince: head.unsignedSince,
      keys: this.#signatory.keys(),
      fault: fault(now),
    };
  }

  rotateKey(by: Access["by"], now: number, overlapMs?: number): number {
    return this.#signatory.rotate(by, now, overlapMs);
  }

  /** What is sealed and not copied out yet, the oldest first. */
  uncopied(limit: number): Uncopied[] {
    return this.#journal.exists ? uncopiedActions(this.#journal.sql, limit) : [];
  }

  copied(done: Pick<Uncopied, "number" | "events">[], now: number): void {
    if (!this.#journal.exists) return;
    this.#journal.write(now, ({ sql }) => {
      for (const one of done) markCopied(sql, one);
    });
  }

  /** For the sweep: what an alarm that was lost would have done. Does nothing before a line has waited so long (ms). */
  async poke(afterMs: number, now: number): Promise<void> {
    const { exists, head } = this.#journal;
    if (!exists) return;
    const late = head.unsignedSince !== null && head.unsignedSince + afterMs <= now;
    if (late || (head.alarmAt !== null && head.alarmAt + afterMs <= now)) await this.#attend(now);
  }

  /** Keeps what it covers from now on, and says what of that is gone already. */
  putHold(asked: NewHold, now: number): Result<{ hold: Hold; gone: Gone }, Refusal> {
    return this.#keeping.put(asked, now);
  }

  releaseHold(asked: HoldRelease, now: number): Result<Hold, Refusal> {
    return this.#keeping.release(asked, now);
  }

  holds(now: number): Hold[] {
    return this.#keeping.holds(now);
  }

  figures(now: number): EvidenceFigures {
    const signed = this.#journal.exists ? (this.#signatory.latest()?.at ?? null) : null;
    return this.#keeping.figures(now, signed);
  }

  chores(before: number, limit: number, now: number): Chores {
    return this.#keeping.chores(before, limit, now);
  }

  beginPurge(asked: PurgeAsked, now: number): Result<PurgeStanding, Refusal> {
    return this.#keeping.beginPurge(asked, now);
  }

  purgeRefusal(asked: PurgeAsked, now: number): Refusal | null {
    return this.#keeping.purgeRefusal(asked, now);
  }

  purge(): PurgeStanding | null {
    return this.#keeping.purge();
  }

  nextToPurge(limit: number): { number: number; action: string }[] {
    return this.#keeping.nextToPurge(limit);
  }

  notePurged(told: PurgeTold, now: number): void {
    this.#keeping.notePurged(told, now);
  }

  unseen(ids: string[]): string[] {
    return this.#keeping.unseen(ids);
  }

  noteLooked(boardRow: number, now: number): void {
    this.#keeping.noteLooked(boardRow, now);
  }

  advancePurge(from: PurgeState["stage"], now: number): PurgeState | null {
    return this.#keeping.advancePurge(from, now);
  }

  reopen(now: number): Result<null, Refusal> {
    return this.#keeping.reopen(now);
  }

  override async alarm(): Promise<void> {
    this.#journal.alarmWentOff();
    await this.#attend(Date.now());
  }

  /** A storage that cannot be written is left to the sweep. */
  #rearm(): void {
    try {
      this.#signatory.rearm(Date.now());
    } catch (error) {
      console.error("ledger", this.ctx.id.name, faultText(error));
    }
  }

  /** Signs what is not, and hands out what is not outside. Never throws, which would end the alarm for good after a while. */
  async #attend(now: number): Promise<void> {
    try {
      this.#signatory.sign(now);
      await this.#signatory.publish();
    } catch (error) {
      console.error("ledger", this.ctx.id.name, faultText(error));
    } finally {
      this.#rearm();
    }
  }
}
