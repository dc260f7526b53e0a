import * as v from "valibot";
import { Event } from "../../schemas/event.ts";
import { Payload, StoredAction } from "../../schemas/stored.ts";
import { append } from "./chain.ts";
import * as rows from "./rows.ts";
import { conceive, payloadRow, stateRow } from "./sealing.ts";

/**
 * Gives an action from before there was a chain one, inside the caller's transaction: its events as entries, in a new log in place
 * of the old one, and everything it holds sealed. From then on it is like any other; what it was before is vouched for by nobody.
 * @throws Error where the environment's key is none.
 */
export function chainOld(sql: SqlStorage, env: unknown): void {
  const docs = rows.readDocs(sql);
  const stored = v.parse(StoredAction, JSON.parse(docs.state));
  const old = rows.readUnchained(sql);
  rows.replaceLog(sql);
  let there = conceive(v.parse(Payload, JSON.parse(docs.payload)), stored);
  for (const { body, ...mark } of old) {
    const event = v.parse(Event, JSON.parse(body));
    there = append(sql, there, stored.state, [event], mark);
  }
  rows.writeDoc(sql, "payload", payloadRow(env, there));
  rows.writeDoc(sql, "state", stateRow(there));
}
