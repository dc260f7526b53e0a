import { describe, test } from "vitest";
import { parseKeyText } from "../../core/key-text.ts";
import type { KeyRecord } from "../../schemas/principal.ts";
import { sha256Hex, workerModule } from "../support/entrance.ts";
import { must, openTables, type Outcome, type Sql } from "../support/registry-tables.ts";

type Made = { record: KeyRecord; key: string };
type Moment = { workspace: string; actor: string; now: number; makes?: string };
type Input = { principal: string; scopes: string[] | null; name: string | null; expiresAt: number | null };
const keys = await workerModule<{
  bootstrapKey: (sql: Sql, moment: Moment) => Made;
  createKey: (sql: Sql, input: Input, moment: Moment) => Outcome<Made>;
  liveKey: (sql: Sql, id: string, hash: string | null, now: number) => KeyRecord | null;
  revokeKey: (sql: Sql, id: string, moment: { actor: string; now: number }) => Outcome<KeyRecord>;
  revokeKeysOf: (sql: Sql, principal: string, moment: { actor: string; now: number }) => void;
  rotateKey: (sql: Sql, input: { id: string; overlapMs: number }, moment: Moment) => Outcome<Made>;
}>("objects/registry/keys.ts");

const now = 1_800_000_000_000;
const day = 86_400_000;
const agentScopes = ["actions:request", "actions:read"];

function opened() {
  const tables = openTables();
  const { sql } = tables;
  const moment = (more: Partial<Moment> = {}): Moment => ({ workspace: "acme", actor: "test", now, ...more });
  const create = (input: Partial<Input> = {}, more: Partial<Moment> = {}): Outcome<Made> =>
    keys.createKey(
      sql,
      { principal: "agent:demo", scopes: null, name: null, expiresAt: null, ...input },
      moment(more),
    );
  const rotate = (id: string, overlapMs: number, more: Partial<Moment> = {}): Outcome<Made> =>
    keys.rotateKey(sql, { id, overlapMs }, moment(more));
  const live = (id: string, at = now): KeyRecord | null => keys.liveKey(sql, id, null, at);
  const proves = ({ record }: Made, text: string, at = now): boolean =>
    keys.liveKey(sql, record.id, sha256Hex(text), at) !== null;
  return { ...tables, create, rotate, live, proves, moment };
}

