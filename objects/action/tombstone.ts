import * as v from "valibot";
import type { ActionSummary } from "../../schemas/action.ts";
import { retentionClasses } from "../../schemas/retention.ts";
import type { Seen } from "../../schemas/ledger.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import { Tombstone } from "../../schemas/tombstone.ts";
import { erasedText } from "../../core/evidence/payload.ts";
import { anchorOf } from "../../core/retention/dues.ts";
import type { ActionEvidence } from "./evidence.ts";
import type { Loaded } from "./loaded.ts";

/** What is left of an action once its evidence is gone: one row, in place of all its tables. */

/** Asks the schema, so that asking for an id that does not exist makes no table. */
export function readTombstone(sql: SqlStorage): Tombstone | null {
  if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'tombstone'").toArray().length === 0) return null;
  const { body } = sql.exec<{ body: string }>("SELECT body FROM tombstone WHERE id = 1").one();
  return v.parse(Tombstone, JSON.parse(body));
}

export function writeTombstone(sql: SqlStorage, tombstone: Tombstone): void {
  sql.exec(
    "INSERT INTO tombstone (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    JSON.stringify(tombstone),
  );
}

/** Takes the tables of the action away, triggers and all, and puts the tombstone there; inside the caller's transaction. */
export function replaceBy(sql: SqlStorage, tombstone: Tombstone): void {
  sql.exec("DROP TABLE events; DROP TABLE outbox; DROP TABLE docs; DROP TABLE IF EXISTS cards;");
  sql.exec("CREATE TABLE tombstone (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL)");
  writeTombstone(sql, tombstone);
}

/** The tombstone of an action that lets go of everything at `now` (epoch ms). @throws Error for one that goes on, or has no entry. */
export function tombstoneOf({ payload, stored, keys }: Loaded, now: number): Tombstone {
  const { state, first, head, number = null, erased, news } = stored;
  const endedAt = anchorOf(payload, state);
  if (first === undefined || head === undefined || endedAt === null) {
    throw new Error(`${payload.id} is not over`);
  }
  const { workspace, id: action, type, requester, createdAt } = payload;
  const going = retentionClasses.filter(
    (name) => keys[name] !== undefined && stored.held?.[name] !== undefined,
  );
  return {
    v: 1,
    workspace,
    action,
    number,
    type,
    requester,
    state: state.state,
    detail: state.detail,
    events: state.seq,
    first,
    head,
    createdAt,
    endedAt,
    erasedAt: now,
    erased: { ...erased, ...Object.fromEntries(going.map((name) => [name, now])) },
    news: news + 1,
    tellDue: now,
    copiesDue: number === null ? null : now,
  };
}

/** What the log is told of it. Copies that cannot be removed are held, and nobody can say until when. */
export function seenOfTombstone(stone: Tombstone): Seen {
  const { action, type, requester, first, events, head, state, erased } = stone;
  const last = retentionClasses.findLast((name) => erased[name] !== undefined);
  return {
    action,
    type,
    requester: requester.id,
    first,
    events,
    head,
    state,
    over: true,
    holds: stone.copiesDue === null || last === undefined ? [] : [{ class: last, dueAt: null, bytes: 0 }],
    context: 0,
    erased: erasedIn(stone),
  };
}

const erasedIn = ({ erased }: Tombstone): Seen["erased"] =>
  retentionClasses.flatMap((name) => {
    const at = erased[name];
    return at === undefined ? [] : [{ class: name, at }];
  });

/** What there is to check it by: that it was, and that it is gone, is for the log to prove. */
export function evidenceOfTombstone(stone: Tombstone): ActionEvidence {
  return {
    entries: [],
    contract: null,
    redactions: [],
    erased: erasedIn(stone),
    shown: [],
    seen: seenOfTombstone(stone),
    policyVersion: "",
  };
}

/** What the Board and the log are told. */
export function changeOfTombstone(stone: Tombstone): ActionChanged {
  return {
    workspace: stone.workspace,
    action: stone.action,
    seq: stone.events,
    ack: true,
    summary: summaryOf(stone),
    dueAt: null,
    deadLetters: [],
    news: stone.news,
    evidence: seenOfTombstone(stone),
    erased: retentionClasses.filter((name) => stone.erased[name] !== undefined),
    gone: true,
    deliveries: [],
  };
}

/** For a consumer of the version before, which lists what it is told of. */
function summaryOf(stone: Tombstone): ActionSummary {
  return {
    id: stone.action,
    type: stone.type,
    class: "erased",
    risk: "low",
    state: stone.state,
    detail: stone.detail,
    seq: stone.events,
    digest: stone.head,
    requester: stone.requester,
    target: { resource: erasedText },
    seats: [],
    groups: [],
    deadline: null,
    createdAt: new Date(stone.createdAt).toISOString(),
    updatedAt: new Date(stone.endedAt).toISOString(),
  };
}
