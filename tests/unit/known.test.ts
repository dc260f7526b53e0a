import { describe, test } from "vitest";
import type { KeyRecord } from "../../schemas/principal.ts";
import type { SessionRecord } from "../../schemas/session.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import {
  directory,
  envOf,
  newKey,
  newSession,
  newWorkspace,
  RegistryStandIn,
  sha256Hex,
  snapshotOf,
  workerModule,
} from "../support/entrance.ts";

type Known = { snapshot: Snapshot; epoch: number } | null;
type Ask = (env: object, workspace: string, now: number) => Promise<Known>;
type Named = { workspace: string; id: string; hash: string };
const { askKnown, askRecent, forget, identify, identifySession, readKnown, readLive } = await workerModule<{
  askKnown: (env: object, workspace: string) => Promise<Known>;
  askRecent: Ask;
  forget: (workspace: string) => void;
  identify: (
    env: object,
    key: Named,
    now: number,
  ) => Promise<{ record: KeyRecord; snapshot: Snapshot } | null>;
  identifySession: (
    env: object,
    session: { workspace: string; hash: string },
    now: number,
  ) => Promise<{ session: SessionRecord; snapshot: Snapshot } | null>;
  readKnown: (env: object, workspace: string) => Promise<Snapshot | null>;
  readLive: (env: object, workspace: string, keyId: string, now: number) => Promise<Snapshot | null>;
}>("workers/known.ts");

const now = 1_800_000_000_000;

function opened(snapshot: Snapshot | null = snapshotOf()) {
  const workspace = newWorkspace();
  const registry = new RegistryStandIn(snapshot);
  const env = envOf({ [workspace]: registry });
  const { text, record } = newKey(registry, workspace, "person:bob");
  const key = { workspace, id: record.id, hash: sha256Hex(text) };
  const cookie = newSession(registry, workspace, "person:bob", { signedInAt: now, endsAt: now + 60_000 });
  const session = { workspace, hash: sha256Hex(cookie.text) };
  return { workspace, registry, env, key, session };
}

/** The same workspace, with somebody more or less in it. */
const changed = (version: number): Snapshot => snapshotOf({ version, directory: { ...directory, version } });

describe("what this isolate knows of a workspace", () => {
  test("is forgotten by a write that goes through it, with its keys and sessions", async ({ expect }) => {
    const { workspace, registry, env, key, session } = opened();
    const other = opened();
    for (const { env: of, key: k, session: s } of [{ env, key, session }, other]) {
      await identify(of, k, now);
      await identifySession(of, s, now);
    }
    expect([registry.asked.length, other.registry.asked.length]).toEqual([2, 2]);
    registry.snapshot = changed(2);
    forget(workspace);
    expect((await identify(env, key, now))?.snapshot.version).toBe(2);
    expect((await identifySession(env, session, now))?.snapshot.version).toBe(2);
    // The other workspace's is known still.
    await identify(other.env, other.key, now);
    await identifySession(other.env, other.session, now);
    expect(registry.asked.slice(2)).toEqual(["resolve since null", "session since 2"]);
    expect(other.registry.asked).toHaveLength(2);
  });

  test("is forgotten of a key and of a session each by themselves", async ({ expect }) => {
    const { workspace, registry, env, key, session } = opened();
    await identify(env, key, now);
    await identifySession(env, session, now);
    forget(workspace);
    // Somebody else has the snapshot asked for meanwhile: the key and the session are asked for all the same.
    await askKnown(env, workspace);
    await identify(env, key, now);
    await identifySession(env, session, now);
    expect(registry.asked.slice(2)).toEqual(["known since null", "resolve since 1", "session since 1"]);
  });

  test("is not kept where something was written while it was asked for", async ({ expect }) => {
    const { workspace, registry, env, key, session } = opened();
    const writes = (): void => forget(workspace);
    registry.meanwhile = writes;
    expect((await identify(env, key, now))?.record.id).toBe(key.id);
    registry.meanwhile = writes;
    expect((await identifySession(env, session, now))?.session.person).toBe("person:bob");
    registry.meanwhile = writes;
    expect((await askRecent(env, workspace, now))?.snapshot.version).toBe(1);
    await askRecent(env, workspace, now);
    await identify(env, key, now);
    await identifySession(env, session, now);
    expect(registry.asked).toEqual([
      "resolve since null",
      "session since null",
      "known since null",
      "known since null",
      "resolve since 1",
      "session since 1",
    ]);
  });

  test("is not believed of a key or a session that was asked for before the write, once more is known", async ({
    expect,
  }) => {
    const { workspace, registry, env, key, session } = opened();
    for (const ask of [() => identify(env, key, now), () => identifySession(env, session, now)]) {
      registry.meanwhile = () => forget(workspace);
      await ask();
      await askKnown(env, workspace);
      const before = registry.asked.length;
      await ask();
      expect(registry.asked).toHaveLength(before + 1);
    }
  });

  test("has no count of withdrawals from before a write", async ({ expect }) => {
    const { workspace, registry, env, key } = opened();
    registry.meanwhile = () => {
      forget(workspace);
      registry.epoch = 4;
    };
    expect((await askRecent(env, workspace, now))?.epoch).toBe(3);
    await identify(env, key, now);
    expect((await askRecent(env, workspace, now))?.epoch).toBe(4);
  });

  test("never goes back to what was before, whichever answer comes last", async ({ expect }) => {
    const { workspace, registry, env } = opened();
    let inner: Promise<unknown> = Promise.resolve();
    registry.meanwhile = () => {
      registry.snapshot = changed(2);
      inner = askKnown(env, workspace);
      registry.snapshot = snapshotOf();
    };
    // Asked first, answered last, with the older one.
    const slow = askKnown(env, workspace);
    await inner;
    await slow;
    await askKnown(env, workspace);
    expect(registry.asked.at(-1)).toBe("known since 2");
  });

  test("grows with the version, and is not sent again while it is the same", async ({ expect }) => {
    const { workspace, registry, env } = opened();
    expect((await readKnown(env, workspace))?.version).toBe(1);
    expect((await readKnown(env, workspace))?.version).toBe(1);
    registry.snapshot = changed(2);
    expect((await readKnown(env, workspace))?.directory.version).toBe(2);
    expect((await readKnown(env, workspace))?.version).toBe(2);
    expect(registry.asked).toEqual(["known since null", "known since 1", "known since 1", "known since 2"]);
  });

  test("is nothing where nobody has made it", async ({ expect }) => {
    const { workspace, env, key, session } = opened(null);
    expect(await readKnown(env, workspace)).toBeNull();
    expect(await askKnown(env, workspace)).toBeNull();
    expect(await askRecent(env, workspace, now)).toBeNull();
    expect(await identify(env, key, now)).toBeNull();
    expect(await identifySession(env, session, now)).toBeNull();
    expect(await readLive(env, workspace, key.id, now)).toBeNull();
  });
});

