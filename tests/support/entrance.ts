import { createHash, randomBytes } from "node:crypto";
import { keyRandomBytes, keyTextOf } from "../../core/key-text.ts";
import { passTextOf } from "../../core/pass-text.ts";
import type { Agent, Directory, Person } from "../../schemas/directory.ts";
import type { KeyRecord } from "../../schemas/principal.ts";
import type { SessionRecord } from "../../schemas/session.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";

/** What the Worker's way in is tried with in plain Node: its own modules, and Registries that answer from a table. */

/** A module of the Worker. Its types are those of another program (tsconfig.worker.json), so that a test says which it relies on. */
export const workerModule = async <Exports>(file: string): Promise<Exports> =>
  (await import(new URL(`../../${file}`, import.meta.url).href)) as Exports;

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

type Since = { version: number; snapshot: string | null; epoch?: number };

/** What the Worker asks a workspace's Registry, answered as the Registry does. */
export class RegistryStandIn {
  readonly keys = new Map<string, KeyRecord>();
  readonly sessions = new Map<string, SessionRecord>();
  /** Null: nobody has made the workspace. */
  snapshot: Snapshot | null;
  /** A Registry of before says none. */
  epoch: number | null = 3;
  /** What it was asked for, in order. */
  readonly asked: string[] = [];
  /** Called once, in the midst of the next question. */
  meanwhile: (() => void) | null = null;

  constructor(snapshot: Snapshot | null) {
    this.snapshot = snapshot;
  }

  async resolve(input: { keyId: string; keyHash: string; knownVersion: number | null; now: number }) {
    const record = this.keys.get(input.keyHash);
    return this.#keyed("resolve", record?.id === input.keyId ? record : undefined, input);
  }

  async live(input: { keyId: string; knownVersion: number | null; now: number }) {
    return this.#keyed(
      "live",
      [...this.keys.values()].find(({ id }) => id === input.keyId),
      input,
    );
  }

  async session({ hash, knownVersion, now }: { hash: string; knownVersion: number | null; now: number }) {
    const record = this.sessions.get(hash);
    const session = record !== undefined && now < record.endsAt ? record : null;
    return { session, ...this.#since("session", knownVersion, session !== null) };
  }

  async known(knownVersion: number | null): Promise<Since> {
    return this.#since("known", knownVersion, true);
  }

  #keyed(
    what: string,
    record: KeyRecord | undefined,
    { knownVersion, now }: { knownVersion: number | null; now: number },
  ): Since & { key: KeyRecord | null } {
    const ends = record?.expiresAt ?? Infinity;
    const key = record !== undefined && record.revokedAt === null && now < ends ? record : null;
    return { key, ...this.#since(what, knownVersion, key !== null) };
  }

  #since(what: string, knownVersion: number | null, isProven: boolean): Since {
    this.asked.push(`${what} since ${knownVersion}`);
    const { snapshot, epoch } = this;
    const { meanwhile } = this;
    this.meanwhile = null;
    meanwhile?.();
    const version = snapshot?.version ?? 0;
    if (snapshot === null || !isProven) return { version, snapshot: null };
    return {
      version,
      snapshot: version === knownVersion ? null : JSON.stringify(snapshot),
      ...(epoch !== null && { epoch }),
    };
  }
}

const person = (name: string, more: Partial<Person> = {}): Person => ({
  id: `person:${name}`,
  email: `${name}@example.com`,
  manager: null,
  active: true,
  ...more,
});
const agent = (name: string, more: Partial<Agent> = {}): Agent => ({
  id: `agent:${name}`,
  owner: "person:alice",
  roles: [],
  segments: [],
  active: true,
  ...more,
});
const byId = <One extends { id: string }>(...all: One[]): Record<string, One> =>
  Object.fromEntries(all.map((one) => [one.id, one]));

export const directory: Directory = {
  version: 1,
  people: byId(person("alice"), person("bob"), person("gone", { active: false })),
  agents: byId(agent("demo"), agent("other"), agent("idle", { active: false })),
  groups: byId({ id: "operators", members: ["person:alice"] }),
  delegations: [],
};

export const snapshotOf = (more: Partial<Snapshot> = {}): Snapshot => ({
  version: 1,
  policy: null,
  directory,
  endpoints: [],
  links: [],
  salt: "00".repeat(32),
  ...more,
});

/** Registries by their workspaces, and settings, as the Worker's environment has them. A workspace that is not there is asked in vain. */
export function envOf(
  registries: Readonly<Record<string, RegistryStandIn>>,
  settings: Readonly<Record<string, string>> = {},
): object {
  const getByName = (name: string): RegistryStandIn => {
    const [workspace = "", rest] = name.split("/");
    const found =
      Object.hasOwn(registries, workspace) && rest === "registry" ? registries[workspace] : undefined;
    return found ?? new RegistryStandIn(null);
  };
  return { ...settings, REGISTRY: { getByName } };
}

let made = 0;
/** A workspace that nothing is known of yet: the Worker remembers what it has been told. */
export const newWorkspace = (): string => `w${(made += 1)}`;

/** A key that the Registry knows from now on, with its text. */
export function newKey(
  registry: RegistryStandIn,
  workspace: string,
  principal: string,
  more: Partial<KeyRecord> = {},
): { text: string; record: KeyRecord } {
  const written = keyTextOf(workspace, randomBytes(10 * keyRandomBytes));
  if (written === null) throw new Error("no key came of ten times the bytes it takes");
  const record: KeyRecord = {
    id: written.id,
    workspace,
    principal,
    name: null,
    scopes: ["actions:read"],
    createdAt: 0,
    expiresAt: null,
    revokedAt: null,
    replacedBy: null,
    ...more,
  };
  registry.keys.set(sha256Hex(written.key), record);
  return { text: written.key, record };
}

/** A session that the Registry knows from now on, with its cookie's text. */
export function newSession(
  registry: RegistryStandIn,
  workspace: string,
  who: string,
  { signedInAt, endsAt }: { signedInAt: number; endsAt: number },
): { text: string; record: SessionRecord } {
  const text = passTextOf(workspace, randomBytes(32).toString("base64url"));
  const record = { id: `ses_${sha256Hex(text).slice(0, 20)}`, person: who, keyId: "k", signedInAt, endsAt };
  registry.sessions.set(sha256Hex(text), record);
  return { text, record };
}
