import type { Checkpoint } from "../schemas/ledger.ts";
import type { LedgerProof, LedgerView } from "../schemas/ledger-view.ts";
import { type Guard, isObject } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** The log that evidence is held against. Its lines are read with `evidence.lines`. */

export type { LedgerProof, LedgerView } from "../schemas/ledger-view.ts";
export type { Checkpoint, LogKey } from "../schemas/ledger.ts";

export type LedgerCalls = {
  /** Its size, newest checkpoint and keys, and what is not signed yet. */
  status(): Promise<LedgerView>;
  /** That the log of `to` lines goes on from that of `from` (RFC 9162): hashes in base64. */
  consistency(sizes: { from: number; to: number }): Promise<LedgerProof>;
  /** Begins a new key; the one before signs beside it for seven days. Only people do, with keys:write. */
  rotate(options?: { idempotencyKey?: string }): Promise<LedgerView>;
};

export function ledgerCalls({ call }: Transport): LedgerCalls {
  return {
    status: () => call({ method: "GET", path: "/v1/ledger", guard: isLedger }),
    consistency: (sizes) =>
      call({ method: "GET", path: "/v1/ledger/consistency", query: sizes, guard: isProof }),
    rotate: (options = {}) =>
      call({ method: "POST", path: "/v1/ledger/rotate", body: {}, guard: isLedger, ...options }),
  };
}

const isCheckpoint: Guard<Checkpoint> = (value): value is Checkpoint =>
  isObject(value) &&
  typeof value["size"] === "number" &&
  typeof value["root"] === "string" &&
  typeof value["note"] === "string" &&
  Array.isArray(value["ssh"]);
const isLedger: Guard<LedgerView> = (value): value is LedgerView =>
  isObject(value) &&
  typeof value["size"] === "number" &&
  (value["checkpoint"] === null || isCheckpoint(value["checkpoint"])) &&
  Array.isArray(value["keys"]) &&
  value["keys"].every(isObject);
const isProof: Guard<LedgerProof> = (value): value is LedgerProof =>
  isObject(value) && Array.isArray(value["proof"]);