describe("a caller whom another authority has proven", () => {
  test("has the count of withdrawals as it is now, 0 from a Registry of before", async ({ expect }) => {
    const { workspace, registry, env } = opened();
    expect((await askKnown(env, workspace))?.epoch).toBe(3);
    registry.epoch = null;
    expect((await askKnown(env, workspace))?.epoch).toBe(0);
  });

  test("costs a question every five seconds, however many there are", async ({ expect }) => {
    const { workspace, registry, env } = opened();
    for (const at of [now, now + 1, now + 4_999]) {
      expect(await askRecent(env, workspace, at)).toEqual({ snapshot: snapshotOf(), epoch: 3 });
    }
    expect(registry.asked).toHaveLength(1);
    registry.epoch = 4;
    expect((await askRecent(env, workspace, now + 5_000))?.epoch).toBe(4);
    expect(registry.asked).toHaveLength(2);
    expect((await askRecent(env, workspace, now + 9_999))?.epoch).toBe(4);
    expect(registry.asked).toHaveLength(2);
  });

  test("is asked for where only a key has been, and after a write", async ({ expect }) => {
    const { workspace, registry, env, key } = opened();
    await identify(env, key, now);
    await askRecent(env, workspace, now);
    expect(registry.asked).toEqual(["resolve since null", "known since 1"]);
    forget(workspace);
    await identify(env, key, now);
    await askRecent(env, workspace, now);
    expect(registry.asked.slice(2)).toEqual(["resolve since null", "known since 1"]);
  });
});

describe("a read that decides whether something runs", () => {
  test("is of this very moment, by a key that is in force now", async ({ expect }) => {
    const { workspace, registry, env, key } = opened();
    await identify(env, key, now);
    expect((await readLive(env, workspace, key.id, now))?.version).toBe(1);
    registry.snapshot = changed(2);
    expect((await readLive(env, workspace, key.id, now))?.version).toBe(2);
    expect((await readLive(env, workspace, key.id, now))?.version).toBe(2);
    expect(registry.asked.slice(1)).toEqual(["live since 1", "live since 1", "live since 2"]);
    registry.keys.clear();
    expect(await readLive(env, workspace, key.id, now)).toBeNull();
  });

  test("fails where the Registry cannot be read", async ({ expect }) => {
    const { workspace, registry, env, key } = opened();
    await identify(env, key, now);
    registry.meanwhile = () => {
      throw new Error("it is away");
    };
    await expect(readLive(env, workspace, key.id, now)).rejects.toThrow("it is away");
  });

  test("is of a workspace that was not asked about before as well", async ({ expect }) => {
    const { workspace, registry, env, key } = opened();
    expect((await readLive(env, workspace, key.id, now))?.version).toBe(1);
    expect(registry.asked).toEqual(["live since null"]);
  });
});
