import * as v from "valibot";
import { useCallback, useEffect, useState } from "preact/hooks";
import { ActionView, EventView } from "../schemas/action.ts";
import { Card } from "../schemas/card.ts";
import { call, Refused, wordsOf } from "./api.ts";
import { session } from "./session.ts";

const Events = v.object({ items: v.array(EventView) });

/** One action as it is, at one moment. */
export type Shown = { card: Card; action: ActionView; events: readonly EventView[] };
export type ActionData = { shown: Shown | null; fault: string | null; missing: boolean };

/** How long one question is held open while nothing changes, in seconds. */
const waitSeconds = 25;
const retryMs = 1_500;

/** The action, loaded anew the moment it changes. `reload` is for whoever has just changed it. */
export function useAction(id: string): ActionData & { reload: () => Promise<void> } {
  const [data, setData] = useState<ActionData>({ shown: null, fault: null, missing: false });
  const path = `/v1/actions/${id}`;
  const load = useCallback(
    async (signal?: AbortSignal): Promise<number> => {
      const init = signal === undefined ? {} : { signal };
      const [card, action, log] = await Promise.all([
        call(Card, `${path}/card`, init),
        call(ActionView, path, init),
        call(Events, `${path}/events`, init).then(({ items }) => items, faultOf),
      ]);
      setData(({ shown }) => {
        const events = typeof log === "string" ? (shown?.events ?? []) : log;
        return {
          // Of two answers that crossed, the later state stays.
          shown: shown !== null && shown.action.seq > action.seq ? shown : { card, action, events },
          fault: typeof log === "string" ? log : null,
          missing: false,
        };
      });
      return action.seq;
    },
    [path],
  );
  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    const follow = async (): Promise<void> => {
      for (let seq = await load(signal); !signal.aborted;) {
        const next = await call(ActionView, `${path}?wait=${waitSeconds}&afterSeq=${seq}`, { signal });
        if (next.seq > seq) seq = await load(signal);
      }
    };
    void keepTrying(follow, signal, setData);
    void sayThatSeen(path);
    return () => ended.abort();
  }, [load]);
  return { ...data, reload: async () => void (await load()) };
}

/** While nobody can be written down as its reader the log is not shown, and whoever has to decide still can. */
function faultOf(error: unknown): string {
  if (error instanceof Refused && error.problem.code === "log_unavailable") return wordsOf(error);
  throw error;
}

/** Somebody looks at it: part of how long people take, and nothing more. Not for a page that was opened out of sight. */
async function sayThatSeen(path: string): Promise<void> {
  if (document.visibilityState !== "visible") return;
  await call(v.object({ seen: v.boolean() }), `${path}/seen`, { method: "POST", body: {} }).catch(
    () => undefined,
  );
}

/** Runs until it is ended; a failure is told and tried again, a session that has ended is waited for. */
async function keepTrying(
  follow: () => Promise<void>,
  signal: AbortSignal,
  setData: (change: (before: ActionData) => ActionData) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await follow();
    } catch (error) {
      if (signal.aborted) return;
      const missing = error instanceof Refused && error.problem.status === 404;
      setData((before) => ({ ...before, fault: missing ? null : wordsOf(error), missing }));
      if (missing) return;
      if (error instanceof Refused && error.problem.status === 401) await nextSession();
      else await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

function nextSession(): Promise<void> {
  return new Promise((resolve) => {
    const stop = session.listen(() => {
      stop();
      resolve();
    });
  });
}
