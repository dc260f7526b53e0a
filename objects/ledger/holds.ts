import * as v from "valibot";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { Gone, Hold } from "../../schemas/hold.ts";
import { retentionClasses } from "../../schemas/retention.ts";
import type { Access, HoldScope } from "../../schemas/ledger.ts";
import type { Migration } from "../migrate.ts";

/** Legal holds: what they cover is not let go of, whatever is due. Each one put and each one released is a line of the log. */

/** `ended` is set once it is released or its end has passed; the index is of those in force, by what they cover. */
export const holdsMigration = {
  id: "holds",
  sql: `
    CREATE TABLE holds (
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      scope TEXT NOT NULL,
      until INTEGER,
      ended INTEGER NOT NULL DEFAULT 0,
      value TEXT NOT NULL
    );
    CREATE INDEX holds_in_force ON holds (scope) WHERE ended = 0;`,
} as const satisfies Migration;

/** A workspace has so many in force at once; each is looked for with every class that is due. */
const maxInForce = 1_000;
/** So many that have ended are shown with those in force. */
const shownEnded = 100;

type By = Access["by"];
/** A line for the log, without what every line has. */
export type HoldLine = {
  readonly kind: "held" | "released";
  readonly hold: string;
  readonly scope: HoldScope;
  readonly by: By;
};
/** What a change to holds writes with; the journal's pen is one. `at` is epoch ms. */
export type HoldPen = {
  readonly sql: SqlStorage;
  readonly at: number;
  readonly append: (line: HoldLine) => unknown;
};

export type NewHold = Pick<Hold, "id" | "scope" | "reason" | "by" | "until">;
/** `under`: the action by which people agreed to it; null where there was nobody else. */
export type HoldRelease = {
  readonly id: string;
  readonly by: By;
  readonly because: string;
  readonly under: string | null;
};

/** What a hold may cover: an action, its type and who asked for it, such as `agent:deploy-bot`. */
export type Held = { readonly action: string; readonly type: string; readonly requester: string };

/** The oldest hold in force at `now` (epoch ms) that covers the action; null where none does. Reads a row for each of four scopes. */
export function holdOver(sql: SqlStorage, { action, type, requester }: Held, now: number): Hold | null {
  const rows = sql
    .exec<{ value: string }>(
      `SELECT value FROM holds
       WHERE ended = 0 AND scope IN ('all', ?, ?, ?) AND (until IS NULL OR until > ?) ORDER BY number LIMIT 1`,
      `action:${action}`,
      `type:${type}`,
      `requester:${requester}`,
      now,
    )
    .toArray();
  return rows.map(holdIn).at(0) ?? null;
}

/** SQL for "some hold in force at this time covers the action `a`", which is a row of `actions`. */
export const coveredAt = (time: string): string =>
  `EXISTS (SELECT 1 FROM holds WHERE ended = 0 AND (until IS NULL OR until > ${time})
    AND scope IN ('all', 'action:' || a.action, 'type:' || a.type, 'requester:' || a.requester))`;

/** Those in force at `now`, the oldest first. */
export function holdsInForce(sql: SqlStorage, now: number): Hold[] {
  return sql
    .exec<{ value: string }>(
      "SELECT value FROM holds WHERE ended = 0 AND (until IS NULL OR until > ?) ORDER BY number",
      now,
    )
    .toArray()
    .map(holdIn);
}

/** All in force and the last that have ended, the newest first. */
export function listHolds(sql: SqlStorage): Hold[] {
  return sql
    .exec<{ value: string }>(
      `SELECT value FROM holds
       WHERE ended = 0 OR number IN (SELECT number FROM holds WHERE ended = 1 ORDER BY number DESC LIMIT ?)
       ORDER BY number DESC`,
      shownEnded,
    )
    .toArray()
    .map(holdIn);
}

export function findHold(sql: SqlStorage, id: string): Hold | null {
  const rows = sql.exec<{ value: string }>("SELECT value FROM holds WHERE id = ?", id).toArray();
  return rows.map(holdIn).at(0) ?? null;
}

/**
 * Puts a hold in force and writes its line. Refused where it would end before it begins, and where there are too many. One of that id
 * is the same: its call was killed before it was answered, and is carried out again.
 */
