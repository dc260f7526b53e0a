import type { Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import type { RegistryChange } from "../../schemas/snapshot.ts";
import type { Endpoint, SecretRecord } from "../../schemas/webhook.ts";
import * as engine from "./engine.ts";
import * as idempotency from "./idempotency.ts";
import { newId } from "./random.ts";
import { listWorkspaces } from "./rows/engine.ts";
import { readChanges } from "./rows/meta.ts";
import { findEndpoint, listEndpoints, writeSecret } from "./rows/webhooks.ts";
import { makeSecret, openSecrets, type Made, type Signing } from "./signing.ts";
import * as webhooks from "./webhooks.ts";
import { RulesRegistry } from "./rules.ts";
import { unnamed } from "./store.ts";

/**
 * What a workspace is judged by, and who gets in. One per workspace, named `<workspace>/registry`; `engine/registry` holds what all
 * workspaces share. Times are epoch milliseconds and come from the caller.
 *
 * A command decides and writes in one synchronous transaction: nothing else runs between what it read and what it wrote. A refusal
 * is decided before the first write.
 */
export class Registry extends RulesRegistry {
  /** `makes`: what its id is called after (`idempotency.Reserved`), here and below; any other where it is left out. */
  async createSecret(now: number, actor = unnamed, makes?: string): Promise<webhooks.NewSecret> {
    const made = this.#makeSecret(newId("whs", makes));
    return this.store.write((sql) => webhooks.createSecret(sql, made, { actor, now }));
  }

  async rotateSecret({
    id,
    overlapMs = webhooks.defaultOverlapMs,
    now,
    actor = unnamed,
  }: {
    id: string;
    overlapMs?: number;
    now: number;
    actor?: string;
  }): Promise<Result<webhooks.NewSecret, Refusal>> {
    const made = this.#makeSecret(id);
    return this.store.write((sql) => webhooks.rotateSecret(sql, { made, overlapMs }, { actor, now }));
  }

  secrets(now = Date.now()): SecretRecord[] {
    return this.store.read((sql) => webhooks.readSecrets(sql, now), []);
  }

  /** @throws Error where they are sealed with a key that is not here. */
  async signingSecrets(input: { secretId: string; now: number }): Promise<string[]> {
    const { secrets, fault } = await this.signing(input);
    if (fault !== null) throw new Error(fault);
    return secrets;
  }

  /** What notices are signed with, or why they cannot be. Rows from before they were sealed are sealed on the way. */
  async signing({ secretId, now }: { secretId: string; now: number }): Promise<Signing> {
    const rows = this.store.read((sql) => webhooks.signingRows(sql, secretId, now), []);
    const { secrets, fault, stale } = openSecrets(this.env, this.store.workspace, rows);
    if (stale.length > 0) {
      this.store.write((sql) => {
        for (const { number, was, stored } of stale) writeSecret(sql, number, was, stored);
      });
    }
    return { secrets, fault };
  }

  async createEndpoint(
    body: unknown,
    now: number,
    actor = unnamed,
    makes?: string,
  ): Promise<Result<webhooks.NewEndpoint, Refusal>> {
    const made = { id: newId("whe", makes), own: this.#makeSecret(newId("whs", makes)) };
    return this.store.write((sql) => webhooks.createEndpoint(sql, body, made, { actor, now }));
  }

  removeEndpoint(id: string, now = Date.now(), actor = unnamed): Result<null, Refusal> {
    return this.store.write((sql) => webhooks.removeEndpoint(sql, id, { actor, now }));
  }

  deactivateEndpoint(id: string, now: number, actor = unnamed): Result<Endpoint, Refusal> {
    return this.store.write((sql) => webhooks.deactivateEndpoint(sql, id, { actor, now }));
  }

  endpoints(): Endpoint[] {
    return this.store.read(listEndpoints, []);
  }

  endpoint(id: string): Endpoint | null {
    return this.store.read((sql) => findEndpoint(sql, id), null);
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
    return this.store.write((sql) => idempotency.reserve(sql, input));
  }

  remember(input: { key: string; fingerprint: string; answer: string; now: number }): void {
    this.store.write((sql) => idempotency.remember(sql, input));
  }

  release(key: string): void {
    this.store.write((sql) => idempotency.release(sql, key));
  }

  /** Who changed what and when, newest first. */
  changes(limit = 100): RegistryChange[] {
    return this.store.read((sql) => readChanges(sql, Math.min(limit, 1_000)), []);
  }

  /** Engine only: the workspace is known from now on. */
  ensureWorkspace(name: string, now: number): Result<{ name: string; created: boolean }, Refusal> {
    this.#assertEngine();
    return this.store.write((sql) => engine.ensureWorkspace(sql, { name, now }));
  }

  /** Engine only: the names of all workspaces. */
  workspaces(): string[] {
    this.#assertEngine();
    return this.store.read(listWorkspaces, []).map(({ name }) => name);
  }

  /** Engine only: the key that signs grants, made on first use. */
  async signingKeys(): Promise<engine.SigningKeys> {
    this.#assertEngine();
    const known = this.store.read(engine.readSigningKeys, null);
    if (known !== null) return known;
    // Other calls run while this one waits, and each may make a key: the first to commit wins, and all answer with it.
    const made = await engine.newSigningKey();
    return this.store.write((sql) => engine.keepFirst(sql, made, Date.now()));
  }

  #makeSecret(id: string): Made {
    return makeSecret(this.env, this.store.workspace, id);
  }

  /** Forgets people, agents, keys, sessions, rules and everything else of a workspace. */
  async purge(): Promise<void> {
    if (this.store.workspace === engine.engineName) {
      throw new Error("the engine's own Registry is not a workspace's");
    }
    await this.store.purge();
  }

  #assertEngine(): void {
    if (this.store.workspace !== engine.engineName) {
      throw new Error("only the engine's own Registry answers this");
    }
  }
}