describe("a key", () => {
  test("is its principal's, with what that kind gets where nothing is said", ({ expect }) => {
    const { create, live } = opened();
    const { record, key } = must(create());
    expect(parseKeyText(key)).toEqual({ workspace: "acme", id: record.id });
    expect(record).toEqual({
      id: record.id,
      workspace: "acme",
      principal: "agent:demo",
      name: null,
      scopes: agentScopes,
      createdAt: now,
      expiresAt: null,
      revokedAt: null,
      replacedBy: null,
    });
    expect(live(record.id)).toEqual(record);
    expect(must(create({ principal: "service:x" })).record.scopes).toEqual(["actions:read"]);
    expect(must(create({ principal: "person:bob" })).record.scopes).toContain("votes:write");
    const scopes = ["actions:read", "evidence:read", "actions:read"];
    const named = must(
      create({ principal: "service:x", name: "auditor", scopes, expiresAt: now + 1 }),
    ).record;
    expect(named).toMatchObject({
      name: "auditor",
      scopes: ["actions:read", "evidence:read"],
      expiresAt: now + 1,
    });
  });

  test("T14 is proven by the hash of all its text, of whatever length another is", ({ expect }) => {
    const { create, proves, sql } = opened();
    const made = must(create());
    const { record, key } = made;
    expect(proves(made, key)).toBe(true);
    expect(proves(made, `${key}0`)).toBe(false);
    const hash = sha256Hex(key);
    for (const other of ["", hash.slice(1), `${hash}0`, hash.toUpperCase(), "0".repeat(64)]) {
      expect(keys.liveKey(sql, record.id, other, now)).toBeNull();
    }
    expect(keys.liveKey(sql, "nobody", hash, now)).toBeNull();
    expect(JSON.stringify(sql.exec("SELECT * FROM keys").toArray())).not.toContain(key.slice(-36));
  });

  test("is over at the very millisecond it expires, and when it is revoked", ({ expect }) => {
    const { create, live, sql } = opened();
    const { record } = must(create({ expiresAt: now + 10 }));
    expect([live(record.id, now + 9)?.id, live(record.id, now + 10)]).toEqual([record.id, null]);
    const other = must(create()).record;
    expect(must(keys.revokeKey(sql, other.id, { actor: "test", now: now + 1 })).revokedAt).toBe(now + 1);
    expect(live(other.id)).toBeNull();
    // The first time is kept.
    expect(must(keys.revokeKey(sql, other.id, { actor: "test", now: now + 2 })).revokedAt).toBe(now + 1);
  });

  test("that is not there cannot be revoked or rotated", ({ expect }) => {
    const { sql, rotate } = opened();
    const missing = { ok: false, error: { code: "not_found", detail: "There is no such key here." } };
    expect(keys.revokeKey(sql, "nobody", { actor: "test", now })).toEqual(missing);
    expect(rotate("nobody", 0)).toEqual(missing);
  });

  const invalid = (...errors: { pointer: string; detail: string }[]): object => ({
    ok: false,
    error: { code: "invalid_body", detail: "Mend the named fields and send it again.", errors },
  });
  const faults: [string, Partial<Input>, object][] = [
    [
      "for somebody who is not in the directory",
      { principal: "person:nobody" },
      invalid({
        pointer: "/principal",
        detail: "is person:nobody, which is not in this directory; put it there first",
      }),
    ],
    [
      "that is over already",
      { expiresAt: now },
      invalid({ pointer: "/expiresAt", detail: "is over already" }),
    ],
    [
      "with all that no agent may hold",
      {
        scopes: [
          "actions:read",
          "votes:write",
          "policy:write",
          "directory:write",
          "keys:write",
          "feedback:write",
          "effects:write",
          "admin",
        ],
      },
      invalid({
        pointer: "/scopes",
        detail:
          "has votes:write, policy:write, directory:write, keys:write, feedback:write, effects:write, admin, which no agent may hold",
      }),
    ],
    ["without a scope", { scopes: [] }, invalid({ pointer: "/scopes", detail: "names at least one scope" })],
  ];
  test.for(faults)("%s is not made", ([, input, refusal], { expect }) => {
    const { create, sql } = opened();
    expect(create(input)).toEqual(refusal);
    expect(sql.exec("SELECT * FROM keys").toArray()).toEqual([]);
  });

  test("may hold what no agent may where it is a person's or a service's", ({ expect }) => {
    const { create } = opened();
    for (const principal of ["person:bob", "service:x"]) {
      expect(create({ principal, scopes: ["admin", "votes:write"] }).ok).toBe(true);
    }
  });

  test("of an operator is there before anybody is", ({ expect }) => {
    const { sql, moment } = opened();
    expect(keys.bootstrapKey(sql, moment()).record).toMatchObject({
      workspace: "acme",
      principal: "service:operator",
      scopes: ["admin"],
      name: "operator",
      expiresAt: null,
    });
  });

  test("goes with its principal, and no other's does", ({ expect }) => {
    const { create, live, sql } = opened();
    const [one, two] = [must(create()).record.id, must(create()).record.id];
    const other = must(create({ principal: "person:bob" })).record.id;
    keys.revokeKeysOf(sql, "agent:demo", { actor: "test", now });
    expect([live(one), live(two), live(other)?.id]).toEqual([null, null, other]);
  });

  test("leaves rows of who made, rotated and revoked it", ({ expect }) => {
    const { create, rotate, sql, changes } = opened();
    const first = must(create()).record.id;
    const second = must(rotate(first, 0)).record.id;
    keys.revokeKey(sql, second, { actor: "service:x", now: now + 1 });
    keys.revokeKey(sql, second, { actor: "service:x", now: now + 2 });
    expect(changes()).toEqual([
      `${now} test key.created ${first}`,
      `${now} test key.created ${second}`,
      `${now} test key.rotated ${first}`,
      `${now + 1} service:x key.revoked ${second}`,
    ]);
    // None of them is part of what every isolate knows of the directory.
    expect(sql.exec("SELECT DISTINCT version FROM changes WHERE at > 0").toArray()).toHaveLength(1);
  });
});

