import type { JSX } from "preact";
import type { SeatView } from "../../schemas/action.ts";
import type { Risk } from "../../schemas/policy.ts";
import { clock, formatInstant, formatMs } from "../clock.ts";
import { useStore } from "../store.ts";

export function RiskMark({ risk }: { risk: Risk }): JSX.Element {
  return <span class={`risk ${risk}`}>{risk}</span>;
}

/** How long ago, ticking. */
export function Age({ since }: { since: string }): JSX.Element {
  const now = useStore(clock);
  return (
    <time dateTime={since} title={formatInstant(since)}>
      {formatMs(now - Date.parse(since))}
    </time>
  );
}

/** How long until, ticking; the last two minutes stand out. */
export function Left({ until }: { until: string }): JSX.Element {
  const now = useStore(clock);
  const ms = Date.parse(until) - now;
  return (
    <time dateTime={until} title={formatInstant(until)} class={ms < 120_000 ? "soon" : undefined}>
      {ms <= 0 ? "over" : formatMs(ms)}
    </time>
  );
}

/** `oncall 0 of 1`, one after another. */
export function Seats({ seats }: { seats: readonly SeatView[] }): JSX.Element {
  return (
    <ul class="seats">
      {seats.map(({ seat, filled, n, from }) => (
        <li key={seat} title={from.join(", ")}>
          {seat} {filled} of {n}
        </li>
      ))}
    </ul>
  );
}
