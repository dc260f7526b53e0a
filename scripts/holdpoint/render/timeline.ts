import type { EventView } from "../../../schemas/action.ts";
import type { Paint } from "../terminal.ts";
import { colourOf } from "./card.ts";
import { formatColumns } from "./table.ts";
import { formatMs } from "./time.ts";
import { visible } from "../../../core/card/visible.ts";

/** The log of an action, a line an event: when, how long after the one before, what, by whom, and in whose words. */
export function formatTimeline(events: readonly EventView[], paint: Paint): string {
  const rows = joined(events);
  const lines = formatColumns(
    rows.map(({ event, count }, index) => {
      const before = rows[index - 1]?.event.at;
      const since = before === undefined ? "" : `+${formatMs(Date.parse(event.at) - Date.parse(before))}`;
      const what = `${event.type.replaceAll("_", " ")}${count > 1 ? ` ×${count}` : ""}`;
      return [
        paint.dim(event.at),
        paint.dim(since),
        colourOf(event.state, paint)(what),
        visible(event.actor.id),
        particulars(event),
      ];
    }),
  );
  return lines.map((line) => `  ${line}`).join("\n");
}

/** A long run's heartbeats are one line. */
function joined(events: readonly EventView[]): { event: EventView; count: number }[] {
  const rows: { event: EventView; count: number }[] = [];
  for (const event of events) {
    const last = rows.at(-1);
    if (event.type === "heartbeat" && last?.event.type === "heartbeat") {
      rows[rows.length - 1] = { event, count: last.count + 1 };
    } else rows.push({ event, count: 1 });
  }
  return rows;
}

/** What tells this event from others of its type. */
function particulars({ type, detail, reason, data }: EventView): string {
  const parts: string[] = [];
  if (type === "voted" && typeof data["decision"] === "string") parts.push(visible(data["decision"]));
  if (type === "late_command" && typeof data["command"] === "string") parts.push(visible(data["command"]));
  if (type === "feedback" && typeof data["label"] === "string") {
    parts.push(visible(data["label"].replaceAll("_", " ")));
    if (typeof data["incident"] === "string") parts.push(visible(data["incident"]));
  }
  if (type === "approved" && data["via"] === "policy") parts.push("by the policy");
  if (typeof data["fence"] === "number") parts.push(`fence ${data["fence"]}`);
  if (detail !== null && type !== "requested") parts.push(detail.replaceAll("_", " "));
  if (reason !== null) parts.push(`“${visible(reason)}”`);
  return parts.join(" · ");
}
