/**
 * Every bound on what comes in from outside, in one place (semantics §11, threats T18).
 * Sizes are UTF-8 bytes of JSON text, durations are milliseconds.
 */
export const limits = {
  bodyBytes: 256 * 1024,
  argsBytes: 64 * 1024,
  /** Where a contract does not say how much the context of one action may hold. */
  contextBytes: 32 * 1024,
  jsonDepth: 32,
  jsonKeys: 1_000,
  /** For a policy document (some 50 keys a contract) and a batch: each of its items is held to less by its own schema. */
  bulkKeys: 65_536,
  stringLength: 64 * 1024,
  reasonLength: 4_000,
  nameLength: 128,
  batchItems: 100,
  listPage: 100,
  /** `Prefer: wait` and `?wait=` in seconds. */
  waitSeconds: 60,
  ruleDepth: 4,
  ruleSeats: 16,
  seatCount: 16,
  ruleTotal: 16,
  conditionBytes: 2_048,
  decideEntries: 32,
  /** Late commands and fenced reports kept as evidence per action; later ones are refused but no longer stored. */
  lateEvents: 64,
  /** How often somebody may say something of one action afterwards. */
  feedback: 64,
  /** What is kept of a reported effect. */
  evidenceBytes: 8 * 1024,
} as const;
