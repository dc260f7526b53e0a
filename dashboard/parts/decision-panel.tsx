import type { JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { waitsFor } from "../../core/reader.ts";
import { ActionView, type VoteDecision } from "../../schemas/action.ts";
import type { Card } from "../../schemas/card.ts";
import type { SessionView } from "../../schemas/session.ts";
import { call, wordsOf } from "../api.ts";
import { useDraft } from "../draft.ts";
import { useKeys } from "../keyboard.ts";
import { demandFresh } from "../session.ts";
import type { Shown } from "../use-action.ts";

/** Begins a denial's reason that asks for more to go by; such denials are counted apart. */
const missingContext = "Missing context: ";

type Part = { shown: Shown; me: SessionView; reload: () => Promise<void> };

/** Approve and deny, with what will happen said beside them. */
export function DecisionPanel({ shown, me, reload }: Part): JSX.Element {
  const { card, action } = shown;
  const [reason, setReason] = useDraft(`reason:${card.id}`);
  const [typed, setTyped] = useDraft(`target:${card.id}`);
  const field = useRef<HTMLTextAreaElement>(null);
  const faultId = useId();
  const mayApprove = waitsFor(action, me);
  const target = card.facts.find(({ label }) => label === "Target")?.lines[0] ?? "";
  const { cast, fault, busy } = useVote(card, reload);
  useKeys({ d: () => field.current?.focus() });
  const decide = async (decision: VoteDecision): Promise<void> => {
    const wrong = wrongWith(decision, { card, reason, typed, target });
    if (wrong !== null && decision === "deny") field.current?.focus();
    if (!(await cast(decision, reason.trim(), wrong))) return;
    setReason("");
    setTyped("");
  };
  return (
    <form class="panel" aria-label="Your decision" onSubmit={(event) => event.preventDefault()}>
      <p class="consequence">{consequence(card, mayApprove)}</p>
      <Reason reason={reason} setReason={setReason} field={field} describedBy={faultId} />
      {mayApprove && card.risk === "critical" && (
        <TypedTarget target={target} typed={typed} setTyped={setTyped} />
      )}
      <p class="fault" role="alert" id={faultId}>
        {fault}
      </p>
      <Buttons
        mine={card.votes.find(({ person }) => person === me.person)?.decision ?? "withdraw"}
        mayApprove={mayApprove}
        busy={busy}
        decide={(decision) => void decide(decision)}
      />
    </form>
  );
}

/** What one has not said already. */
function Buttons({
  mine,
  mayApprove,
  busy,
  decide,
}: {
  mine: VoteDecision;
  mayApprove: boolean;
  busy: boolean;
  decide: (decision: VoteDecision) => void;
}): JSX.Element {
  const approve = useRef<HTMLButtonElement>(null);
  useKeys({ a: () => approve.current?.focus() });
  return (
    <p class="buttons">
      {mayApprove && mine !== "approve" && (
        <button ref={approve} type="button" class="yes" disabled={busy} onClick={() => decide("approve")}>
          Approve
        </button>
      )}
      {mine !== "deny" && (
        <button type="button" class="no" disabled={busy} onClick={() => decide("deny")}>
          Deny
        </button>
      )}
      {mine !== "withdraw" && (
        <button type="button" disabled={busy} onClick={() => decide("withdraw")}>
          Withdraw my {mine === "approve" ? "approval" : "denial"}
        </button>
      )}
    </p>
  );
}

/** Sends a vote on the digest that is shown, unless something is `wrong` with it; `cast` says whether it was taken. */
function useVote(
  card: Card,
  reload: () => Promise<void>,
): {
  fault: string | null;
  busy: boolean;
  cast: (decision: VoteDecision, reason: string, wrong: string | null) => Promise<boolean>;
} {
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const cast = async (decision: VoteDecision, reason: string, wrong: string | null): Promise<boolean> => {
    setFault(wrong);
    if (wrong !== null) return false;
    if (decision !== "withdraw" && card.risk === "critical" && !demandFresh()) return false;
    setBusy(true);
    try {
      const body = { decision, digest: card.digest, reason: reason === "" ? null : reason };
      await call(ActionView, `/v1/actions/${card.id}/votes`, { method: "POST", body });
      await reload();
      return true;
    } catch (error) {
      setFault(wordsOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { fault, busy, cast };
}

function Reason({
  reason,
  setReason,
  field,
  describedBy,
}: {
  reason: string;
  setReason: (text: string) => void;
  field: { current: HTMLTextAreaElement | null };
  describedBy: string;
}): JSX.Element {
  const id = useId();
  return (
    <div class="reason">
      <label for={id}>Reason (needed to deny)</label>
      <textarea
        id={id}
        ref={field}
        rows={1}
        maxLength={4_000}
        value={reason}
        aria-describedby={describedBy}
        onInput={({ currentTarget }) => setReason(currentTarget.value)}
      />
      {reason === "" && (
        <button
          type="button"
          class="link"
          onClick={() => {
            setReason(missingContext);
            field.current?.focus();
          }}
        >
          Context is missing
        </button>
      )}
    </div>
  );
}

function TypedTarget({
  target,
  typed,
  setTyped,
}: {
  target: string;
  typed: string;
  setTyped: (text: string) => void;
}): JSX.Element {
  const id = useId();
  return (
    <div class="typed">
      <label for={id}>
        Critical: type its target, <bdi>{target}</bdi>, to approve
      </label>
      <input
        id={id}
        value={typed}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
      />
    </div>
  );
}

function wrongWith(
  decision: VoteDecision,
  { card, reason, typed, target }: { card: Card; reason: string; typed: string; target: string },
): string | null {
  if (decision === "deny" && [missingContext.trim(), ""].includes(reason.trim())) {
    return "Say why: the agent is told.";
  }
  if (decision === "approve" && card.risk === "critical" && typed.trim() !== target) {
    return `Type ${target} to approve this.`;
  }
  return null;
}

/** What an approval does, in a sentence. The engine alone decides; this only says what to expect. */
function consequence({ seats, requester }: Card, mayApprove: boolean): string {
  if (!mayApprove) return "None of its seats is yours. A denial of somebody without a seat may not count.";
  const open = seats.reduce((sum, { n, filled }) => sum + Math.max(0, n - filled), 0);
  const told = "If you deny, the agent is told no, with your reason.";
  if (open > 1) return `After your approval it waits for ${open - 1} more. ${told}`;
  if (requester.kind !== "agent") return "If you approve, the engine makes exactly this change, at once.";
  return `If you approve, ${requester.id} may run exactly this, once. ${told}`;
}
