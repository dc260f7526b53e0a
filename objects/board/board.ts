import { DurableObject } from "cloudflare:workers";
import * as v from "valibot";
import { faultText } from "../../core/fault.ts";
import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import type { Reader } from "../../core/reader.ts";
import type { ActionList, ActionSummary } from "../../schemas/action.ts";
import { Bypass } from "../../schemas/feedback.ts";
import { limits } from "../../schemas/limits.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { Figures, MetricsWindow } from "../../schemas/metrics.ts";
import type { NoticeVerdict } from "../../schemas/notice.ts";
import { standingOf } from "../../schemas/standing.ts";
import type { Action } from "../action/action.ts";
import { migrate } from "../migrate.ts";
import {
  actionsSince,
  countOpen,
  lastRow,
  listActions,
  mostUrgent,
  noteWoken,
  openActions,
  overdueActions,
  sleepingActions,
  waitingActions,
} from "./actions.ts";
import { insertBypass, listBypasses } from "./bypasses.ts";
import { listDeadLetters, type Lost } from "./dead-letters.ts";
import { Feed } from "./feed.ts";
import { conditionsOf, needsScan, type ListFilter } from "./filter.ts";
import { newestOf, take } from "./intake.ts";
import { Metrics } from "./metrics.ts";
import { migrations } from "./migrations.ts";
import { Notices, type NoticeAsked } from "./notices.ts";
import { pointOf, pointSinkOf, type PointSink } from "./points.ts";
import { sincePurged, writePurged } from "./purged.ts";
import { RowSeal } from "./sealed.ts";
import { recheckAll, watch } from "./streams.ts";
import { newlyDecided } from "./timings.ts";

/** A page of a list: at most `limit` items (100 and fewer), on from `cursor`. */
export type Page = { cursor?: string | undefined; limit: number };

/** What one reader has in front of them: what waits for them, then what else is pending, each by risk and deadline. */
export type Inbox = {
  waiting: ActionSummary[];
  pending: ActionSummary[];
  counts: { byState: Record<string, number> };
};

/**
 * The index of one workspace's actions. A projection: it lags, it can be built again from the actions it knows, and
 * nothing is ever authorised by it. Fed in batches by `(action, seq)`, in any order and any number of times.
 */