export function putHold(
  { sql, at, append }: HoldPen,
  asked: NewHold,
): Result<{ hold: Hold; gone: Gone }, Refusal> {
  const there = findHold(sql, asked.id);
  if (there !== null) return ok({ hold: there, gone: goneOf(sql, there.scope) });
  if (asked.until !== null && asked.until <= at) {
    return refusal("conflict", "The end of the hold has passed already. Give a later one, or none.");
  }
  const [counted] = sql
    .exec<{ count: number }>("SELECT count(*) AS count FROM holds WHERE ended = 0")
    .toArray();
  if ((counted?.count ?? 0) >= maxInForce) {
    return refusal("conflict", `${maxInForce} holds are in force already. Release some, or hold all.`);
  }
  const ending = { releasedAt: null, releasedBy: null, releasedBecause: null, releasedUnder: null };
  const hold: Hold = { ...asked, since: at, ...ending };
  const text = JSON.stringify(hold);
  sql.exec(
    "INSERT INTO holds (id, scope, until, value) VALUES (?, ?, ?, ?)",
    hold.id,
    hold.scope,
    hold.until,
    text,
  );
  append({ kind: "held", hold: hold.id, scope: hold.scope, by: hold.by });
  return ok({ hold, gone: goneOf(sql, hold.scope) });
}

/**
 * What of a scope was let go of before: what the log has put down, because that goes whatever comes after, also where the action has
 * not said yet that it is gone. Looks at every action of the workspace where the scope is no single one.
 */
function goneOf(sql: SqlStorage, scope: HoldScope): Gone {
  const [kind = "", ...rest] = scope.split(":");
  const [where, ...values] = kind === "all" ? ["1"] : [`actions.${columnOf(kind)} = ?`, rest.join(":")];
  const rows = sql
    .exec<{ class: string; actions: number }>(
      `SELECT gone.key AS class, count(*) AS actions
       FROM actions, json_each(actions.marks, '$.erased') AS gone WHERE ${where} GROUP BY 1`,
      ...values,
    )
    .toArray();
  const [touched] = sql
    .exec<{ actions: number }>(
      `SELECT count(*) AS actions FROM actions WHERE json_extract(actions.marks, '$.erased') <> '{}' AND ${where}`,
      ...values,
    )
    .toArray();
  const byClass = Object.fromEntries(rows.map((row) => [row.class, row.actions]));
  const counted = retentionClasses.map((name) => [name, byClass[name] ?? 0] as const);
  return { actions: touched?.actions ?? 0, byClass: v.parse(GoneByClass, Object.fromEntries(counted)) };
}

function columnOf(kind: string): "action" | "type" | "requester" {
  if (kind === "action") return "action";
  return kind === "type" ? "type" : "requester";
}

/** Ends a hold and writes its line, once: asked again under the same action it is told the same. Refused where there is none of that id, or it has ended. */
export function releaseHold(pen: HoldPen, { id, by, because, under }: HoldRelease): Result<Hold, Refusal> {
  const hold = findHold(pen.sql, id);
  if (hold === null) return refusal("not_found", `There is no hold ${id}.`);
  if (hold.releasedAt !== null) {
    if (under !== null && hold.releasedUnder === under) return ok(hold);
    const at = new Date(hold.releasedAt).toISOString();
    return refusal("conflict", `${id} has ended already, at ${at}. Nothing is left to release.`);
  }
  const ended = { releasedAt: pen.at, releasedBy: by, releasedBecause: because, releasedUnder: under };
  return ok(end(pen, { ...hold, ...ended }, by));
}

/** Writes down of holds that their end has passed, when that is first noticed. @returns those. */
export function endHolds(pen: HoldPen): Hold[] {
  const by: By = { kind: "engine", id: "engine" };
  return pen.sql
    .exec<{ value: string }>(
      "SELECT value FROM holds WHERE ended = 0 AND until IS NOT NULL AND until <= ? ORDER BY number",
      pen.at,
    )
    .toArray()
    .map(holdIn)
    .map((hold) => end(pen, { ...hold, releasedAt: hold.until, releasedBy: by }, by));
}

function end({ sql, append }: HoldPen, ended: Hold, by: By): Hold {
  sql.exec("UPDATE holds SET ended = 1, value = ? WHERE id = ?", JSON.stringify(ended), ended.id);
  append({ kind: "released", hold: ended.id, scope: ended.scope, by });
  return ended;
}

const holdIn = ({ value }: { value: string }): Hold => v.parse(Hold, JSON.parse(value));
const GoneByClass = Gone.entries.byClass;
