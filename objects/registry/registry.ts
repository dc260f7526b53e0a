import { DurableObject } from "cloudflare:workers";
import { refusal, type Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import type { Agent, Delegation, Group, Person } from "../../schemas/directory.ts";
import type { GlassUseList } from "../../schemas/break-glass.ts";
import type { SlackLink } from "../../schemas/link.ts";
import type { KeyRecord } from "../../schemas/principal.ts";
import type { SessionRecord } from "../../schemas/session.ts";
import type { Holder, Readers } from "../../schemas/standing.ts";
import type { PolicyVersion, RegistryChange, Snapshot } from "../../schemas/snapshot.ts";
import type { Endpoint, SecretRecord } from "../../schemas/webhook.ts";
import { migrate } from "../migrate.ts";
import * as directory from "./directory.ts";
import * as engine from "./engine.ts";
import * as glass from "./glass.ts";
import * as idempotency from "./idempotency.ts";
import * as keys from "./keys.ts";
import { migrations } from "./migrations.ts";
import * as policies from "./policies.ts";
import { newId, newSalt } from "./random.ts";
import * as sessions from "./sessions.ts";
import { listWorkspaces } from "./rows/engine.ts";
import { readReaders } from "./readers.ts";
import { readChanges, readEpoch, readMeta, readVersion, writeMeta } from "./rows/meta.ts";
import { listKeys } from "./rows/keys.ts";
import { findEndpoint, listEndpoints, writeSecret } from "./rows/webhooks.ts";
import { makeSecret, openSecrets, type Made, type Signing } from "./signing.ts";
import { readSnapshot } from "./snapshot.ts";
import * as slackLinks from "./slack-links.ts";
import { Teller } from "./teller.ts";
import * as webhooks from "./webhooks.ts";

/**
 * `key` is null for one that is unknown, wrong, expired or revoked; `snapshot` where the caller has this version already.
 * A snapshot and a policy travel as JSON text: they are parsed at the other door, and the types of RPC cannot follow a
 * recursive one.
 */
export type Resolved = {
  key: KeyRecord | null;
  version: number;
  snapshot: string | null;
  /** How many withdrawals of access there were by then; left out by a Registry of before. */
  epoch?: number;
};

/** The same for a session's cookie. */
export type ResolvedSession = Omit<Resolved, "key"> & { session: SessionRecord | null };

/** Who is named in the audit row where a caller names nobody. */
const nobody = "engine";

/**
 * What a workspace is judged by: policy versions, directory, keys, webhook endpoints and secrets. One per workspace, named
 * `<workspace>/registry`; `engine/registry` holds what all workspaces share. Times are epoch milliseconds and come from the caller.
 *
 * A command decides and writes in one synchronous transaction: nothing else runs between what it read and what it wrote. A refusal
 * is decided before the first write.
 */
export class Registry extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #workspace: string;
  readonly #board: Teller;
  #tables: boolean;
  #snapshot: Snapshot | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    const workspace = /^(.+)\/registry$/u.exec(ctx.id.name ?? "")?.[1];
    if (workspace === undefined) throw new Error("a Registry is named <workspace>/registry");
    this.#workspace = workspace;
    this.#board = new Teller(ctx, () => env.BOARD.getByName(`${workspace}/board`).reauthorise());
    // A key with a made-up workspace leads here too, and must not leave tables behind: they are made by the first write.
    this.#tables = hasTables(this.#sql);
    if (this.#tables) migrate(ctx.storage, migrations);
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
    return this.#resolve(keyId, keyHash, knownVersion, now);
  }

  /** The same for a key that was proven before, as things are this moment. */
  live({ keyId, knownVersion, now }: { keyId: string; knownVersion: number | null; now: number }): Resolved {
    return this.#resolve(keyId, null, knownVersion, now);
  }

  publishPolicy(input: policies.PublishInput): Result<policies.Published, Refusal> {
    return this.#write((sql) => policies.publishPolicy(sql, input));
  }

  activatePolicy(input: { version: string; actor: string; now: number }): Result<PolicyVersion, Refusal> {
    return this.#write((sql) => policies.activatePolicy(sql, input));
  }

  policyVersions(): PolicyVersion[] {
    return this.#read(policies.policyVersions, []);
  }

  /** `{version, document}` as JSON text; null as `version` means the one in force. */
  policy(version: string | null): string | null {
    const found = this.#read((sql) => policies.readPolicy(sql, version), null);
    return found === null ? null : JSON.stringify(found);
  }

  putPerson(value: unknown, actor: string, now: number): Result<Person, Refusal> {
    return this.#withdraw((sql) => directory.putPerson(sql, value, { actor, now }));
  }

  putAgent(value: unknown, actor: string, now: number): Result<Agent, Refusal> {
    return this.#withdraw((sql) => directory.putAgent(sql, value, { actor, now }));
  }

  putGroup(value: unknown, actor: string, now: number): Result<Group, Refusal> {
    return this.#withdraw((sql) => directory.putGroup(sql, value, { actor, now }));
  }

  putDelegation(value: unknown, actor: string, now: number): Result<Delegation, Refusal> {
    return this.#write((sql) => directory.putDelegation(sql, value, { actor, now }));
  }

  removePerson(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.#withdraw((sql) => directory.removePerson(sql, id, { actor, now }));
  }

  removeAgent(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.#withdraw((sql) => directory.removeAgent(sql, id, { actor, now }));
  }

  removeGroup(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.#withdraw((sql) => directory.removeGroup(sql, id, { actor, now }));
  }

  removeDelegation(pair: { from: string; to: string }, actor: string, now: number): Result<null, Refusal> {
    return this.#write((sql) => directory.removeDelegation(sql, pair, { actor, now }));
  }

  createKey({
    now,
    actor = nobody,
    ...input
  }: keys.KeyInput & { now: number; actor?: string }): Result<keys.NewKey, Refusal> {
    return this.#write((sql) => keys.createKey(sql, input, { workspace: this.#workspace, actor, now }));
  }

  rotateKey({
    id,
    overlapMs,
    now,
    actor = nobody,
  }: {
    id: string;
    overlapMs: number;
    now: number;
    actor?: string;
  }): Result<keys.NewKey, Refusal> {
    return this.#withdraw((sql) =>
      keys.rotateKey(sql, { id, overlapMs }, { workspace: this.#workspace, actor, now }),
    );
  }

  revokeKey({
    id,
    now,
    actor = nobody,
  }: {
    id: string;
    now: number;
    actor?: string;
  }): Result<KeyRecord, Refusal> {
    return this.#withdraw((sql) => keys.revokeKey(sql, id, { actor, now }));
  }

  keys(): KeyRecord[] {
    return this.#read(listKeys, []);
  }

  /** A new key for `service:operator` with scope `admin`. Who may call this is the caller's to judge. */
  bootstrap({ workspace, now }: { workspace: string; now: number }): keys.NewKey {
    if (workspace !== this.#workspace) throw new Error("this is another workspace's Registry");
    return this.#write((sql) => keys.bootstrapKey(sql, { workspace, actor: nobody, now }));
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
    return this.#write((sql) => sessions.createLink(sql, input, { workspace: this.#workspace, actor, now }));
  }

  signIn({ hash, now }: { hash: string; now: number }): Result<sessions.SignedIn, Refusal> {
    if (!this.#tables) return sessions.spent();
    return this.#write((sql) => sessions.signIn(sql, { hash }, { workspace: this.#workspace, now }));
  }

  /** Who is behind a session's cookie, proven by its hash, as `resolve` for a key. */
  session(input: { hash: string; knownVersion: number | null; now: number }): ResolvedSession {
    const session = this.#read((sql) => sessions.liveSession(sql, input), null);
    return { session, ...this.#since(input.knownVersion, session !== null) };
  }

  /** The snapshot for somebody whom another authority has proven. */
  known(knownVersion: number | null): Omit<Resolved, "key"> {
    return this.#since(knownVersion, true);
  }

  /** Which of these may still read actions as things are this moment. */
  readers(holders: Holder[], now: number): Readers {
    const none = { epoch: 0, reads: holders.map(() => false) };
    return this.#read((sql) => readReaders(sql, holders, now), none);
  }

  endSession(input: { hash: string; now: number }): void {
    if (this.#tables) this.#withdraw((sql) => sessions.endSession(sql, input));
  }

  createTicket({ holder, now }: { holder: string; now: number }): sessions.NewPass {
    return this.#write((sql) => sessions.createTicket(sql, { holder }, { workspace: this.#workspace, now }));
  }

  redeemTicket(input: { hash: string; holder: string; now: number }): boolean {
    return this.#tables && this.#write((sql) => sessions.redeemTicket(sql, input));
  }

  /** Takes a use of the right to break the glass, before the action is told; see `glass`. */
  openGlassUse(input: glass.UseInput): glass.Opened {
    return this.#write((sql) => glass.openUse(sql, input));
  }

  closeGlassUse(input: { id: string; now: number }): void {
    this.#write((sql) => glass.closeUse(sql, input));
  }

  reviewGlassUse(input: { id: string; by: string; verdict: "justified" | "unjustified"; at: number }): void {
    this.#write((sql) => glass.reviewUse(sql, input));
  }

  dismissGlassUses(input: { action: string; effective: string | null; by: string; now: number }): number {
    return this.#write((sql) => glass.dismissUses(sql, input));
  }

  glassUses(input: {
    state: "open" | "overdue" | "all";
    cursor: string | undefined;
    limit: number;
    now: number;
  }): GlassUseList {
    return this.#read((sql) => glass.pageOfUses(sql, input), { items: [], nextCursor: null });
  }

  createSlackCode(person: string, now: number): Result<{ code: string; endsAt: number }, Refusal> {
    return this.#write((sql) => slackLinks.createCode(sql, person, { actor: person, now }));
  }

  linkSlack(input: { code: string; team: string; user: string }, now: number): Result<SlackLink, Refusal> {
    if (!this.#tables) return refusal("not_found", "There is no such workspace.");
    return this.#write((sql) => slackLinks.linkSlack(sql, input, now));
  }

  linkSlackByEmail(
    input: { team: string; user: string; email: string },
    now: number,
  ): Result<SlackLink, Refusal> {
    if (!this.#tables) return refusal("not_found", "There is no such workspace.");
    return this.#write((sql) => slackLinks.linkByEmail(sql, input, directory.readDirectory(sql), now));
  }

  unlinkSlack(user: { team: string; user: string }, actor: string, now: number): Result<null, Refusal> {
    return this.#write((sql) => slackLinks.unlinkSlack(sql, user, { actor, now }));
  }

  async createSecret(now: number, actor = nobody): Promise<webhooks.NewSecret> {
    const made = await this.#makeSecret();
    return this.#write((sql) => webhooks.createSecret(sql, made, { actor, now }));
  }

  async rotateSecret({
    id,
    overlapMs = webhooks.defaultOverlapMs,
    now,
    actor = nobody,
  }: {
    id: string;
    overlapMs?: number;
    now: number;
    actor?: string;
  }): Promise<Result<webhooks.NewSecret, Refusal>> {
    const made = await this.#makeSecret(id);
    return this.#write((sql) => webhooks.rotateSecret(sql, { made, overlapMs }, { actor, now }));
  }

  secrets(now = Date.now()): SecretRecord[] {
    return this.#read((sql) => webhooks.readSecrets(sql, now), []);
  }

  /** @throws Error where they are sealed with a key that is not here. */
  async signingSecrets(input: { secretId: string; now: number }): Promise<string[]> {
    const { secrets, fault } = await this.signing(input);
    if (fault !== null) throw new Error(fault);
    return secrets;
  }

  /** What notices are signed with, or why they cannot be. Rows from before they were sealed are sealed on the way. */
  async signing({ secretId, now }: { secretId: string; now: number }): Promise<Signing> {
    const rows = this.#read((sql) => webhooks.signingRows(sql, secretId, now), []);
    const { secrets, fault, stale } = await openSecrets(this.env, this.#workspace, rows);
    if (stale.length > 0) {
      this.#write((sql) => {
        for (const { number, was, stored } of stale) writeSecret(sql, number, was, stored);
      });
    }
    return { secrets, fault };
  }

  async createEndpoint(
    body: unknown,
    now: number,
    actor = nobody,
  ): Promise<Result<webhooks.NewEndpoint, Refusal>> {
    const made = await this.#makeSecret();
    return this.#write((sql) => webhooks.createEndpoint(sql, body, made, { actor, now }));
  }

  removeEndpoint(id: string, now = Date.now(), actor = nobody): Result<null, Refusal> {
    return this.#write((sql) => webhooks.removeEndpoint(sql, id, { actor, now }));
  }

  deactivateEndpoint(id: string, now: number, actor = nobody): Result<Endpoint, Refusal> {
    return this.#write((sql) => webhooks.deactivateEndpoint(sql, id, { actor, now }));
  }

  endpoints(): Endpoint[] {
    return this.#read(listEndpoints, []);
  }

  endpoint(id: string): Endpoint | null {
    return this.#read((sql) => findEndpoint(sql, id), null);
  }

  /** An endpoint with what its notices are signed with, newest first: all a delivery needs, in one call. */
  async destination({
    id,
    now,
  }: {
    id: string;
    now: number;
  }): Promise<({ endpoint: Endpoint } & Signing) | null> {
    const endpoint = this.endpoint(id);
    if (endpoint === null) return null;
    return { endpoint, ...(await this.signing({ secretId: endpoint.secretId, now })) };
  }

  /** Takes an Idempotency-Key for a call that is about to be carried out, or says what is known under it. */
  reserve(input: { key: string; fingerprint: string; now: number }): idempotency.Reserved {
    return this.#write((sql) => idempotency.reserve(sql, input));
  }

  remember(input: { key: string; fingerprint: string; answer: string; now: number }): void {
    this.#write((sql) => idempotency.remember(sql, input));
  }

  release(key: string): void {
    this.#write((sql) => idempotency.release(sql, key));
  }

  /** Who changed what and when, newest first. */
  changes(limit = 100): RegistryChange[] {
    return this.#read((sql) => readChanges(sql, Math.min(limit, 1_000)), []);
  }

  /** Engine only: the workspace is known from now on. */
  ensureWorkspace(name: string, now: number): Result<{ name: string; created: boolean }, Refusal> {
    this.#assertEngine();
    return this.#write((sql) => engine.ensureWorkspace(sql, { name, now }));
  }

  /** Engine only: the names of all workspaces. */
  workspaces(): string[] {
    this.#assertEngine();
    return this.#read(listWorkspaces, []).map(({ name }) => name);
  }

  /** Engine only: the key that signs grants, made on first use. */
  async signingKeys(): Promise<engine.SigningKeys> {
    this.#assertEngine();
    const known = this.#read(engine.readSigningKeys, null);
    if (known !== null) return known;
    // Other calls run while this one waits, and each may make a key: the first to commit wins, and all answer with it.
    const made = await engine.newSigningKey();
    return this.#write((sql) => engine.keepFirst(sql, made, Date.now()));
  }

  /** Before any transaction and never inside one, because sealing is asynchronous. */
  #makeSecret(id = newId("whs")): Promise<Made> {
    return makeSecret(this.env, this.#workspace, id);
  }

  #resolve(keyId: string, keyHash: string | null, knownVersion: number | null, now: number): Resolved {
    const key = this.#read((sql) => keys.liveKey(sql, keyId, keyHash, now), null);
    return { key, ...this.#since(knownVersion, key !== null) };
  }

  /** What changed since a version, for a caller who is `proven`; nobody else learns anything. */
  #since(knownVersion: number | null, proven: boolean): Omit<Resolved, "key"> {
    if (!proven || !this.#tables) return { version: this.#read(readVersion, 0), snapshot: null };
    const epoch = this.#read(readEpoch, 0);
    const snapshot = this.#current();
    const isKnown = snapshot.version === knownVersion;
    return { version: snapshot.version, snapshot: isKnown ? null : JSON.stringify(snapshot), epoch };
  }

  /** Kept as long as its version is the present one. */
  #current(): Snapshot {
    const version = this.#read(readVersion, 0);
    if (this.#snapshot?.version !== version) {
      this.#snapshot = this.#write(readSnapshot);
    }
    return this.#snapshot;
  }

  #read<Value>(run: (sql: SqlStorage) => Value, empty: Value): Value {
    return this.#tables ? run(this.#sql) : empty;
  }

  #write<Value>(run: (sql: SqlStorage) => Value): Value {
    if (!this.#tables) {
      migrate(this.ctx.storage, migrations);
      this.#tables = true;
    }
    return this.ctx.storage.transactionSync(() => {
      if (readMeta(this.#sql, "salt") === null) writeMeta(this.#sql, "salt", newSalt());
      return run(this.#sql);
    });
  }

  /** A change that may end somebody's access: whoever has something open in the workspace is asked for again (threat T21). */
  #withdraw<Value>(run: (sql: SqlStorage) => Value): Value {
    const before = this.#read(readEpoch, 0);
    const value = this.#write(run);
    if (this.#read(readEpoch, 0) !== before) this.#board.changed();
    return value;
  }

  #assertEngine(): void {
    if (this.#workspace !== engine.engineName) throw new Error("only the engine's own Registry answers this");
  }
}

function hasTables(sql: SqlStorage): boolean {
  const found = sql
    .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_migrations'")
    .toArray();
  return found.length > 0;
}
