import * as v from "valibot";
import { runInDurableObject } from "cloudflare:test";
import { canonicalJson } from "../../core/canonical.ts";
import { foldAll } from "../../core/machine/fold.ts";
import { isPublic, noticeOf } from "../../core/notices.ts";
import { plainObject } from "../../core/plain-json.ts";
import { clocksOf } from "../../core/clocks.ts";
import type { Action } from "../../objects/action/action.ts";
import { sumOutbox } from "../../objects/action/outbox-rows.ts";
import { ActionSummary } from "../../schemas/action.ts";
import type { Event } from "../../schemas/event.ts";
import { messageId } from "../../workers/channels/webhook.ts";
import { kept, type Kept } from "./one-action.ts";
import type { Storm } from "./storm.ts";
import type { StormLife } from "./storm-life.ts";
import type { StormReceivers } from "./storm-receivers.ts";
import { outcomeOf } from "./storm-reference.ts";

/** What a storm has left behind, held against what it should have. */

/** Which receiver stands behind which sink. */
export type Sinks = ReadonlyMap<string, string>;

export type Verdict = {
  readonly faults: readonly string[];
  readonly delivered: number;
  readonly dead: number;
};

export async function verdictOn(storm: Storm, receivers: StormReceivers, sinks: Sinks): Promise<Verdict> {
  const board = new Map((await storm.board.rows()).map((row) => [row.id, row]));
  const listed = await listedBy(storm);
  const faults = [...storm.faults, ...storm.lives.flatMap((life) => life.faults)];
  let [delivered, dead] = [0, 0];
  const wanted = new Set<string>();
  await Promise.all(
    storm.lives.map(async (life) => {
      const say = (fault: string): void => void faults.push(`${life.id}: ${fault}`);
      const there = await kept(life.stub);
      stateFaults(life, there).forEach(say);
      earlyIn(there).forEach(say);
      outboxFaults(there, life).forEach(say);
      newestFaults(there, receivers, sinks).forEach(say);
      for (const { seq, sink, status } of there.outbox) {
        if (status === "delivered") delivered += 1;
        if (status === "dead") dead += 1;
        wanted.add(messageId(life.id, seq, sink));
      }
      const { sums, change } = await runInDurableObject(life.stub, (action: Action, { storage }) => ({
        sums: sumOutbox(storage.sql),
        change: action.refresh(),
      }));
      const row = board.get(life.id);
      const now = v.parse(Change, JSON.parse(change ?? "null"));
      const says = row && [row.seq, row.due_at, row.delivered, row.failed];
      const is = [now.seq, now.dueAt, sums.delivered, sums.failed];
      if (String(says) !== String(is)) say(`the Board has ${String(says)}, it is ${String(is)}`);
      const [summary, own] = [listed.get(life.id), now.summary].map((one) =>
        canonicalJson(plainObject(one ?? {})),
      );
      if (summary !== own) say(`the Board lists ${summary}, not ${own}`);
    }),
  );
  if (storm.board.back > 0) faults.push(`the Board went back ${storm.board.back} times`);
  const once = new Set(receivers.done);
  if (once.size !== receivers.done.length) {
    faults.push(`${receivers.done.length - once.size} messages were taken twice`);
  }
  for (const id of once) if (!wanted.has(id)) faults.push(`${id} was told, and there is no such notice`);
  return { faults, delivered, dead };
}

const Change = v.object({ seq: v.number(), dueAt: v.nullable(v.number()), summary: ActionSummary });

