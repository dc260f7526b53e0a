import * as v from "valibot";
import { principalKind } from "../../schemas/principal.ts";
import type { Holder, Readers } from "../../schemas/standing.ts";
import { liveKey } from "./keys.ts";
import { findEntry } from "./rows/directory.ts";
import { findIssuer } from "./rows/issuers.ts";
import { readEpoch } from "./rows/meta.ts";
import { liveSession } from "./sessions.ts";

const Active = v.pipe(v.string(), v.parseJson(), v.object({ active: v.boolean() }));

/** Which of these may still read actions, in their order. */
export function readReaders(sql: SqlStorage, holders: readonly Holder[], now: number): Readers {
  return { epoch: readEpoch(sql), reads: holders.map((holder) => reads(sql, holder, now)) };
}

/** As the Worker decides it for a call: the proof is in force, it is for reading, and its principal is active. */
function reads(sql: SqlStorage, holder: Holder, now: number): boolean {
  switch (holder.kind) {
    case "key": {
      const key = liveKey(sql, holder.id, null, now);
      if (key === null) return false;
      const scoped = key.scopes.includes("actions:read") || key.scopes.includes("admin");
      return scoped && isActive(sql, key.principal);
    }
    case "session": {
      const session = liveSession(sql, { hash: holder.hash, now });
      return session !== null && isActive(sql, session.person);
    }
    case "access":
      return isActive(sql, holder.person);
    case "workload": {
      const trusted = holder.issuer === null || findIssuer(sql, holder.issuer) !== null;
      return trusted && isActive(sql, holder.agent);
    }
  }
}

/** Services are in no directory. */
function isActive(sql: SqlStorage, principal: string): boolean {
  const kind = principalKind(principal);
  if (kind === "service") return true;
  const entry = findEntry(sql, kind, principal);
  return entry !== null && v.parse(Active, entry).active;
}
