import * as v from "valibot";
import { waitsFor, type Reader } from "../core/reader.ts";
import { ActionSummary } from "../schemas/action.ts";
import type { Risk } from "../schemas/policy.ts";

/** One line of the queue. */
export type Row = { summary: ActionSummary; mine: boolean };

/** What the queue is narrowed to, as the address says it. Empty text lets everything through. */
export type Filters = { risk: string; type: string; group: string; mine: boolean };

export const filtersOf = (search: URLSearchParams): Filters => ({
  risk: search.get("risk") ?? "",
  type: search.get("type") ?? "",
  group: search.get("group") ?? "",
  mine: search.has("mine"),
});

/** Filters as the address says them; `mine` is only the page's, the others are the engine's too. */
export function searchOf({ risk, type, group, mine }: Filters): URLSearchParams {
  const named = Object.entries({ risk, type, group, mine: mine ? "1" : "" });
  return new URLSearchParams(named.filter(([, value]) => value !== ""));
}

export const QueueAnswer = v.object({
  items: v.array(ActionSummary),
  counts: v.object({ byState: v.record(v.string(), v.number()) }),
});

export const riskOrder: Readonly<Record<Risk, number>> = { critical: 0, high: 1, medium: 2, low: 3 };

/** What waits for the reader first, then by risk, then by what ends first: the order the engine has. */
export function rowsOf(summaries: Iterable<ActionSummary>, reader: Reader, filters: Filters): Row[] {
  return [...summaries]
    .filter((summary) => fits(summary, filters))
    .map((summary) => ({ summary, mine: waitsFor(summary, reader) }))
    .filter(({ mine }) => mine || !filters.mine)
    .toSorted(inOrder);
}

export function fits({ state, risk, type, groups }: ActionSummary, filters: Filters): boolean {
  return (
    state === "pending" &&
    (filters.risk === "" || filters.risk === risk) &&
    (filters.type === "" || filters.type === type) &&
    (filters.group === "" || groups.includes(filters.group))
  );
}

function inOrder(a: Row, b: Row): number {
  return (
    Number(b.mine) - Number(a.mine) ||
    riskOrder[a.summary.risk] - riskOrder[b.summary.risk] ||
    (a.summary.deadline ?? "9").localeCompare(b.summary.deadline ?? "9") ||
    a.summary.createdAt.localeCompare(b.summary.createdAt)
  );
}
