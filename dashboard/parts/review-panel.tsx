import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { ActionView } from "../../schemas/action.ts";
import type { ReviewVerdict } from "../../schemas/break-glass.ts";
import type { Card } from "../../schemas/card.ts";
import { call, wordsOf } from "../api.ts";
import { useDraft } from "../draft.ts";

/** What was said when the glass was broken, and what somebody else has found since. */
export function BrokenGlass({ card: { breakGlass } }: { card: Card }): JSX.Element | null {
  if (breakGlass === null) return null;
  const { by, incident, reason, review } = breakGlass;
  return (
    <section class="broken" aria-labelledby="broken">
      <h2 id="broken">Glass broken for {incident}</h2>
      <p>
        {by}: <q>{reason}</q>
      </p>
      {review !== null && (
        <p>
          {review.by} found that {review.verdict}: <q>{review.note}</q>
        </p>
      )}
    </section>
  );
}

/** For somebody else than who broke it: whether it was justified. It changes nothing that has been done. */
export function ReviewPanel({ card, reload }: { card: Card; reload: () => Promise<void> }): JSX.Element {
  const [note, setNote] = useDraft(`review:${card.id}`);
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [id, faultId] = [useId(), useId()];
  const send = async (verdict: ReviewVerdict): Promise<void> => {
    if (note.trim() === "") {
      setFault("Say what you have found: it is kept with the action.");
      return;
    }
    setBusy(true);
    try {
      const body = { verdict, note: note.trim() };
      await call(ActionView, `/v1/actions/${card.id}/break-glass/review`, { method: "POST", body });
      setNote("");
      setFault(null);
      await reload();
    } catch (error) {
      setFault(wordsOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="panel" aria-label="Review" onSubmit={(event) => event.preventDefault()}>
      <p class="consequence">
        Your verdict closes the review. It changes nothing that has been done, and everybody who was told
        hears it.
      </p>
      <label for={id}>What you have found</label>
      <textarea
        id={id}
        rows={2}
        maxLength={4_000}
        value={note}
        aria-describedby={faultId}
        onInput={({ currentTarget }) => setNote(currentTarget.value)}
      />
      <p class="fault" role="alert" id={faultId}>
        {fault}
      </p>
      <p class="buttons">
        <button type="button" class="yes" disabled={busy} onClick={() => void send("justified")}>
          It was justified
        </button>
        <button type="button" class="no" disabled={busy} onClick={() => void send("unjustified")}>
          It was not justified
        </button>
      </p>
    </form>
  );
}
