import * as v from "valibot";
import type { KeyRecord } from "../schemas/principal.ts";
import type { SessionRecord } from "../schemas/session.ts";
import { Snapshot } from "../schemas/snapshot.ts";
import { registryOf } from "./stubs.ts";

/**
 * What this isolate knows of keys, policy and directory, so that a call costs no Registry request of its own.
 * Nothing here is older than `freshMs`: that bounds how long a revoked key or a changed group can still be seen
 * elsewhere. Writes that pass through this isolate are forgotten at once, and a claim never reads from here.
 */
const freshMs = 5_000;
/** Keys kept per isolate; past it the cache starts over (about 1 kB a key, so some 10 MB at most). */
const maxKeys = 10_000;

type KnownKey = { record: KeyRecord; checkedAt: number; epoch: number };
const keys = new Map<string, KnownKey>();
type KnownSession = { workspace: string; session: SessionRecord; checkedAt: number; epoch: number };
const sessions = new Map<string, KnownSession>();
const snapshots = new Map<string, Snapshot>();

/** When (epoch ms) the snapshot of a workspace was last asked for without a key. */
const askedAt = new Map<string, { at: number; epoch: number }>();

/** `epoch`: how many withdrawals of access the Registry had counted when it was asked. */
export type Identified = { record: KeyRecord; snapshot: Snapshot; epoch: number };

/**
 * Grows with every `forget`: what was asked before a write must not be kept after it. Per isolate, not per workspace,
 * because writes are rare and all it costs is one more question.
 */
let generation = 0;

/** The key's record and the workspace's snapshot, or null for a key that is unknown, expired or revoked. */
export async function identify(
  env: Env,
  key: { workspace: string; id: string; hash: string },
  now: number,
): Promise<Identified | null> {
  const cached = keys.get(key.hash);
  const known = snapshots.get(key.workspace);
  if (cached !== undefined && known !== undefined && now - cached.checkedAt < freshMs) {
    const { expiresAt } = cached.record;
    return expiresAt !== null && now >= expiresAt ? null : { ...cached, snapshot: known };
  }
  const asked = generation;
  const answer = await registryOf(env, key.workspace).resolve({
    keyId: key.id,
    keyHash: key.hash,
    knownVersion: known?.version ?? null,
    now,
  });
  const snapshot = keep(key.workspace, answer.snapshot, known, asked);
  if (answer.key === null || snapshot === undefined) {
    keys.delete(key.hash);
    return null;
  }
  if (keys.size >= maxKeys) keys.clear();
  const { key: record, epoch = 0 } = answer;
  if (asked === generation) keys.set(key.hash, { record, checkedAt: now, epoch });
  return { record, snapshot, epoch };
}

/** The session behind a cookie (its SHA-256) and the workspace's snapshot, or null for one that is over. */
export async function identifySession(
  env: Env,
  { workspace, hash }: { workspace: string; hash: string },
  now: number,
): Promise<{ session: SessionRecord; snapshot: Snapshot; epoch: number } | null> {
  const cached = sessions.get(hash);
  const known = snapshots.get(workspace);
  if (cached !== undefined && known !== undefined && now - cached.checkedAt < freshMs) {
    return now < cached.session.endsAt ? { ...cached, snapshot: known } : null;
  }
  const asked = generation;
  const knownVersion = known?.version ?? null;
  const answer = await registryOf(env, workspace).session({ hash, knownVersion, now });
  const snapshot = keep(workspace, answer.snapshot, known, asked);
  if (answer.session === null || snapshot === undefined) {
    sessions.delete(hash);
    return null;
  }
  if (sessions.size >= maxKeys) sessions.clear();
  const { session, epoch = 0 } = answer;
  if (asked === generation) sessions.set(hash, { workspace, session, checkedAt: now, epoch });
  return { session, snapshot, epoch };
}

/** The workspace's snapshot for somebody whom another authority has proven; null where there is no such workspace. */
export async function readKnown(env: Env, workspace: string): Promise<Snapshot | null> {
  return (await askKnown(env, workspace))?.snapshot ?? null;
}

/** The same, with how many withdrawals of access there were by then. */
export async function askKnown(
  env: Env,
  workspace: string,
): Promise<{ snapshot: Snapshot; epoch: number } | null> {
  const known = snapshots.get(workspace);
  const asked = generation;
  const answer = await registryOf(env, workspace).known(known?.version ?? null);
  const snapshot = keep(workspace, answer.snapshot, known, asked);
  return snapshot === undefined ? null : { snapshot, epoch: answer.epoch ?? 0 };
}

/** The same, at most `freshMs` old: for callers who prove themselves against it, and may be many and nobody. */
export async function askRecent(
  env: Env,
  workspace: string,
  now: number,
): Promise<{ snapshot: Snapshot; epoch: number } | null> {
  const known = snapshots.get(workspace);
  const asked = askedAt.get(workspace);
  if (known !== undefined && asked !== undefined && now - asked.at < freshMs) {
    return { snapshot: known, epoch: asked.epoch };
  }
  const answer = await askKnown(env, workspace);
  if (answer !== null && snapshots.get(workspace) === answer.snapshot) {
    askedAt.set(workspace, { at: now, epoch: answer.epoch });
  }
  return answer;
}

/**
 * The snapshot as the Registry has it this moment, for the reads that decide whether something runs.
 * Null when the key behind the call has been revoked meanwhile. Throws when the Registry cannot be read.
 */
export async function readLive(
  env: Env,
  workspace: string,
  keyId: string,
  now: number,
): Promise<Snapshot | null> {
  const known = snapshots.get(workspace);
  const asked = generation;
  const answer = await registryOf(env, workspace).live({ keyId, knownVersion: known?.version ?? null, now });
  const snapshot = keep(workspace, answer.snapshot, known, asked);
  return answer.key === null ? null : (snapshot ?? null);
}

/**
 * The snapshot that an answer stands for: the one it brought, or the one it was asked with. Kept unless something was
 * written meanwhile or a newer one has come in beside it.
 */
function keep(
  workspace: string,
  text: string | null,
  known: Snapshot | undefined,
  asked: number,
): Snapshot | undefined {
  if (text === null) return known;
  const snapshot = v.parse(Snapshot, JSON.parse(text));
  const newest = snapshots.get(workspace)?.version ?? -1;
  if (asked === generation && snapshot.version > newest) snapshots.set(workspace, snapshot);
  return snapshot;
}

/** Drop what is known of a workspace, after a write to its Registry. */
export function forget(workspace: string): void {
  generation += 1;
  snapshots.delete(workspace);
  askedAt.delete(workspace);
  for (const [hash, { record }] of keys) {
    if (record.workspace === workspace) keys.delete(hash);
  }
  for (const [hash, session] of sessions) {
    if (session.workspace === workspace) sessions.delete(hash);
  }
}
