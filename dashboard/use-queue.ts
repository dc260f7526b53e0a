import { useEffect, useRef, useState } from "preact/hooks";
import type { ActionSummary } from "../schemas/action.ts";
import { call, wordsOf } from "./api.ts";
import { listenToFeed } from "./feed.ts";
import { fits, QueueAnswer, searchOf, type Filters } from "./queue-list.ts";
import { session } from "./session.ts";

export type QueueData = {
  /** By id; null before the first answer. */
  summaries: ReadonlyMap<string, ActionSummary> | null;
  /** All that are pending, those the page does not hold too. */
  pending: number;
  fault: string | null;
};

const empty: QueueData = { summaries: null, pending: 0, fault: null };
/** A burst of news is one answer of the engine's, not one each. */
const gatherMs = 300;

/** What is pending, loaded once and then kept up by the Board's stream. */
export function useQueue(filters: Filters): QueueData {
  const [data, setData] = useState<QueueData>(empty);
  const search = searchOf({ ...filters, mine: false }).toString();
  const current = useRef(filters);
  current.current = filters;
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async (): Promise<void> => {
      try {
        const answer = await call(QueueAnswer, `/v1/queue?${search}`, { signal: ended.signal });
        const summaries = new Map(answer.items.map((summary) => [summary.id, summary]));
        setData({ summaries, pending: answer.counts.byState["pending"] ?? 0, fault: null });
      } catch (error) {
        if (ended.signal.aborted) return;
        setData((before) => ({ ...before, fault: wordsOf(error) }));
        later(3_000);
      }
    };
    const later = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => void load(), ms);
    };
    void load();
    const stop = listenToFeed({
      changed: (summary) => {
        setData((before) => after(before, summary, current.current));
        later(gatherMs);
      },
      missed: () => later(0),
    });
    const stopSession = session.listen(() => later(0));
    return () => {
      ended.abort();
      clearTimeout(timer);
      stop();
      stopSession();
    };
  }, [search]);
  return data;
}

/** The change itself is shown at once; the engine's answer that follows puts the counts right. */
function after(before: QueueData, summary: ActionSummary, filters: Filters): QueueData {
  if (before.summaries === null) return before;
  const known = before.summaries.get(summary.id);
  if (known !== undefined && known.seq > summary.seq) return before;
  const summaries = new Map(before.summaries);
  if (fits(summary, filters)) summaries.set(summary.id, summary);
  else summaries.delete(summary.id);
  return { ...before, summaries };
}
