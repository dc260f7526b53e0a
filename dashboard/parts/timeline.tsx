import type { JSX } from "preact";
import { visible } from "../../core/card/visible.ts";
import type { EventView } from "../../schemas/action.ts";
import { formatInstant } from "../clock.ts";
import { Age } from "./marks.tsx";

/** What has happened, newest first; it grows while one looks. */
export function Timeline({ events }: { events: readonly EventView[] }): JSX.Element {
  return (
    <section class="timeline" aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <ol reversed>
        {events.toReversed().map(({ seq, at, type, actor, reason, outcome, data }) => (
          <li key={seq}>
            <p>
              <strong>{whatOf(type, data)}</strong> by {visible(actor.id)}
              <span class="outcome">{outcome.replaceAll("_", " ")}</span>
            </p>
            {reason !== null && <q>{visible(reason)}</q>}
            <p class="when">
              <Age since={at} /> ago, {formatInstant(at)}
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Feedback is told apart by what it says. */
function whatOf(type: string, { label, incident }: EventView["data"]): string {
  const parts = [type, ...[label, incident].filter((part) => typeof part === "string")];
  return type === "feedback" ? visible(parts.join(" · ").replaceAll("_", " ")) : type.replaceAll("_", " ");
}