export class Board extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #workspace: string;
  readonly #points: PointSink;
  readonly #seal: RowSeal;
  #feed: Feed;
  #metrics: Metrics;
  #notices: Notices;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    migrate(ctx.storage, migrations);
    this.#workspace = ctx.id.name?.split("/")[0] ?? "";
    this.#points = pointSinkOf(env);
    this.#seal = new RowSeal(env, this.#workspace);
    ({ feed: this.#feed, metrics: this.#metrics, notices: this.#notices } = this.#parts());
  }

  /** What keeps something in memory. */
  #parts(): { feed: Feed; metrics: Metrics; notices: Notices } {
    const registry = `${this.#workspace}/registry`;
    return {
      feed: new Feed(this.ctx, (holders, now) => this.env.REGISTRY.getByName(registry).readers(holders, now)),
      metrics: new Metrics(this.ctx.storage),
      notices: new Notices(this.ctx.storage),
    };
  }

  /** Forgets everything, and what comes in later of actions that were asked for before this. */
  async purge(): Promise<void> {
    for (const socket of this.ctx.getWebSockets()) this.#feed.close(socket, 1000);
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    migrate(this.ctx.storage, migrations);
    writePurged(this.#sql, Date.now());
    ({ feed: this.#feed, metrics: this.#metrics, notices: this.#notices } = this.#parts());
  }

  /** Whether a message to people is to be sent, within what they are sent in an hour (threat T10). */
  allow(asked: NoticeAsked): NoticeVerdict {
    return this.#notices.ask(asked);
  }

  /** Tells people the numbers that stand for messages not sent. What is not told by it is looked at again. */
  override async alarm(): Promise<void> {
    const due = this.#notices.tallies.due(Date.now());
    if (due.length === 0) return;
    try {
      const tallies = due.map(({ tally }) => tally);
      const told = await this.ctx.exports.Fanout.tellTallies(this.#workspace, tallies);
      for (const [at, one] of due.entries()) {
        this.#notices.tallies.told(one, told[at] ?? { kind: "unsure" }, Date.now());
      }
    } catch (error) {
      console.error("tallies", this.ctx.id.name, faultText(error));
    }
  }

  /** Takes in what changed, in one transaction. What it already has, or has newer, changes nothing. */
  apply(changes: ActionChanged[]): void {
    this.#takeAll(changes, false);
  }

  /**
   * Takes in what the actions say of themselves at this moment: as `apply`, and a row of the same seq is put right.
   */
  restore(changes: ActionChanged[]): void {
    this.#takeAll(changes, true);
  }

  /** The feed: a WebSocket that hibernates. The Worker has authenticated the caller. */
  override fetch(request: Request): Response {
    const standing = standingOf(request);
    if (standing === null) return new Response(null, { status: 400 });
    return this.#feed.open(new URL(request.url).searchParams.get("after"), standing, Date.now());
  }

  /** Somebody's access to the workspace may have ended: closes what is open of theirs (threat T21). */
  async reauthorise(): Promise<void> {
    await Promise.all([
      this.#feed.recheck(Date.now()),
      recheckAll(this.#sql, (action) => this.#actionOf(action).recheck()),
    ]);
  }

  /**
   * A person or a service has opened a stream of an action. The action looks at its sockets once more, because what was
   * withdrawn before this closed only what was noted then.
   */
  async follows(action: string): Promise<void> {
    watch(this.#sql, action);
    await this.#actionOf(action).recheck();
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#feed.close(socket, code);
  }

  override webSocketError(): void {
    // The runtime drops the socket; whoever held it comes back.
  }

  #actionOf(action: string): DurableObjectStub<Action> {
    return this.env.ACTIONS.getByName(`${this.#workspace}/${action}`);
  }

  /** Told only after the commit, so that nobody is shown what is then not so. */
  #takeAll(all: readonly ActionChanged[], exact: boolean): void {
    const changes = sincePurged(this.#sql, all);
    const rows = { sql: this.#sql, seal: this.#seal, metrics: this.#metrics };
    const { decided, taken } = this.ctx.storage.transactionSync(() => ({
      decided: newlyDecided(this.#sql, changes),
      taken: newestOf(changes).filter((change) => take(rows, change, exact)),
    }));
    if (taken.some(({ timings }) => timings?.labels !== undefined)) this.#metrics.ratesChanged();
    for (const change of decided) {
      const point = pointOf(change);
      if (point !== null) this.#points.write(point);
    }
    this.#notices.changed(taken, Date.now());
    this.#feed.announce(
      taken.map(({ summary }) => summary),
      Date.now(),
    );
  }

  /**
   * Newest first. `nextCursor` is null at the end; where a filter fits few of very many, a page may be short, or empty, and
   * still have one. @throws RangeError for a cursor that is none of ours.
   */
  list({ cursor, limit, ...filter }: ListFilter & Page): ActionList {
    const size = pageSize(limit);
    const conditions = conditionsOf(filter);
    const before = positionOf(cursor) ?? lastRow(this.#sql) + 1;
    const after = needsScan(conditions) ? Math.max(before - 1 - scannedRows, 0) : 0;
    const rows = listActions(this.#sql, this.#seal, conditions, { before, after }, size + 1);
    const page = rows.slice(0, size);
    const further = after === 0 ? null : encodeCursor(after + 1);
    return { items: page.map(({ summary }) => summary), nextCursor: nextOf(rows, page) ?? further };
  }

  /** The queue as one reader sees it, `reader` null for a key that is nobody's. Not called `queue`: RPC keeps that name for itself. */
  inbox(
    reader: Reader | null,
    limit: number,
    filter: Pick<ListFilter, "risk" | "type" | "group"> = {},
  ): Inbox {
    const size = pageSize(limit);
    const pick = (which: ListFilter): ActionSummary[] =>
      mostUrgent(this.#sql, this.#seal, conditionsOf({ ...filter, ...which }), size);
    const waiting = reader === null ? [] : pick({ waitingFor: reader });
    const mine = new Set(waiting.map(({ id }) => id));
    const others = pick({ state: "pending" }).filter(({ id }) => !mine.has(id));
    return { waiting, pending: others.slice(0, size - waiting.length), counts: this.counts() };
  }

  /** Ids of open actions whose earliest deadline is at or before `now` (epoch ms), the longest overdue first. */
  overdue(now: number, limit: number): string[] {
    return overdueActions(this.#sql, now, limit);
  }

  /** Ids of open actions after a row, oldest first; `nextRow` is where to go on, null at the end. */
  open(afterRow: number, limit: number): { ids: string[]; nextRow: number | null } {
    const size = pageSize(limit);
    const rows = openActions(this.#sql, afterRow, size + 1);
    const page = rows.slice(0, size);
    return {
      ids: page.map(({ id }) => id),
      nextRow: rows.length > page.length ? (page.at(-1)?.row ?? null) : null,
    };
  }

  /** Actions after a row that wait for people or for an executor, oldest first; `nextRow` is where to go on, null at the end. */
  waiting(
    afterRow: number,
    limit: number,
  ): { items: { id: string; type: string }[]; nextRow: number | null } {
    const size = pageSize(limit);
    const rows = waitingActions(this.#sql, afterRow, size + 1);
    const page = rows.slice(0, size);
    return {
      items: page.map(({ id, type }) => ({ id, type })),
      nextRow: rows.length > page.length ? (page.at(-1)?.row ?? null) : null,
    };
  }

  /**
   * Ids of actions asked for at or after `since` (RFC 3339), newest first, before a row or from the newest. `nextRow` is where to
   * go on, null at the end; a page may be short, or empty, and still have one.
   */
  since(since: string, beforeRow: number | null, limit: number): { ids: string[]; nextRow: number | null } {
    const size = pageSize(limit);
    const before = beforeRow ?? lastRow(this.#sql) + 1;
    const page = actionsSince(this.#sql, { since, before, most: scannedRows }, size);
    const last = page.at(-1);
    const looked = page.length < size || last === undefined ? Math.max(before - scannedRows, 1) : last.row;
    return { ids: page.map(({ id }) => id), nextRow: looked > 1 ? looked : null };
  }

  /** Deliveries that used up their tries, newest first. @throws RangeError for a cursor that is none of ours. */
  deadLetters({ cursor, limit }: Page): { items: Lost[]; nextCursor: string | null } {
    const size = pageSize(limit);
    const before = positionOf(cursor) ?? Number.MAX_SAFE_INTEGER;
    const rows = listDeadLetters(this.#sql, before, size + 1);
    const page = rows.slice(0, size);
    return {
      items: page.map(({ action, letter }) => ({ ...letter, action })),
      nextCursor: nextOf(rows, page),
    };
  }

  /** How long people wait and who decides, over one window that ends at `now` (epoch ms). */
  figures(window: MetricsWindow, now: number): Figures {
    return this.#metrics.figures(window, now);
  }

  /** The same for machines, in the Prometheus text format. */
  prometheus(now: number): string {
    return this.#metrics.prometheus(now);
  }

  /** A person has opened an action. @returns false where it waits for nobody, or has not come here yet. */
  see(action: string, person: string, now: number): boolean {
    return this.#metrics.see(action, person, now);
  }

  /** An effect that no claim stands behind, a `Bypass` as JSON text. One that was reported before counts once. */
  bypassed(text: string): void {
    insertBypass(this.#sql, this.#seal, v.parse(Bypass, JSON.parse(text)));
    this.#metrics.ratesChanged();
  }

  /** The last 100 of them, newest first, as JSON text. */
  bypasses(): string {
    return JSON.stringify(listBypasses(this.#sql, this.#seal, limits.listPage));
  }

  /** Ids of actions that no engine has woken that lets go of what they hold in time, oldest first. */
  sleeping(limit: number): string[] {
    return sleepingActions(this.#sql, pageSize(limit));
  }

  woken(ids: string[]): void {
    this.ctx.storage.transactionSync(() => noteWoken(this.#sql, ids));
  }

  /** Open actions by state. Finished ones are not counted: their number only grows, and so would the price of asking. */
  counts(): { byState: Record<string, number> } {
    return { byState: countOpen(this.#sql) };
  }
}

/**
 * Rows one call looks at for a filter that no index serves: some 50 ms of the one thread that every list and every event
 * of the workspace goes through.
 */
const scannedRows = 20_000;

const pageSize = (limit: number): number => Math.min(Math.max(Math.trunc(limit), 1), limits.listPage);

/** The row a cursor stands for, null without one. The routes have refused a bad one before. */
function positionOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  const position = decodeCursor(cursor);
  if (position === null) throw new RangeError("no such cursor");
  return position;
}

function nextOf(rows: readonly { row: number }[], page: readonly { row: number }[]): string | null {
  const last = page.at(-1);
  return rows.length > page.length && last !== undefined ? encodeCursor(last.row) : null;
}
