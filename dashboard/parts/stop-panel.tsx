import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { ActionView } from "../../schemas/action.ts";
import type { SessionView } from "../../schemas/session.ts";
import { call, wordsOf } from "../api.ts";
import { useDraft } from "../draft.ts";
import type { Shown } from "../use-action.ts";

const ways = {
  revoke: {
    word: "Revoke the approval",
    what: "It ends here: nobody can claim it any more, and the agent is told why.",
  },
  rollback: {
    word: "Roll back",
    what: "An executor is asked to carry out the rollback that was agreed to, shown above. What was done is undone as far as that goes.",
  },
} as const;

/** Taking an approval back before it is used, or undoing what was done with it. */
export function StopPanel({
  shown,
  me,
  reload,
}: {
  shown: Shown;
  me: SessionView;
  reload: () => Promise<void>;
}): JSX.Element {
  const { card } = shown;
  const way = card.open.revoke ? "revoke" : "rollback";
  const { word, what } = ways[way];
  const [reason, setReason] = useDraft(`${way}:${card.id}`);
  const [fault, setFault] = useState<string | null>(null);
  const id = useId();
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (reason.trim() === "") {
      setFault("Say why: it is kept with the action.");
      return;
    }
    try {
      const body = { reason: reason.trim() };
      await call(ActionView, `/v1/actions/${card.id}/${way}`, { method: "POST", body });
      setReason("");
      setFault(null);
      await reload();
    } catch (error) {
      setFault(wordsOf(error));
    }
  };
  return (
    <form class="panel" aria-label={word} onSubmit={(event) => void send(event)}>
      <p class="consequence">
        {what} {mayStop(shown, me) ? "" : "It is for counted approvers, the agent's owner and operators."}
      </p>
      <label for={id}>Reason</label>
      <textarea
        id={id}
        rows={1}
        maxLength={4_000}
        value={reason}
        onInput={({ currentTarget }) => setReason(currentTarget.value)}
      />
      <p class="fault" role="alert">
        {fault}
      </p>
      <p class="buttons">
        <button type="submit" class="no">
          {word}
        </button>
      </p>
    </form>
  );
}

/** Only to say it beforehand; the engine decides. */
function mayStop({ card }: Shown, { person, operator }: SessionView): boolean {
  return (
    operator ||
    card.requester.owner === person ||
    card.votes.some((vote) => vote.person === person && vote.counts)
  );
}
