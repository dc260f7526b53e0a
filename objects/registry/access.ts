import { DurableObject } from "cloudflare:workers";
import { refusal, type Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import type { Issuer } from "../../schemas/issuer.ts";
import type { SlackLink } from "../../schemas/link.ts";
import type { KeyRecord } from "../../schemas/principal.ts";
import type { SessionRecord } from "../../schemas/session.ts";
import type { Holder, Readers } from "../../schemas/standing.ts";
import * as directory from "./directory.ts";
import * as issuers from "./issuers.ts";
import * as keys from "./keys.ts";
import * as sessions from "./sessions.ts";
import { readReaders } from "./readers.ts";
import { listKeys } from "./rows/keys.ts";
import * as slackLinks from "./slack-links.ts";
import { RegistryStore, unnamed, type Since } from "./store.ts";

/** `key` is null for one that is unknown, wrong, expired or revoked. */
export type Resolved = Since & { key: KeyRecord | null };

/** The same for a session's cookie. */
export type ResolvedSession = Since & { session: SessionRecord | null };

/** Who gets in: keys, sessions and tickets, trusted issuers, Slack accounts. */
export class AccessRegistry extends DurableObject<Env> {
  /** An own field, which RPC does not reach. */
  protected readonly store: RegistryStore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.store = new RegistryStore(ctx, env);
  }

  /** Who is behind a key, proven by its hash, and what changed since `knownVersion`. A key that is not in force learns nothing. */
  resolve({
    keyId,
    keyHash,
    knownVersion,
    now,
  }: {
    keyId: string;
    keyHash: string;
    knownVersion: number | null;
    now: number;
  }): Resolved {
    return resolved(this.store, keyId, keyHash, knownVersion, now);
  }

  /** The same for a key that was proven before, as things are this moment. */
  live({ keyId, knownVersion, now }: { keyId: string; knownVersion: number | null; now: number }): Resolved {
    return resolved(this.store, keyId, null, knownVersion, now);
  }

  createKey({
    now,
    actor = unnamed,
    makes,
    ...input
  }: keys.KeyInput & { now: number; actor?: string; makes?: string }): Result<keys.NewKey, Refusal> {
    return this.store.write((sql) =>
      keys.createKey(sql, input, { workspace: this.store.workspace, actor, now, makes }),
    );
  }

  rotateKey({
    id,
    overlapMs,
    now,
    actor = unnamed,
    makes,
  }: {
    id: string;
    overlapMs: number;
    now: number;
    actor?: string;
    makes?: string;
  }): Result<keys.NewKey, Refusal> {
    return this.store.writeAccess((sql) =>
      keys.rotateKey(sql, { id, overlapMs }, { workspace: this.store.workspace, actor, now, makes }),
    );
  }

  revokeKey({
    id,
    now,
    actor = unnamed,
  }: {
    id: string;
    now: number;
    actor?: string;
  }): Result<KeyRecord, Refusal> {
    return this.store.writeAccess((sql) => keys.revokeKey(sql, id, { actor, now }));
  }

  keys(): KeyRecord[] {
    return this.store.read(listKeys, []);
  }

  /** A new key for `service:operator` with scope `admin`. Who may call this is the caller's to judge. */
  bootstrap({ workspace, now }: { workspace: string; now: number }): keys.NewKey {
    if (workspace !== this.store.workspace) throw new Error("this is another workspace's Registry");
    return this.store.write((sql) => keys.bootstrapKey(sql, { workspace, actor: unnamed, now }));
  }

  /** A sign-in link's token for a person, made with a key. */
  createLink({
    actor,
    now,
    ...input
  }: {
    person: string;
    keyId: string;
    actor: string;
    now: number;
  }): Result<sessions.NewPass, Refusal> {
    return this.store.write((sql) =>
      sessions.createLink(sql, input, { workspace: this.store.workspace, actor, now }),
    );
  }

  signIn({ hash, now }: { hash: string; now: number }): Result<sessions.SignedIn, Refusal> {
    if (!this.store.exists) return sessions.spent();
    return this.store.write((sql) =>
      sessions.signIn(sql, { hash }, { workspace: this.store.workspace, now }),
    );
  }

  /** Who is behind a session's cookie, proven by its hash, as `resolve` for a key. */
  session(input: { hash: string; knownVersion: number | null; now: number }): ResolvedSession {
    const session = this.store.read((sql) => sessions.liveSession(sql, input), null);
    return { session, ...this.store.since(input.knownVersion, session !== null) };
  }

  /** The snapshot for somebody whom another authority has proven. */
  known(knownVersion: number | null): Since {
    return this.store.since(knownVersion, true);
  }

  /** Which of these may still read actions as things are this moment. */
  readers(holders: Holder[], now: number): Readers {
    const none = { epoch: 0, reads: holders.map(() => false) };
    return this.store.read((sql) => readReaders(sql, holders, now), none);
  }

  endSession(input: { hash: string; now: number }): void {
    if (this.store.exists) this.store.writeAccess((sql) => sessions.endSession(sql, input));
  }

  createTicket({ holder, now }: { holder: string; now: number }): sessions.NewPass {
    return this.store.write((sql) =>
      sessions.createTicket(sql, { holder }, { workspace: this.store.workspace, now }),
    );
  }

  redeemTicket(input: { hash: string; holder: string; now: number }): boolean {
    return this.store.exists && this.store.write((sql) => sessions.redeemTicket(sql, input));
  }

  putIssuer(value: unknown, actor: string, now: number): Result<Issuer, Refusal> {
    return this.store.writeAccess((sql) => issuers.putIssuer(sql, value, { actor, now }));
  }

  removeIssuer(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.store.writeAccess((sql) => issuers.removeIssuer(sql, id, { actor, now }));
  }

  createSlackCode(person: string, now: number): Result<{ code: string; endsAt: number }, Refusal> {
    return this.store.write((sql) => slackLinks.createCode(sql, person, { actor: person, now }));
  }

  linkSlack(input: { code: string; team: string; user: string }, now: number): Result<SlackLink, Refusal> {
    if (!this.store.exists) return refusal("not_found", "There is no such workspace.");
    return this.store.write((sql) => slackLinks.linkSlack(sql, input, now));
  }

  linkSlackByEmail(
    input: { team: string; user: string; email: string },
    now: number,
  ): Result<SlackLink, Refusal> {
    if (!this.store.exists) return refusal("not_found", "There is no such workspace.");
    return this.store.write((sql) => slackLinks.linkByEmail(sql, input, directory.readDirectory(sql), now));
  }

  unlinkSlack(user: { team: string; user: string }, actor: string, now: number): Result<null, Refusal> {
    return this.store.write((sql) => slackLinks.unlinkSlack(sql, user, { actor, now }));
  }
}

function resolved(
  store: RegistryStore,
  keyId: string,
  keyHash: string | null,
  knownVersion: number | null,
  now: number,
): Resolved {
  const key = store.read((sql) => keys.liveKey(sql, keyId, keyHash, now), null);
  return { key, ...store.since(knownVersion, key !== null) };
}
