import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { visible } from "../../core/card/visible.ts";
import { useKeys } from "../keyboard.ts";
import { AgentSays, Facts } from "../parts/facts.tsx";
import { GlassPanel } from "../parts/glass-panel.tsx";
import { BrokenGlass, ReviewPanel } from "../parts/review-panel.tsx";
import { DecisionPanel } from "../parts/decision-panel.tsx";
import { Evidence } from "../parts/evidence.tsx";
import { Left, RiskMark, Seats } from "../parts/marks.tsx";
import { Payload } from "../parts/payload.tsx";
import { StopPanel } from "../parts/stop-panel.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { go } from "../route.ts";
import { session } from "../session.ts";
import { useStore } from "../store.ts";
import { useAction, type Shown } from "../use-action.ts";
import { useGlass } from "../use-glass.ts";
import type { SessionView } from "../../schemas/session.ts";

/** One action: what will run, who decides, and what has happened. */
export function ActionPage({ id }: { id: string }): JSX.Element | null {
  const state = useStore(session);
  const { shown, fault, missing, reload } = useAction(id);
  useKeys({ Escape: () => go("/") });
  useEffect(() => {
    if (shown !== null) document.title = `${shown.card.title} · Holdpoint`;
  }, [shown]);
  if (state.kind !== "in") return null;
  if (missing) {
    return (
      <section class="empty">
        <h1>There is no such action here</h1>
        <p>
          <a href="/">To the queue</a>
        </p>
      </section>
    );
  }
  return (
    <>
      {fault !== null && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {shown === null ? (
        <p class="asking">Loading…</p>
      ) : (
        <Whole shown={shown} me={state.session} reload={reload} />
      )}
    </>
  );
}

type Part = { shown: Shown; me: SessionView; reload: () => Promise<void> };

function Whole({ shown, me, reload }: Part): JSX.Element {
  const { card, action, events } = shown;
  const terms = useGlass(shown);
  return (
    <article class="action">
      <header class="heading">
        <p class="back">
          <a href="/">Queue</a>
        </p>
        <h1>
          <RiskMark risk={card.risk} /> <span class="title">{card.title}</span>
        </h1>
        <p role="status" class={`state ${card.state}`}>
          {card.status}
        </p>
      </header>
      <section class="card" aria-label="What will run">
        <Facts card={card} />
      </section>
      <aside class="decide" aria-label="Decision">
        <Standing shown={shown} />
        {card.open.vote && <DecisionPanel shown={shown} me={me} reload={reload} />}
        {(card.open.revoke || card.open.rollback) && <StopPanel shown={shown} me={me} reload={reload} />}
      </aside>
      <div class="rest">
        <BrokenGlass card={card} />
        {terms?.mayReview.allowed === true && <ReviewPanel card={card} reload={reload} />}
        <AgentSays
          lines={card.agentSays}
          who={card.requester.kind === "agent" ? "The agent" : card.requester.id}
        />
        {terms?.mayBreak.allowed === true && <GlassPanel shown={shown} terms={terms} reload={reload} />}
        <Payload action={action} />
        <Timeline events={events} />
        <Evidence id={card.id} />
      </div>
    </article>
  );
}

/** Seats, votes and clocks. */
function Standing({ shown: { card } }: { shown: Shown }): JSX.Element {
  return (
    <div class="standing">
      <Seats seats={card.seats} />
      {card.votes.length > 0 && (
        <ul class="votes">
          {card.votes.map(({ person, decision, reason, counts, via }) => (
            <li key={person}>
              <strong>{visible(person)}</strong> {said[decision]}, via {via}
              {!counts && decision !== "withdraw" && " (does not count)"}
              {reason !== null && <q>{reason}</q>}
            </li>
          ))}
        </ul>
      )}
      {card.clocks.map(({ what, at }) => (
        <p key={what} class="clock">
          {what}: <Left until={at} />
        </p>
      ))}
    </div>
  );
}

const said = { approve: "approved", deny: "denied", withdraw: "withdrew" } as const;
