import { isPublic, noticeOf } from "../../core/notices.ts";
import type { DiskAction } from "./disk.ts";
import { phantoms, undelivered, type Notice } from "./record.ts";

/** Everything that any recipient was told, as the recipients have it, beside what the actions say that they were to be told. */
export type OutageRecord = {
  readonly actions: ReadonlyMap<string, DiskAction>;
  /** Webhooks, once a `webhook-id`. */
  readonly notices: readonly Notice[];
  /** Messages that stand in Slack, those in threads left out. `decidable`: somebody could still click on it. */
  readonly cards: readonly {
    readonly channel: string;
    readonly action: string;
    readonly decidable: boolean;
  }[];
  /** What PagerDuty has taken, in the order it came. */
  readonly pages: readonly { readonly action: string; readonly does: "trigger" | "resolve" }[];
};

/** Every check at once: what is missing, what is too much and what is of nothing, in words. */
export function faultsOf(record: OutageRecord): string[] {
  const logs = new Map([...record.actions].map(([id, { events }]) => [id, events]));
  const webhooksOnly = [...record.actions.values()].map((action) => ({
    ...action,
    outbox: action.outbox.filter(({ sink }) => sink.startsWith("webhook:")),
  }));
  return [
    ...[...record.actions.values()].flatMap(rowsAmiss),
    ...phantoms(record.notices, logs),
    ...undelivered(record.notices, webhooksOnly),
    ...cardsAmiss(record),
    ...pagesAmiss(record),
  ];
}

/** What an action's log asks to be told, `seq sink` each, by what the contract said when it was asked for. */
export function expectedOf({ stored, events }: DiskAction): string[] {
  let level = 0;
  return events.flatMap((event) => {
    if (event.type === "escalated") level = event.data.level;
    const type = noticeOf(event);
    if (type === null) return [];
    const machines = isPublic(type) ? stored.subscribers.map(({ id }) => `webhook:${id}`) : [];
    const people = stored.channels
      .filter((channel) => channel.level <= level)
      .filter((channel) => channel.events.length === 0 || channel.events.includes(type))
      .map(({ sink }) => sink);
    return [...machines, ...people].map((sink) => `${event.seq} ${sink}`);
  });
}

/** Rows that the log does not ask for, that it asks for and are not there, and that nobody has acknowledged. */
function rowsAmiss(action: DiskAction): string[] {
  const { id } = action.payload;
  const expected = new Set(expectedOf(action));
  const rows = new Map(action.outbox.map(({ seq, sink, status }) => [`${seq} ${sink}`, status]));
  return [
    ...[...expected].filter((row) => !rows.has(row)).map((row) => `${id}: no row ${row}`),
    ...[...rows].flatMap(([row, status]) => {
      if (!expected.has(row)) return [`${id}: a row of nothing: ${row}`];
      return status === "delivered" ? [] : [`${id}: ${row} is ${status}`];
    }),
  ];
}

/** One card a recipient and action; none of what nobody was to be told of; none that is over and can be clicked. */
function cardsAmiss({ actions, cards }: OutageRecord): string[] {
  const place = ({ channel, action }: { channel: string; action: string }): string => `${channel} ${action}`;
  const expected = new Map<string, DiskAction>();
  for (const action of actions.values()) {
    for (const { sink } of action.outbox.filter((row) => row.sink.startsWith("slack:"))) {
      expected.set(`${sink.slice("slack:".length)} ${action.payload.id}`, action);
    }
  }
  const shown = Map.groupBy(cards, place);
  const missing = [...expected.keys()].filter((key) => !shown.has(key)).map((key) => `${key}: no card`);
  const faults = [...shown].flatMap(([key, copies]) => {
    const action = expected.get(key);
    if (action === undefined) return [`${key}: a card of nothing`];
    const double = copies.length > 1 ? [`${key}: ${copies.length} cards`] : [];
    const isOver = action.stored.state.state !== "pending";
    return isOver && copies.some(({ decidable }) => decidable) ? [...double, `${key}: an old card`] : double;
  });
  return [...missing, ...faults];
}

/** An incident for what has escalated and nothing else, none left open, and as many calls as there were to be. */
function pagesAmiss({ actions, pages }: OutageRecord): string[] {
  const byAction = Map.groupBy(pages, ({ action }) => action);
  const unknown = [...byAction.keys()]
    .filter((id) => !actions.has(id))
    .map((id) => `${id}: a page of nothing`);
  const faults = [...actions.values()].flatMap(({ payload: { id }, stored, events, outbox }) => {
    const taken = byAction.get(id) ?? [];
    const rows = outbox.filter(({ sink }) => sink.startsWith("pagerduty:"));
    const found: string[] = [];
    if (taken.length < rows.length) found.push(`${id}: ${taken.length} pages for ${rows.length} rows`);
    if (rows.length === 0 && taken.length > 0) found.push(`${id}: a page of nothing`);
    const triggered = taken.some(({ does }) => does === "trigger");
    const escalated = events.some(({ type }) => type === "escalated");
    if (triggered && !escalated) found.push(`${id}: paged for no reason`);
    const open = taken.at(-1)?.does === "trigger";
    if (open && stored.state.state !== "pending") found.push(`${id}: its incident is still open`);
    return found;
  });
  return [...unknown, ...faults];
}
