import type { JSX } from "preact";
import { visible } from "../../core/card/visible.ts";
import type { Row } from "../queue-list.ts";
import { Age, Left, RiskMark, Seats } from "./marks.tsx";

export function QueueRow({
  row,
  selected,
  toggle,
}: {
  row: Row;
  selected: boolean;
  toggle: () => void;
}): JSX.Element {
  const { summary, mine } = row;
  const title = `${visible(summary.type)} on ${visible(summary.target.resource)}`;
  return (
    <li data-id={summary.id} class={`${mine ? "mine" : "others"}${selected ? " selected" : ""}`}>
      <label class="pick">
        <input type="checkbox" checked={selected} onChange={toggle} />
        <span class="hidden">Select {title}</span>
      </label>
      <RiskMark risk={summary.risk} />
      <div class="what">
        <a href={`/actions/${summary.id}`}>
          <span class="type">{visible(summary.type)}</span> on{" "}
          <bdi class="target">{visible(summary.target.resource)}</bdi>
        </a>
        <p>
          {visible(summary.requester.id)}
          {summary.target.environment !== undefined && `, ${visible(summary.target.environment)}`}
          {mine && <span class="you">waits for you</span>}
        </p>
      </div>
      <Seats seats={summary.seats} />
      <span class="age">
        <span class="label">Age</span> <Age since={summary.createdAt} />
      </span>
      <span class="left">
        <span class="label">Ends in</span>{" "}
        {summary.deadline === null ? "–" : <Left until={summary.deadline} />}
      </span>
    </li>
  );
}
