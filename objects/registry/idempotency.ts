import { newCallName } from "./random.ts";
import { deleteAnswer, deleteEndedAnswers, findAnswer, writeAnswer } from "./rows/answers.ts";

/**
 * What a repeated POST finds (semantics §11): nothing, and then the call is the caller's to carry out; somebody else at it
 * this moment; another body under its key; or the answer it got.
 */
export type Reserved = {
  hit: "none" | "busy" | "conflict" | "same";
  answer: string | null;
  /**
   * Where it is the caller's to carry out: 22 letters and digits that whatever it makes is called after. Whoever carries a call
   * out again, because the one before was killed, has the same, and so finds what that one had made instead of making another.
   */
  makes?: string;
};
type Call = { key: string; fingerprint: string; now: number };

/** How long an answer is given again. */
const keptMs = 86_400_000;
/** How long a call may take before another takes its place: the longest of them is a few round trips, so it was killed. */
const reservedMs = 10_000;
/** Stands for the answer of a call under way, and is nothing that an answer could be. `until` is epoch ms. */
const underWay = (makes: string, until: number): string => `under way ${makes} ${until}`;
const pattern = /^under way (?<makes>\S{22}) (?<until>\d+)$/u;

/** Who is at it; null for an answer. One from before calls had names is over when its row is. */
function takenBy(answer: string): { makes: string; until: number } | null {
  if (answer === "") return { makes: newCallName(), until: Infinity };
  const { makes, until } = pattern.exec(answer)?.groups ?? {};
  return makes === undefined ? null : { makes, until: Number(until) };
}

/** Looks the key up and takes it where it is free, in the caller's transaction, so that of two calls at once one is carried out. */
export function reserve(sql: SqlStorage, { key, fingerprint, now }: Call): Reserved {
  deleteEndedAnswers(sql, now);
  const stored = findAnswer(sql, key);
  const taken = stored === null ? null : takenBy(stored.answer);
  const isOther = stored !== null && stored.fingerprint !== fingerprint;
  const isFree = stored === null || (taken !== null && now >= taken.until);
  if (!isFree && isOther) return { hit: "conflict", answer: null };
  if (!isFree) return taken === null ? { hit: "same", answer: stored.answer } : { hit: "busy", answer: null };
  // Another body makes other things.
  const makes = taken === null || isOther ? newCallName() : taken.makes;
  writeAnswer(sql, key, { fingerprint, answer: underWay(makes, now + reservedMs), ends_at: now + keptMs });
  return { hit: "none", answer: null, makes };
}

/** Keeps an answer for a day. The first one of a key stays, so that whoever asks again always gets the same. */
export function remember(
  sql: SqlStorage,
  { key, fingerprint, answer, now }: Call & { answer: string },
): void {
  deleteEndedAnswers(sql, now);
  const stored = findAnswer(sql, key);
  if (stored !== null && takenBy(stored.answer) === null) return;
  writeAnswer(sql, key, { fingerprint, answer, ends_at: now + keptMs });
}

/** Gives up a key whose call was refused: what was refused may be sent again, also with another body. */
export function release(sql: SqlStorage, key: string): void {
  const stored = findAnswer(sql, key);
  if (stored !== null && takenBy(stored.answer) !== null) deleteAnswer(sql, key);
}
