import type { Commitments, OpeningsByClass } from "../../core/evidence/payload.ts";
import type { SlackLink } from "../../schemas/link.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";

/** The data keys of an action, by class, ready for use; a class that is erased has none. */
export type Keys = Readonly<Partial<Record<RetentionClass, string>>>;

/** One action as it is kept in memory while its object is awake. What is erased of it is in `stored.erased`. */
export type Loaded = {
  /** With every value that can still be opened. */
  readonly payload: Payload;
  readonly stored: StoredAction;
  /** What stands in its log for the values of the payload, and what opens that. */
  readonly chained: { readonly commitments: Commitments; readonly openings: OpeningsByClass };
  readonly keys: Keys;
  /** Its keys are wrapped with a key of the environment that is on its way out, or with none though there is one. */
  readonly stale: boolean;
  /** Why nothing may be written to it, in a sentence that says what to do; null where all is well. It can be read then. */
  readonly fault: string | null;
  /** Which Slack user is which person, where a command has brought it along; never kept. */
  readonly links?: readonly SlackLink[];
};

/** An entry as it was hashed, with what opens it. */
export type EntryRow = { readonly seq: number; readonly body: string; readonly opened: string | null };

/** Who sent a command under which Idempotency-Key, and the hash of its body: kept with the last event that it made. */
export type Mark = { readonly actor: string; readonly key: string; readonly fingerprint: string };