describe("a key that is rotated", () => {
  test("has a successor with the same rights, and stands beside it for as long as is said", ({ expect }) => {
    const { create, rotate, live } = opened();
    const old = must(create({ principal: "service:x", name: "auditor", scopes: ["evidence:read"] })).record;
    const { record } = must(rotate(old.id, 1_000));
    expect(record).toMatchObject({ principal: "service:x", name: "auditor", scopes: ["evidence:read"] });
    expect(record.expiresAt).toBeNull();
    expect(live(old.id, now + 999)).toMatchObject({ expiresAt: now + 1_000, replacedBy: record.id });
    expect([live(old.id, now + 1_000), live(record.id, now + 1_000)?.id]).toEqual([null, record.id]);
  });

  test("hands its lifetime on, and gets no longer one itself", ({ expect }) => {
    const { create, rotate, live } = opened();
    const old = must(create({ expiresAt: now + 100 })).record;
    const { record } = must(rotate(old.id, day, { now: now + 10 }));
    expect(record.expiresAt).toBe(now + 110);
    expect([live(old.id, now + 99)?.id, live(old.id, now + 100)]).toEqual([old.id, null]);
    const shorter = must(create({ expiresAt: now + 100 })).record;
    must(rotate(shorter.id, 5));
    expect(live(shorter.id, now + 5)).toBeNull();
  });

  test.for([-1, 0.5, 30 * day + 1, Number.NaN])("is not, with %d ms beside it", (overlapMs, { expect }) => {
    const { create, rotate, live } = opened();
    const { id } = must(create()).record;
    const errors = [{ pointer: "/overlapMs", detail: "is a whole number of milliseconds, 0 to 2592000000" }];
    const detail = "Mend the named fields and send it again.";
    expect(rotate(id, overlapMs)).toEqual({ ok: false, error: { code: "invalid_body", detail, errors } });
    expect(live(id)?.replacedBy).toBeNull();
  });

  test("may stand beside it for nothing, or for thirty days", ({ expect }) => {
    const { create, rotate, live } = opened();
    const [one, two] = [must(create()).record.id, must(create()).record.id];
    expect([rotate(one, 0).ok, rotate(two, 30 * day).ok]).toEqual([true, true]);
    expect([live(one), live(two, now + 30 * day - 1)?.id]).toEqual([null, two]);
  });

  test("is not twice, nor once it is over", ({ expect }) => {
    const { create, rotate, sql } = opened();
    const { id } = must(create()).record;
    const next = must(rotate(id, day)).record.id;
    expect(rotate(id, day)).toEqual({
      ok: false,
      error: {
        code: "conflict",
        detail: `This key was rotated already, to ${next}. Rotate that one.`,
      },
    });
    const over = {
      ok: false,
      error: { code: "conflict", detail: "This key is over already. Make a new one." },
    };
    const expired = must(create({ expiresAt: now + 1 })).record.id;
    expect(rotate(expired, 0, { now: now + 1 })).toEqual(over);
    const revoked = must(create()).record.id;
    must(keys.revokeKey(sql, revoked, { actor: "test", now }));
    expect(rotate(revoked, 0)).toEqual(over);
  });

  test("by a call that was killed is the same call's again, with a text that somebody has", ({ expect }) => {
    const { create, rotate, live, proves, sql } = opened();
    const makes = "abcdefghijklmnopqrstuv";
    const old = must(create({ expiresAt: now + 1_000 })).record;
    const lost = must(rotate(old.id, 500, { makes }));
    expect(lost.record.id).toBe(makes.slice(0, 12));
    const again = must(rotate(old.id, 500, { makes, now: now + 400 }));
    expect(again.record.id).toBe(lost.record.id);
    // As it was promised first, and only the new text proves it.
    expect(again.record.expiresAt).toBe(now + 1_000);
    expect([proves(again, again.key), proves(again, lost.key)]).toEqual([true, false]);
    expect(live(old.id, now + 499)?.id).toBe(old.id);
    expect(live(old.id, now + 500)).toBeNull();
    // Also when the old one is over by now.
    expect(rotate(old.id, 500, { makes, now: now + 600 }).ok).toBe(true);
    // Another call is another's, and so is the same once its key is over.
    expect(rotate(old.id, 500, { makes: "x".repeat(22), now: now + 400 }).ok).toBe(false);
    expect(rotate(old.id, 500, { now: now + 400 }).ok).toBe(false);
    must(keys.revokeKey(sql, lost.record.id, { actor: "test", now }));
    expect(rotate(old.id, 500, { makes, now: now + 400 }).ok).toBe(false);
  });
});
