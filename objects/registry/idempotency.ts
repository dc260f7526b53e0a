import { deleteEndedAnswers, findAnswer, insertAnswer } from "./rows/answers.ts";

/** What a repeated POST finds (semantics §11): nothing, another body under its key, or the answer it got. */
export type Recalled = { hit: "none" | "conflict" | "same"; answer: string | null };

/** How long an answer is given again. */
const keptMs = 86_400_000;

export function recall(
  sql: SqlStorage,
  { key, fingerprint, now }: { key: string; fingerprint: string; now: number },
): Recalled {
  const stored = findAnswer(sql, key);
  if (stored === null || now >= stored.ends_at) return { hit: "none", answer: null };
  if (stored.fingerprint !== fingerprint) return { hit: "conflict", answer: null };
  return { hit: "same", answer: stored.answer };
}

/** Keeps an answer for a day. The first one of a key stays, so that of two racing calls both later get the same. */
export function remember(
  sql: SqlStorage,
  { key, fingerprint, answer, now }: { key: string; fingerprint: string; answer: string; now: number },
): void {
  deleteEndedAnswers(sql, now);
  insertAnswer(sql, key, { fingerprint, answer, ends_at: now + keptMs });
}
