import * as v from "valibot";
import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Card } from "../../schemas/card.ts";
import { call, wordsOf } from "../api.ts";
import { useDraft } from "../draft.ts";
import type { Decision } from "../views/queue.tsx";
import { Dialog } from "./dialog.tsx";
import { Facts } from "./facts.tsx";
import { RiskMark } from "./marks.tsx";

const Verdicts = v.object({
  items: v.array(
    v.object({
      status: v.number(),
      action: v.optional(v.object({ state: v.string() })),
      problem: v.optional(v.object({ detail: v.string() })),
    }),
  ),
});
type Verdict = { said: string; ok: boolean };

/** Cards asked for at once. */
const atOnce = 6;

/** `close` hears whether something was decided. */
type Part = { decision: Decision; ids: readonly string[]; close: (done: boolean) => void };

/**
 * One decision on several actions. Every one is shown with all its facts, and each gets a verdict of its own. What is critical is
 * approved on its own page only, by typing its target.
 */
export function BatchDialog({ decision, ids, close }: Part): JSX.Element {
  const { cards, fault } = useCards(ids);
  const loaded = cards.filter((card) => card !== null);
  const eligible = loaded.filter(
    ({ open, risk }) => open.vote && (decision === "deny" || risk !== "critical"),
  );
  const { verdicts, wrong, send } = useVerdicts(decision, eligible);
  const word = decision === "approve" ? "Approve" : "Deny";
  const done = verdicts !== null;
  const [reason, setReason] = useDraft("batch-reason");
  const end = (): void => {
    setReason("");
    close(done);
  };
  return (
    <Dialog title={`${word} ${ids.length === 1 ? "one action" : `${ids.length} actions`}`} close={end}>
      <ul class="batch-cards">
        {loaded.map((card) => (
          <li key={card.id}>
            <BatchCard card={card} decision={decision} verdict={verdicts?.get(card.id) ?? null} />
          </li>
        ))}
      </ul>
      {loaded.length < ids.length && fault === null && <p>Loading…</p>}
      {(wrong ?? fault) !== null && (
        <p class="fault" role="alert">
          {wrong ?? fault}
        </p>
      )}
      {done ? (
        <p class="buttons">
          <button type="button" onClick={end}>
            Close
          </button>
        </p>
      ) : (
        <BatchForm
          decision={decision}
          text={`${word} ${eligible.length}`}
          ready={loaded.length === ids.length && eligible.length > 0}
          reason={reason}
          setReason={setReason}
          send={() => void send(reason.trim())}
          close={end}
        />
      )}
    </Dialog>
  );
}

function BatchForm({
  decision,
  text,
  ready,
  reason,
  setReason,
  send,
  close,
}: {
  decision: Decision;
  text: string;
  ready: boolean;
  reason: string;
  setReason: (reason: string) => void;
  send: () => void;
  close: () => void;
}): JSX.Element {
  const field = useId();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label for={field}>
        {decision === "deny" ? "Reason, which the agents are told" : "Reason (may be left out)"}
      </label>
      <textarea
        id={field}
        rows={2}
        maxLength={4_000}
        value={reason}
        onInput={({ currentTarget }) => setReason(currentTarget.value)}
      />
      <p class="buttons">
        <button type="submit" class={decision === "approve" ? "yes" : "no"} disabled={!ready}>
          {text}
        </button>
        <button type="button" onClick={close}>
          Not now
        </button>
      </p>
    </form>
  );
}

/** Sends one vote for each card, on the digest that was shown. The same key however often it is sent, so each counts once. */
function useVerdicts(
  decision: Decision,
  cards: readonly Card[],
): {
  verdicts: ReadonlyMap<string, Verdict> | null;
  wrong: string | null;
  send: (reason: string) => Promise<void>;
} {
  const [verdicts, setVerdicts] = useState<ReadonlyMap<string, Verdict> | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const key = useRef(crypto.randomUUID());
  const send = async (reason: string): Promise<void> => {
    if (decision === "deny" && reason === "") {
      setWrong("Say why: the agents are told.");
      return;
    }
    const items = cards.map(({ id, digest }) => ({
      action: id,
      decision,
      digest,
      reason: reason === "" ? null : reason,
    }));
    try {
      const answer = await call(Verdicts, "/v1/votes/batch", {
        method: "POST",
        body: { items },
        idempotencyKey: key.current,
      });
      setVerdicts(new Map(cards.map(({ id }, index) => [id, verdictOf(answer.items[index])])));
      setWrong(null);
    } catch (error) {
      setWrong(wordsOf(error));
    }
  };
  return { verdicts, wrong, send };
}

function BatchCard({
  card,
  decision,
  verdict,
}: {
  card: Card;
  decision: Decision;
  verdict: Verdict | null;
}): JSX.Element {
  const apart = decision === "approve" && card.risk === "critical";
  return (
    <article>
      <h3>
        <RiskMark risk={card.risk} /> <a href={`/actions/${card.id}`}>{card.title}</a>
      </h3>
      {apart && <p class="warning">Critical: approve it on its own page. It is left out here.</p>}
      {!card.open.vote && verdict === null && <p class="warning">{card.status}: it is left out here.</p>}
      {verdict !== null && (
        <p class={verdict.ok ? "done" : "fault"} role="status">
          {verdict.said}
        </p>
      )}
      {verdict === null && <Facts card={card} />}
    </article>
  );
}

function verdictOf(item: v.InferOutput<typeof Verdicts>["items"][number] | undefined): Verdict {
  if (item?.action !== undefined) return { ok: true, said: `Done: it is ${item.action.state} now.` };
  return { ok: false, said: item?.problem?.detail ?? "The engine gave no verdict on it." };
}

function useCards(ids: readonly string[]): { cards: readonly (Card | null)[]; fault: string | null } {
  const [cards, setCards] = useState<readonly (Card | null)[]>(() => ids.map(() => null));
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    const left = ids.entries();
    const run = async (): Promise<void> => {
      for (const [index, id] of left) {
        const card = await call(Card, `/v1/actions/${id}/card`, { signal: ended.signal });
        setCards((before) => before.with(index, card));
      }
    };
    Promise.all(Array.from({ length: atOnce }, run)).catch((error: unknown) => {
      if (!ended.signal.aborted) setFault(wordsOf(error));
    });
    return () => ended.abort();
  }, []);
  return { cards, fault };
}