async function listedBy(storm: Storm): Promise<Map<string, ActionSummary>> {
  const found = new Map<string, ActionSummary>();
  for (let cursor: string | undefined; ;) {
    const page = await storm.board.stub.list({ limit: 100, cursor });
    for (const item of page.items) found.set(item.id, item);
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
}

function stateFaults({ reference, votes }: StormLife, { payload, stored, events }: Kept): string[] {
  const wanted = reference?.tick(Date.now()).state;
  const faults: string[] = [];
  const [is, should] = [stored.state, wanted].map((state) => state && JSON.stringify(outcomeOf(state)));
  if (is !== should) faults.push(`it is ${is}, not ${should}`);
  const folded = foldAll(payload, events);
  const isFold = JSON.stringify(folded) === JSON.stringify(stored.state);
  if (!isFold) faults.push("its log does not lead to its state");
  for (const [index, { seq, at }] of events.entries()) {
    if (seq !== index + 1) faults.push(`event ${index + 1} is number ${seq}`);
    if (at < (events[index - 1]?.at ?? 0)) faults.push(`event ${seq} is before the one before it`);
  }
  const cast = events.filter(({ type }) => type === "voted").length;
  if (cast !== votes) faults.push(`${cast} votes were counted, and ${votes} were cast`);
  return faults;
}

/** What the clock ended, against when it could have at the earliest: worked out from the log and the contract alone. */
function earlyIn({ payload, events }: Kept): string[] {
  const clocks = clocksOf(payload.contract);
  const faults: string[] = [];
  let ends = Infinity;
  let executionEnds = Infinity;
  for (const event of events) {
    const { type, at, seq } = event;
    const byClock =
      type === "expired" ||
      type === "lease_lost" ||
      ((type === "failed" || type === "rollback_failed") && !event.data.reported);
    if (byClock && at < ends) faults.push(`${type} (${seq}) came ${ends - at} ms early`);
    ends = endsAfter(event, ends);
  }
  return faults;

  function endsAfter(event: Event, before: number): number {
    const { at } = event;
    switch (event.type) {
      case "requested":
        return at + clocks.pendingTtlMs;
      case "approved":
        return at + clocks.approvalTtlMs;
      case "claimed":
      case "rollback_claimed":
        // Attempts to execute have one end together; a rollback has one of its own.
        executionEnds =
          event.type === "claimed"
            ? Math.min(executionEnds, at + clocks.executionMaxMs)
            : at + clocks.executionMaxMs;
        return Math.min(at + clocks.leaseTtlMs, executionEnds);
      case "heartbeat":
        return Math.min(at + clocks.leaseTtlMs, executionEnds);
      case "lease_lost":
        return executionEnds;
      case "rollback_started":
        return at + (clocks.rollbackWindowMs ?? Infinity);
      default:
        return before;
    }
  }
}

/** Every notice has one row for each who is to hear of it, and each row came to an end (I6). */
function outboxFaults({ events, outbox, payload }: Kept, { subscribers }: StormLife): string[] {
  const wanted = events.flatMap((event) => {
    const notice = noticeOf(event);
    if (notice === null || !isPublic(notice)) return [];
    const callback = payload.callback !== null && notice !== "action.pending" ? ["callback"] : [];
    const hooks = subscribers.map(({ id }) => `webhook:${id}`);
    return [...hooks, ...callback].map((sink) => `${event.seq} ${sink}`);
  });
  const rows = outbox.map(({ seq, sink }) => `${seq} ${sink}`);
  const faults = outbox
    .filter(({ status }) => status !== "delivered" && status !== "dead")
    .map(
      ({ seq, sink, status, tries, due }) =>
        `notice ${seq} to ${sink} is ${status} after ${tries} tries, due ${due}`,
    );
  if (rows.toSorted().join() !== wanted.toSorted().join()) faults.push(`its notices are ${rows.join()}`);
  return faults;
}

/** Whoever has heard of everything shows it as it is. */
function newestFaults({ events, outbox, payload }: Kept, receivers: StormReceivers, sinks: Sinks): string[] {
  return [...sinks].flatMap(([sink, name]) => {
    const own = outbox.filter((row) => row.sink === sink);
    const last = own.toSorted((a, b) => a.seq - b.seq).at(-1);
    if (last === undefined || last.status !== "delivered") return [];
    const state = foldAll(
      payload,
      events.filter(({ seq }) => seq <= last.seq),
    ).state;
    const newest = receivers.newest.get(`${name} ${payload.id}`);
    if (newest !== undefined && newest.seq >= last.seq && stateAt(newest.seq) === newest.state) return [];
    return [`${name} has ${JSON.stringify(newest)}, and ${state} (${last.seq}) is the last it was told`];

    function stateAt(at: number): string {
      return foldAll(
        payload,
        events.filter(({ seq }) => seq <= at),
      ).state;
    }
  });
}
