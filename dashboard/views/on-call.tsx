import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Figures, metricsWindows, type MetricsWindow } from "../../schemas/metrics.ts";
import { call, wordsOf } from "../api.ts";
import { formatMs } from "../clock.ts";
import { listenToFeed } from "../feed.ts";
import { DeadLetters } from "../parts/dead-letters.tsx";
import { EvidenceTables } from "../parts/evidence-figures.tsx";
import { RateTable } from "../parts/rates.tsx";
import { QueueTime } from "../parts/queue-time.tsx";
import { place, refine } from "../route.ts";
import { useStore } from "../store.ts";

/** How often the figures are asked for while nothing is heard; news brings them within `soonMs`. */
const everyMs = 15_000;
const soonMs = 1_000;

/** The queue as those who keep it see it: how much, how long, who, and what was not delivered. */
export function OnCall(): JSX.Element {
  const { search } = useStore(place);
  const window = metricsWindows.find((one) => one === search.get("window")) ?? "24h";
  const { figures, fault } = useFigures(window);
  useEffect(() => {
    document.title = "On-call · Holdpoint";
  }, []);
  return (
    <div class="on-call">
      <header class="heading">
        <h1>On-call</h1>
        <div class="windows" role="group" aria-label="Window">
          {metricsWindows.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === window}
              onClick={() => refine(new URLSearchParams({ window: one }))}
            >
              {one}
            </button>
          ))}
        </div>
      </header>
      {fault !== null && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {figures === null ? (
        fault === null && <p class="asking">Loading…</p>
      ) : (
        <>
          <Headline figures={figures} />
          <PendingTables figures={figures} />
          <QueueTime figures={figures} />
          <RateTable rates={figures.rates} />
          <Reviewers figures={figures} />
          {figures.evidence !== undefined && <EvidenceTables figures={figures.evidence} />}
          <DeadLetters count={figures.deadLetters} />
        </>
      )}
    </div>
  );
}

function useFigures(window: MetricsWindow): { figures: Figures | null; fault: string | null } {
  const [state, setState] = useState<{ figures: Figures | null; fault: string | null }>({
    figures: null,
    fault: null,
  });
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let due = Infinity;
    const at = (ms: number): void => {
      if (Date.now() + ms >= due) return;
      due = Date.now() + ms;
      clearTimeout(timer);
      timer = setTimeout(() => void load(), ms);
    };
    const load = async (): Promise<void> => {
      due = Infinity;
      try {
        const figures = await call(Figures, `/v1/metrics?window=${window}`, { signal: ended.signal });
        setState({ figures, fault: null });
      } catch (error) {
        if (ended.signal.aborted) return;
        setState((before) => ({ ...before, fault: wordsOf(error) }));
      }
      at(everyMs);
    };
    void load();
    const stop = listenToFeed({ changed: () => at(soonMs), missed: () => at(0) });
    return () => {
      ended.abort();
      clearTimeout(timer);
      stop();
    };
  }, [window]);
  return state;
}

const shareText = ({ count, of }: { count: number; of: number }): string => `${count} of ${of}`;

function Headline({ figures }: { figures: Figures }): JSX.Element {
  const { pending, requested, decided, expired, escalated, underFiveSeconds, missingContext } = figures;
  const rows: [string, ComponentChildren][] = [
    ["Pending", pending.count],
    ["Oldest", pending.oldestMs === null ? "–" : formatMs(pending.oldestMs)],
    ["Requested", requested],
    ["Approved", decided.approved],
    ["Denied", decided.denied],
    ["Expired", expired.pending + expired.approved],
    ["Escalated", escalated],
    ["Decided in under 5 s", shareText(underFiveSeconds)],
    ["Denied for missing context", shareText(missingContext)],
  ];
  return (
    <dl class="figures">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function PendingTables({ figures: { pending } }: { figures: Figures }): JSX.Element {
  const tables = [
    { what: "type", rows: pending.byType },
    { what: "risk", rows: pending.byRisk },
    { what: "group", rows: pending.byGroup },
  ];
  return (
    <section aria-labelledby="pending">
      <h2 id="pending">Pending</h2>
      <div class="columns">
        {tables.map(({ what, rows }) => (
          <table key={what}>
            <caption class="hidden">Pending by {what}</caption>
            <thead>
              <tr>
                <th scope="col">By {what}</th>
                <th scope="col">Pending</th>
                <th scope="col">Oldest</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ name, count, oldestMs }) => (
                <tr key={name}>
                  <th scope="row">
                    <a href={`/?${what}=${encodeURIComponent(name)}`}>{name}</a>
                  </th>
                  <td>{count}</td>
                  <td>{formatMs(oldestMs)}</td>
                </tr>
              ))}
              {rows.length === 0 && (
                <tr>
                  <td colSpan={3}>Nothing is pending.</td>
                </tr>
              )}
            </tbody>
          </table>
        ))}
      </div>
    </section>
  );
}

function Reviewers({ figures: { reviewers } }: { figures: Figures }): JSX.Element | null {
  if (reviewers.length === 0) return null;
  return (
    <section aria-labelledby="reviewers">
      <h2 id="reviewers">Reviewers</h2>
      <div class="table-scroll" tabIndex={0} role="region" aria-labelledby="reviewers">
        <table>
          <thead>
            <tr>
              <th scope="col">Person</th>
              <th scope="col">Decisions</th>
              <th scope="col">Approved</th>
              <th scope="col">Denied</th>
              <th scope="col">In review</th>
              <th scope="col">Median</th>
            </tr>
          </thead>
          <tbody>
            {reviewers.map(({ person, decisions, approved, denied, review }) => (
              <tr key={person}>
                <th scope="row">{person.slice("person:".length)}</th>
                <td>{decisions}</td>
                <td>{approved}</td>
                <td>{denied}</td>
                <td>{review.timed === 0 ? "–" : formatMs(review.totalMs)}</td>
                <td>{review.medianMs === null ? "–" : formatMs(review.medianMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
