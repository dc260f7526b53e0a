import * as v from "valibot";
import { faultText } from "../../core/fault.ts";
import { configOf, LogConfig } from "../../schemas/config.ts";
import { LedgerEntry, type Access, type Checkpoint, type LogKey } from "../../schemas/ledger.ts";
import {
  checkpointsAfter,
  findCheckpoint,
  insertCheckpoint,
  latestCheckpoint,
  signCheckpoint,
} from "./checkpoints.ts";
import { checkpointAfterMs, type Journal, type Pen } from "./journal.ts";
import { insertKey, keyOverlapMs, listKeys, makeKey, signersOf, vkeyIn, type Owner } from "./log-keys.ts";

/** Where what is to outlast the engine goes; null where none is bound. */
function bucketOf(env: unknown): R2Bucket | null {
  const { EVIDENCE } = v.parse(Bound, env);
  return EVIDENCE ?? null;
}
const Bound = v.object({
  EVIDENCE: v.optional(
    v.custom<R2Bucket>((value) => typeof value === "object" && value !== null && "put" in value),
  ),
});

/** Checkpoints that one alarm puts outside; more are left to the next. */
const publishedAtOnce = 50;

/** Who signs for a log, and where its checkpoints go. */
export class Signatory {
  readonly #journal: Journal;
  readonly #env: unknown;
  readonly #workspace: string;
  readonly #bucket: R2Bucket | null;
  #origin: string | null = null;

  constructor(journal: Journal, env: unknown, workspace: string) {
    this.#journal = journal;
    this.#env = env;
    this.#workspace = workspace;
    this.#bucket = bucketOf(env);
  }

  /** Whether there is somewhere for copies to go. */
  get copies(): boolean {
    return this.#bucket !== null;
  }

  /** The first line, with the key that signs at first. @throws Error where the configured origin is none. */
  begin(pen: Pen): void {
    const config = configOf(LogConfig, this.#env);
    if (config === null) {
      throw new Error("HOLDPOINT_LOG_ORIGIN is no URL without its scheme, such as holdpoint.example.com");
    }
    const origin = `${config.HOLDPOINT_LOG_ORIGIN}/${this.#workspace}`;
    const key = makeKey();
    const line = pen.append({ kind: "log", origin, key: vkeyIn(origin, key.publicKey) });
    insertKey(pen.sql, this.#owner(origin), key, { since: pen.at, line, formerUntil: null });
  }

  /** What the log calls itself: as its first line says, whatever is configured now. */
  #named(): string {
    if (this.#origin === null) {
      const first = v.parse(LedgerEntry, JSON.parse(this.#journal.log.text(0)));
      if (first.kind !== "log") throw new Error("a log that does not begin with its name");
      this.#origin = first.origin;
    }
    return this.#origin;
  }

  #owner(origin: string): Owner {
    return { env: this.#env, workspace: this.#workspace, origin };
  }

  keys(): LogKey[] {
    return listKeys(this.#journal.sql, this.#named());
  }

  latest(): Checkpoint | null {
    return latestCheckpoint(this.#journal.sql, this.#named());
  }

  /** Why nothing can be signed, in words that an operator acts on; null where it can. */
  readonly fault = (now: number): string | null => {
    const signers = this.#signers(now);
    return "fault" in signers ? signers.fault : null;
  };

  /** Signs all lines there are, where the newest are not signed yet. Where nobody can, that is said loudly and nothing is changed. */
  sign(now: number): void {
    const { size } = this.#journal.log;
    if (size === 0 || size === this.#journal.head.signed) return;
    const signed = this.#signed(size, now);
    if (signed === null) return;
    this.#journal.write(now, ({ sql }) => {
      insertCheckpoint(sql, signed);
      const published = this.#bucket === null ? { published: size } : {};
      this.#journal.remember({ signed: size, unsignedSince: null, ...published });
    });
  }

  /** The checkpoint of this size: as it was signed then, or signed now where there was none. Null where the log is smaller, or nobody can sign. */
  at(size: number, now: number): Checkpoint | null {
    if (!Number.isSafeInteger(size) || size < 1 || size > this.#journal.log.size) return null;
    return findCheckpoint(this.#journal.sql, this.#named(), size) ?? this.#signed(size, now);
  }

  #signed(size: number, now: number): Checkpoint | null {
    const signers = this.#signers(now);
    if ("fault" in signers) {
      console.error("the log of", this.#workspace, "is not signed:", signers.fault);
      return null;
    }
    const { log, head } = this.#journal;
    return signCheckpoint(
      { origin: this.#named(), size, root: log.root(size) },
      signers,
      Math.max(head.clock, now),
    );
  }

  #signers(now: number): ReturnType<typeof signersOf> {
    try {
      return signersOf(this.#journal.sql, this.#owner(this.#named()), now);
    } catch (error) {
      return { fault: error instanceof Error ? error.message : "its key cannot be read" };
    }
  }

  /** @returns the index of the new key's line. It is signed at once, by both. */
  rotate(by: Access["by"], now: number, overlapMs: number = keyOverlapMs): number {
    // A log that has no line yet gets its name first: the second key comes after the first.
    if (!this.#journal.exists) this.#journal.write(now, () => null);
    const index = this.#journal.write(now, (pen) => {
      const origin = this.#named();
      const key = makeKey();
      const until = pen.at + overlapMs;
      const line = pen.append({ kind: "key", key: vkeyIn(origin, key.publicKey), until, by });
      insertKey(pen.sql, this.#owner(origin), key, { since: pen.at, line, formerUntil: until });
      return line;
    });
    try {
      this.sign(now);
    } catch (error) {
      // The key is there, and the alarm signs with it.
      console.error("the log of", this.#workspace, "is not signed:", faultText(error));
    }
    return index;
  }

  /** Puts outside what is not there yet, oldest first, each once: an object that is there is left as it is. */
  async publish(): Promise<void> {
    if (this.#bucket === null || !this.#journal.exists) return;
    const { published } = this.#journal.head;
    const waiting = checkpointsAfter(this.#journal.sql, this.#named(), published, publishedAtOnce);
    for (const checkpoint of waiting) {
      const name = `checkpoints/${this.#workspace}/${String(checkpoint.size).padStart(16, "0")}`;
      await this.#bucket.put(name, JSON.stringify(checkpoint), {
        onlyIf: { etagDoesNotMatch: "*" },
        httpMetadata: { contentType: "application/json" },
      });
      this.#journal.remember({ published: Math.max(this.#journal.head.published, checkpoint.size) });
    }
  }

  /** After the alarm has gone off: for what could not be done, and for lines that have come meanwhile. */
  rearm(now: number): void {
    if (!this.#journal.exists) return;
    const due = this.#journal.signingDue();
    const unpublished = this.#bucket !== null && this.#journal.head.published < this.#journal.head.signed;
    const times = [due, unpublished ? now + checkpointAfterMs : null].flatMap((at) =>
      at === null ? [] : [at],
    );
    if (times.length === 0) {
      this.#journal.arm(null, now);
      return;
    }
    const at = Math.min(...times);
    if (at > now) return this.#journal.arm(at, now);
    // What is due already was tried just now, and could not be done.
    this.#journal.bePatient(now + checkpointAfterMs);
    this.#journal.arm(now + checkpointAfterMs, now);
  }
}
