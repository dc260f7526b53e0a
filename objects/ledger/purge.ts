import * as v from "valibot";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Access } from "../../schemas/ledger.ts";
import { PurgeState } from "../../schemas/purge.ts";
import type { Migration } from "../migrate.ts";
import { endHolds, holdsInForce, type HoldPen } from "./holds.ts";

/**
 * How far the forgetting of the workspace has come. Every step is written down once it is done and may be done again, so that it
 * goes on from wherever it was cut off.
 */

export const purgeMigration = {
  id: "purge",
  sql: "CREATE TABLE purge (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);",
} as const satisfies Migration;

export type PurgeAsked = { readonly by: Access["by"]; readonly under: string | null };
type PurgePen = Omit<HoldPen, "append"> & {
  readonly append: (
    line: Parameters<HoldPen["append"]>[0] | { readonly kind: "purging"; readonly by: Access["by"] },
  ) => unknown;
};

/** So many holds are named to whoever is refused for them. */
const named = 10;
/** More than so many that do not answer, and it is they that have to be looked at first. */
const maxFailed = 1_000;
/** How long those who have asked for it can still see that everything else is gone. */
export const lastLookMs = 10_000;

export function purgeState(sql: SqlStorage): PurgeState | null {
  const rows = sql.exec<{ body: string }>("SELECT body FROM purge WHERE id = 1").toArray();
  return rows.map(({ body }) => v.parse(PurgeState, JSON.parse(body))).at(0) ?? null;
}

/** Whether something is still to be done, or would be if more came in. */
export const isPurging = (state: PurgeState | null): state is PurgeState & { stage: ActiveStage } =>
  state !== null && state.stage !== "reopened";
type ActiveStage = Exclude<PurgeState["stage"], "reopened">;

/** Begins it with a line of the log. Asked again under the same action it is told the same. Refused while anything is held. */
export function beginPurge(pen: PurgePen, { by, under }: PurgeAsked): Result<PurgeState, Refusal> {
  const before = purgeState(pen.sql);
  if (isPurging(before)) {
    if (under !== null && before.under === under) return ok(before);
    return refusal(
      "conflict",
      "The workspace is being forgotten already: GET /v1/workspace/purge says how far it has come.",
    );
  }
  endHolds(pen);
  const holds = holdsInForce(pen.sql, pen.at);
  if (holds.length > 0) {
    const ids = holds.slice(0, named).map(({ id }) => id);
    const more = holds.length > ids.length ? ` and ${holds.length - ids.length} more` : "";
    return refusal(
      "conflict",
      `Nothing is forgotten while it is held: release ${ids.join(", ")}${more} first.`,
    );
  }
  pen.append({ kind: "purging", by });
  return ok(
    write(pen.sql, {
      stage: "actions",
      by,
      under,
      since: pen.at,
      upTo: before?.upTo ?? 0,
      done: 0,
      failed: [],
      boardRow: null,
      closesAt: null,
    }),
  );
}

/** The next actions to be told, at most `limit`: those that did not answer come again last, and none is new while too many of them are left. */
export function nextToPurge(sql: SqlStorage, limit: number): { number: number; action: string }[] {
  const state = purgeState(sql);
  if (!isPurging(state)) return [];
  const fresh =
    state.failed.length >= maxFailed
      ? []
      : sql
          .exec<{ number: number; action: string }>(
            "SELECT number, action FROM actions WHERE number > ? ORDER BY number LIMIT ?",
            state.upTo,
            limit,
          )
          .toArray();
  if (fresh.length > 0) return fresh;
  return state.failed.slice(0, limit).map((action) => ({ number: 0, action }));
}

export type PurgeTold = {
  readonly done: readonly string[];
  readonly failed: readonly string[];
  readonly upTo: number;
};

/** Writes down which actions are nothing but their tombstones now. What the log's rows said of them beside hashes goes too. */
export function notePurged({ sql }: Pick<PurgePen, "sql">, { done, failed, upTo }: PurgeTold): void {
  const state = purgeState(sql);
  if (!isPurging(state)) return;
  for (const action of done) {
    sql.exec(
      "UPDATE actions SET type = '', requester = '', holds = '[]', due_at = NULL, uncopied = NULL WHERE action = ?",
      action,
    );
  }
  const gone = new Set(done);
  const left = [...new Set([...state.failed, ...failed])].filter((action) => !gone.has(action));
  write(sql, { ...state, upTo: Math.max(state.upTo, upTo), done: state.done + gone.size, failed: left });
}

/** Those of these that the log has never seen: of before there was one, or whose news is still on its way. */
export function unseen(sql: SqlStorage, ids: readonly string[]): string[] {
  return ids.filter((id) => sql.exec("SELECT 1 FROM actions WHERE action = ?", id).toArray().length === 0);
}

/** How far down the Board was looked at. */
export function noteLooked({ sql }: Pick<PurgePen, "sql">, boardRow: number): void {
  const state = purgeState(sql);
  if (isPurging(state)) write(sql, { ...state, boardRow });
}

/** What is left to be told. */
export function leftToPurge(sql: SqlStorage, state: PurgeState): number {
  const [row] = sql
    .exec<{ count: number }>("SELECT count(*) AS count FROM actions WHERE number > ?", state.upTo)
    .toArray();
  return (row?.count ?? 0) + state.failed.length;
}

/** The next stage, where nothing of the one before is left; `at` is epoch ms. The last one leaves lines, tiles, checkpoints and keys. */
export function advancePurge(
  { sql, at }: Pick<PurgePen, "sql" | "at">,
  from: PurgeState["stage"],
): PurgeState | null {
  const state = purgeState(sql);
  if (state === null || state.stage !== from) return state;
  if (from === "actions" && leftToPurge(sql, state) === 0) return write(sql, { ...state, stage: "stores" });
  if (from === "stores") return write(sql, { ...state, stage: "people", closesAt: at + lastLookMs });
  if (from === "people") {
    sql.exec("DELETE FROM holds");
    sql.exec("DELETE FROM reads");
    return write(sql, { ...state, stage: "done" });
  }
  return state;
}

/** A workspace of that name is made again: what comes in from now on is its own. Refused before everything of the other is gone. */
export function reopen(sql: SqlStorage): Result<null, Refusal> {
  const state = purgeState(sql);
  if (!isPurging(state)) return ok(null);
  if (state.stage !== "done") {
    return refusal(
      "conflict",
      "The workspace of that name is being forgotten. Make it again once that is done, within minutes.",
    );
  }
  write(sql, { ...state, stage: "reopened" });
  return ok(null);
}

function write(sql: SqlStorage, state: PurgeState): PurgeState {
  sql.exec(
    "INSERT INTO purge (id, body) VALUES (1, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
    JSON.stringify(state),
  );
  return state;
}
