import type { ComponentChildren, JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { visible } from "../../core/card/visible.ts";
import { ActionView } from "../../schemas/action.ts";
import { glassReasonLength, type BreakGlassTerms } from "../../schemas/break-glass.ts";
import { call, wordsOf } from "../api.ts";
import { formatMs } from "../clock.ts";
import { useDraft } from "../draft.ts";
import { demandFresh } from "../session.ts";
import type { Shown } from "../use-action.ts";

type Part = { shown: Shown; terms: BreakGlassTerms; reload: () => Promise<void> };

/** Approving alone in an emergency. Closed until somebody opens it, and only there for those who have the right. */
export function GlassPanel(part: Part): JSX.Element {
  return (
    <details class="glass">
      <summary>Break the glass…</summary>
      <GlassForm {...part} />
    </details>
  );
}

type Fields = { reason: string; incident: string; typed: string };
type Wrong = { field: keyof Fields; what: string };

/** The first thing that is missing, in the order of the fields. */
function wrongWith({ reason, incident, typed }: Fields, target: string): Wrong | null {
  if (reason.trim().length < glassReasonLength) {
    return { field: "reason", what: `Say in at least ${glassReasonLength} characters why it cannot wait.` };
  }
  if (incident.trim() === "") return { field: "incident", what: "Name the incident that it is for." };
  return typed.trim() === target ? null : { field: "typed", what: `Type ${target} to break the glass.` };
}

function GlassForm({ shown, terms, reload }: Part): JSX.Element {
  const { card } = shown;
  const [reason, setReason] = useDraft(`glass:${card.id}`);
  const [incident, setIncident] = useDraft(`incident:${card.id}`);
  const [typed, setTyped] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const faultId = useId();
  const target = card.facts.find(({ label }) => label === "Target")?.lines[0] ?? "";
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wrong = wrongWith({ reason, incident, typed }, target);
    setFault(wrong?.what ?? null);
    if (wrong !== null) {
      const named = form.current?.elements.namedItem(wrong.field);
      if (named instanceof HTMLElement) named.focus();
      return;
    }
    if (!demandFresh()) return;
    setBusy(true);
    try {
      const body = { digest: card.digest, reason: reason.trim(), incident: incident.trim(), confirm: true };
      await call(ActionView, `/v1/actions/${card.id}/break-glass`, { method: "POST", body });
      setReason("");
      setIncident("");
      await reload();
    } catch (error) {
      setFault(wordsOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form ref={form} class="panel" aria-label="Break the glass" onSubmit={(event) => void send(event)}>
      <Consequences terms={terms} requester={card.requester.id} />
      <GlassReason value={reason} set={setReason} faultId={faultId} />
      <Field name="incident" label="Incident, such as INC-1042" value={incident} set={setIncident} />
      <Field name="typed" value={typed} set={setTyped}>
        Type its target, <bdi>{target}</bdi>, to confirm
      </Field>
      <p class="fault" role="alert" id={faultId}>
        {fault}
      </p>
      <p class="buttons">
        <button type="submit" class="no" disabled={busy}>
          Break the glass
        </button>
      </p>
    </form>
  );
}

/** What will happen, whom it goes round, who is told, and what one owes for it. */
function Consequences({ terms, requester }: { terms: BreakGlassTerms; requester: string }): JSX.Element {
  const { skips, tells, reviewDueMs } = terms;
  const seats = skips.map(({ seat, missing }) => `${missing} for ${visible(seat)}`).join(", ");
  const due = reviewDueMs === null ? "in time" : `within ${formatMs(reviewDueMs)}`;
  return (
    <ul class="consequences">
      <li>
        It is approved at once, by you alone: {visible(requester)} may run exactly this, once. Nothing else is
        skipped.
      </li>
      <li>Skipped: {seats === "" ? "the second person" : seats}.</li>
      <li>Told at once: {tells.length === 0 ? "the contract's channels" : tells.map(visible).join(", ")}.</li>
      <li>Somebody else must review it {due}, or you cannot do this again. It stays in the log.</li>
    </ul>
  );
}

function GlassReason({
  value,
  set,
  faultId,
}: {
  value: string;
  set: (text: string) => void;
  faultId: string;
}): JSX.Element {
  const [id, countId] = [useId(), useId()];
  const left = glassReasonLength - value.trim().length;
  return (
    <div class="reason">
      <label for={id}>Why it cannot wait</label>
      <span id={countId} class="count">
        {left > 0 ? `${left} more characters` : "long enough"}
      </span>
      <textarea
        id={id}
        name="reason"
        rows={2}
        maxLength={4_000}
        value={value}
        aria-describedby={`${countId} ${faultId}`}
        onInput={({ currentTarget }) => set(currentTarget.value)}
      />
    </div>
  );
}

function Field({
  name,
  label,
  value,
  set,
  children,
}: {
  name: string;
  label?: string;
  value: string;
  set: (text: string) => void;
  children?: ComponentChildren;
}): JSX.Element {
  const id = useId();
  return (
    <div class="typed">
      <label for={id}>{label ?? children}</label>
      <input
        id={id}
        name={name}
        value={value}
        maxLength={128}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => set(currentTarget.value)}
      />
    </div>
  );
}
