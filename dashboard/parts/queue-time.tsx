import type { JSX } from "preact";
import type { Figures, StageFigures } from "../../schemas/metrics.ts";
import { formatMs } from "../clock.ts";
import { Chart, type Drawn } from "./chart.tsx";

const stages = [
  ["notified", "Notified", "Notified"],
  ["seen", "First seen", "Seen"],
  ["firstVote", "First vote", "Vote"],
  ["decided", "Decided", "Decided"],
  ["claimed", "Claimed", "Claimed"],
  ["finished", "Finished", "Finished"],
] as const;

const percentiles = ["p50", "p95", "p99"] as const;

/** How long people and agents wait, at each step; what still waits counts in as long as it has lasted. */
export function QueueTime({ figures }: { figures: Figures }): JSX.Element {
  const { queueTime, window, complete } = figures;
  return (
    <section aria-labelledby="queue-time">
      <h2 id="queue-time">Queue time, last {window}</h2>
      {!complete && <p class="warning">There is more in this window than was looked at.</p>}
      <div class="table-scroll" tabIndex={0} role="region" aria-labelledby="queue-time">
        <table>
          <thead>
            <tr>
              <th scope="col">Until</th>
              {percentiles.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col">Reached</th>
              <th scope="col">Still waiting</th>
              <th scope="col">Never came</th>
            </tr>
          </thead>
          <tbody>
            {stages.map(([stage, name]) => (
              <StageRow key={stage} name={name} stage={queueTime[stage]} />
            ))}
          </tbody>
        </table>
      </div>
      <div class="columns">
        <figure class="chart">
          <Chart label={describeDecided(queueTime.decided)} drawn={histogram(queueTime.decided)} />
          <figcaption>Decided within this long, how many each</figcaption>
        </figure>
        <figure class="chart">
          <Chart
            label="p50, p95 and p99 of each step; the table has the numbers"
            drawn={byStage(queueTime)}
          />
          <figcaption>
            Each step, on a logarithmic scale:
            {percentiles.map((name) => (
              <span key={name} class={`series ${name}`}>
                {name}
              </span>
            ))}
          </figcaption>
        </figure>
      </div>
    </section>
  );
}

function StageRow({ name, stage }: { name: string; stage: StageFigures }): JSX.Element {
  return (
    <tr>
      <th scope="row">{name}</th>
      {percentiles.map((percentile) => {
        const estimate = stage[percentile];
        const text = estimate === null ? "–" : `${estimate.atLeast ? "≥ " : ""}${formatShort(estimate.ms)}`;
        return <td key={percentile}>{text}</td>;
      })}
      <td>{stage.reached}</td>
      <td>{stage.waiting}</td>
      <td>{stage.left}</td>
    </tr>
  );
}

/** Under ten seconds to the tenth. */
const formatShort = (ms: number): string => (ms < 10_000 ? `${(ms / 1_000).toFixed(1)}s` : formatMs(ms));

const bucketName = (leMs: number | null): string =>
  leMs === null ? "more" : formatMs(leMs).replace(/^(\d+\w).*$/u, "$1");

function describeDecided({ histogram: buckets }: StageFigures): string {
  return buckets.map(({ leMs, count }) => `${bucketName(leMs)}: ${count}`).join(", ");
}

/** The histogram is cumulative up to each bound: a bar is what a bucket adds. */
function histogram({ histogram: buckets, reached }: StageFigures): Drawn {
  const upTo = buckets.map(({ leMs, count }) => (leMs === null ? Math.max(count, reached) : count));
  return {
    kind: "bars",
    names: buckets.map(({ leMs }) => bucketName(leMs)),
    series: [{ name: "decided", values: upTo.map((count, index) => count - (upTo[index - 1] ?? 0)) }],
  };
}

function byStage(queueTime: Figures["queueTime"]): Drawn {
  return {
    kind: "points",
    names: stages.map(([, , short]) => short),
    series: percentiles.toReversed().map((name) => ({
      name,
      values: stages.map(([stage]) => {
        const estimate = queueTime[stage][name];
        return estimate === null ? null : Math.max(estimate.ms, 1) / 1_000;
      }),
    })),
  };
}
