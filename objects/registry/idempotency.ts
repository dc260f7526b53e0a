import { deleteAnswer, deleteEndedAnswers, findAnswer, writeAnswer } from "./rows/answers.ts";

/**
 * What a repeated POST finds (semantics §11): nothing, and then the call is the caller's to carry out; somebody else at it
 * this moment; another body under its key; or the answer it got.
 */
export type Reserved = { hit: "none" | "busy" | "conflict" | "same"; answer: string | null };
type Call = { key: string; fingerprint: string; now: number };

/** How long an answer is given again. */
const keptMs = 86_400_000;
/** How long a call may take before another takes its place: the longest of them is a few round trips, so it was killed. */
const reservedMs = 10_000;
/** Stands for the answer of a call under way. */
const underWay = "";

/** Looks the key up and takes it where it is free, in the caller's transaction, so that of two calls at once one is carried out. */
export function reserve(sql: SqlStorage, { key, fingerprint, now }: Call): Reserved {
  deleteEndedAnswers(sql, now);
  const stored = findAnswer(sql, key);
  if (stored === null) {
    writeAnswer(sql, key, { fingerprint, answer: underWay, ends_at: now + reservedMs });
    return { hit: "none", answer: null };
  }
  if (stored.fingerprint !== fingerprint) return { hit: "conflict", answer: null };
  if (stored.answer === underWay) return { hit: "busy", answer: null };
  return { hit: "same", answer: stored.answer };
}

/** Keeps an answer for a day. The first one of a key stays, so that whoever asks again always gets the same. */
export function remember(
  sql: SqlStorage,
  { key, fingerprint, answer, now }: Call & { answer: string },
): void {
  deleteEndedAnswers(sql, now);
  const stored = findAnswer(sql, key);
  if (stored !== null && stored.answer !== underWay) return;
  writeAnswer(sql, key, { fingerprint, answer, ends_at: now + keptMs });
}

/** Gives up a key whose call was refused: what was refused may be sent again, also with another body. */
export function release(sql: SqlStorage, key: string): void {
  if (findAnswer(sql, key)?.answer === underWay) deleteAnswer(sql, key);
}
