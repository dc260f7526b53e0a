import { describe, test } from "vitest";
import { passTextOf } from "../../core/pass-text.ts";
import type { Principal, Scope } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import type { Standing } from "../../schemas/standing.ts";
import {
  envOf,
  newKey,
  newSession,
  newWorkspace,
  RegistryStandIn,
  sha256Hex,
  snapshotOf,
  workerModule,
} from "../support/entrance.ts";

type Authenticated = { principal: Principal; snapshot: Snapshot; standing: Standing };
const { authenticate, bearerOf, holds } = await workerModule<{
  authenticate: (request: Request, env: object, now: number) => Promise<Authenticated>;
  bearerOf: (request: Request) => string | null;
  holds: (principal: Principal, scope: Scope) => boolean;
}>("workers/auth.ts");
const { sessionCookie, sessionCookieOf } = await workerModule<{
  sessionCookie: (env: object, url: URL, session: { text: string; maxAgeMs: number }) => string;
  sessionCookieOf: (request: Request, env: object, url: URL) => string | null;
}>("workers/cookie.ts");

/** An arbitrary moment (epoch ms); nothing here reads a clock of its own. */
const now = 1_800_000_000_000;
const origin = "https://holdpoint.example";

/** A workspace with the people and agents of the directory, which this process has not been told of yet. */
function opened(snapshot: Snapshot | null = snapshotOf()) {
  const workspace = newWorkspace();
  const registry = new RegistryStandIn(snapshot);
  const env = envOf({ [workspace]: registry });
  const as = (headers: Record<string, string>, method = "GET", at = now): Promise<Authenticated> =>
    authenticate(new Request(`${origin}/v1/whoami`, { method, headers }), env, at);
  const bearing = (text: string, at = now): Promise<Authenticated> =>
    as({ authorization: `Bearer ${text}` }, "GET", at);
  const showing = (text: string, more: Record<string, string> = {}, method = "GET", at = now) =>
    as({ cookie: `__Host-holdpoint=${text}`, ...more }, method, at);
  return { workspace, registry, env, as, bearing, showing };
}

/** One answer for whatever is wrong, so that nobody learns what was. */
const refused = {
  code: "unauthenticated",
  parts: {
    detail:
      "Send `Authorization: Bearer hp_…` with a key that is neither expired nor revoked, or sign in on the page.",
  },
};

describe("a bearer token", () => {
  const of = (authorization?: string): string | null =>
    bearerOf(new Request(origin, authorization === undefined ? {} : { headers: { authorization } }));

  test("is the one text behind the scheme, which may be of either case", ({ expect }) => {
    expect([of("Bearer abc"), of("bearer abc"), of("BEARER ~!")]).toEqual(["abc", "abc", "~!"]);
    expect(of(`Bearer ${"x".repeat(512)}`)).toBe("x".repeat(512));
  });

  test.for([
    undefined,
    "",
    "abc",
    "Bearer",
    "Bearerabc",
    "Bearer  abc",
    "Bearer abc def",
    "Basic abc",
    "x Bearer abc",
    "Bearer abé",
    `Bearer ${"x".repeat(513)}`,
  ])("is none: %j", (authorization, { expect }) => {
    expect(of(authorization)).toBeNull();
  });
});

describe("a key", () => {
  test("gets its principal in, with its scopes and how long that stands", async ({ expect }) => {
    const { workspace, registry, bearing } = opened();
    const { text, record } = newKey(registry, workspace, "agent:demo", { expiresAt: now + 1 });
    expect(await bearing(text)).toEqual({
      principal: { workspace, kind: "agent", id: "agent:demo", scopes: ["actions:read"], keyId: record.id },
      snapshot: snapshotOf(),
      standing: { holder: { kind: "key", id: record.id }, epoch: 3, endsAt: now + 1 },
    });
    expect((await bearing(newKey(registry, workspace, "person:bob").text)).principal.kind).toBe("person");
  });

  test("of a service gets in, though no directory has it", async ({ expect }) => {
    const { workspace, registry, bearing } = opened();
    const { text } = newKey(registry, workspace, "service:auditor");
    expect((await bearing(text)).principal).toMatchObject({ kind: "service", id: "service:auditor" });
  });

  test.for(["agent:idle", "person:gone", "agent:nobody", "person:nobody", "person:demo"])(
    "of %s, who is not active here, is refused",
    async (principal, { expect }) => {
      const { workspace, registry, bearing } = opened();
      await expect(bearing(newKey(registry, workspace, principal).text)).rejects.toMatchObject(refused);
    },
  );

  test("that is unknown, over, revoked or of another workspace is refused in the same words", async ({
    expect,
  }) => {
    const { workspace, registry, bearing } = opened();
    const elsewhere = new RegistryStandIn(snapshotOf());
    for (const { text } of [
      newKey(elsewhere, workspace, "person:bob"),
      newKey(registry, newWorkspace(), "person:bob"),
      newKey(registry, workspace, "person:bob", { expiresAt: now }),
      newKey(registry, workspace, "person:bob", { revokedAt: now }),
    ]) {
      await expect(bearing(text)).rejects.toMatchObject(refused);
    }
  });

  test("whose text or workspace is none is refused without asking anybody", async ({ expect }) => {
    const registry = new RegistryStandIn(snapshotOf());
    const env = envOf({ engine: registry, default: registry });
    const { text } = newKey(registry, "default", "person:bob");
    const wrong = `${text.slice(0, -1)}${text.endsWith("a") ? "b" : "a"}`;
    for (const bearer of [wrong, "x", newKey(registry, "engine", "person:bob").text]) {
      const request = new Request(origin, { headers: { authorization: `Bearer ${bearer}` } });
      await expect(authenticate(request, env, now)).rejects.toMatchObject(refused);
    }
    expect(registry.asked).toEqual([]);
  });

  test("that is wrong is not made up for by a cookie that is right", async ({ expect }) => {
    const { workspace, registry, as } = opened();
    const { text } = newSession(registry, workspace, "person:bob", { signedInAt: now, endsAt: now + 1 });
    const cookie = `__Host-holdpoint=${text}`;
    expect((await as({ cookie })).principal.id).toBe("person:bob");
    for (const authorization of ["", "Bearer hp_x", "Basic x"]) {
      await expect(as({ cookie, authorization })).rejects.toMatchObject(refused);
    }
  });

  test("of a workspace that nobody has made is refused", async ({ expect }) => {
    const { workspace, registry, bearing } = opened(null);
    await expect(bearing(newKey(registry, workspace, "service:x").text)).rejects.toMatchObject(refused);
  });
});

describe("what is known of a key", () => {
  test("is asked for again after five seconds, and until then remembered", async ({ expect }) => {
    const { workspace, registry, bearing } = opened();
    const { text, record } = newKey(registry, workspace, "person:bob");
    for (const at of [now, now + 1, now + 4_999]) await bearing(text, at);
    expect(registry.asked).toEqual(["resolve since null"]);
    await bearing(text, now + 5_000);
    // The same snapshot is not sent twice.
    expect(registry.asked).toEqual(["resolve since null", "resolve since 1"]);
    registry.keys.set(sha256Hex(text), { ...record, revokedAt: now });
    expect((await bearing(text, now + 9_999)).principal.id).toBe("person:bob");
    await expect(bearing(text, now + 10_000)).rejects.toMatchObject(refused);
    // What was refused is asked for each time.
    await expect(bearing(text, now + 10_001)).rejects.toMatchObject(refused);
    expect(registry.asked).toHaveLength(4);
  });

  test("does not outlive the key by a millisecond", async ({ expect }) => {
    const { workspace, registry, bearing } = opened();
    const { text } = newKey(registry, workspace, "person:bob", { expiresAt: now + 10 });
    await bearing(text);
    expect((await bearing(text, now + 9)).principal.id).toBe("person:bob");
    await expect(bearing(text, now + 10)).rejects.toMatchObject(refused);
    expect(registry.asked).toHaveLength(1);
  });

  test("is of the whole text, so that another secret under the same id is asked for", async ({ expect }) => {
    const { workspace, registry, bearing } = opened();
    const { text, record } = newKey(registry, workspace, "person:bob");
    await bearing(text);
    const { text: stranger } = newKey(new RegistryStandIn(null), workspace, "person:bob", record);
    await expect(bearing(stranger)).rejects.toMatchObject(refused);
    expect(registry.asked).toHaveLength(2);
  });

  test("has a count of withdrawals, which is 0 where a Registry of before says none", async ({ expect }) => {
    const { workspace, registry, bearing } = opened();
    registry.epoch = null;
    const { text } = newKey(registry, workspace, "person:bob");
    // Asked, and then remembered.
    expect((await bearing(text)).standing.epoch).toBe(0);
    expect((await bearing(text)).standing.epoch).toBe(0);
  });
});

describe("a session", () => {
  const session = { signedInAt: now - 60_000, endsAt: now + 60_000 };

  test("gets its person in, with what they may do on the page", async ({ expect }) => {
    const { workspace, registry, showing } = opened();
    const { text, record } = newSession(registry, workspace, "person:bob", session);
    const { principal, snapshot, standing } = await showing(text);
    expect(principal).toEqual({
      workspace,
      kind: "person",
      id: "person:bob",
      scopes: [
        "actions:read",
        "votes:write",
        "policy:read",
        "directory:read",
        "metrics:read",
        "feedback:write",
      ],
      keyId: record.id,
      signedInAt: session.signedInAt,
    });
    expect(snapshot).toEqual(snapshotOf());
    const holder = { kind: "session", hash: sha256Hex(text) };
    expect(standing).toEqual({ holder, epoch: 3, endsAt: session.endsAt });
  });

  test("of an operator may send dead letters again as well", async ({ expect }) => {
    const { workspace, registry, showing } = opened();
    const { text } = newSession(registry, workspace, "person:alice", session);
    expect((await showing(text)).principal.scopes).toContain("deliveries:write");
  });

  test("of a person who is not active is refused", async ({ expect }) => {
    const { workspace, registry, showing } = opened();
    for (const who of ["person:gone", "person:nobody"]) {
      const { text } = newSession(registry, workspace, who, session);
      await expect(showing(text)).rejects.toMatchObject(refused);
    }
  });

  test("that is none is refused, without asking where it names no workspace", async ({ expect }) => {
    const { workspace, registry, as, showing } = opened();
    await expect(as({})).rejects.toMatchObject(refused);
    await expect(showing("x")).rejects.toMatchObject(refused);
    await expect(showing("")).rejects.toMatchObject(refused);
    expect(registry.asked).toEqual([]);
    await expect(showing(passTextOf(workspace, "A".repeat(43)))).rejects.toMatchObject(refused);
    expect(registry.asked).toEqual(["session since null"]);
  });

  test("of the engine's own Registry is none, and it is not asked", async ({ expect }) => {
    const registry = new RegistryStandIn(snapshotOf());
    const { text } = newSession(registry, "engine", "person:bob", session);
    const request = new Request(origin, { headers: { cookie: `__Host-holdpoint=${text}` } });
    await expect(authenticate(request, envOf({ engine: registry }), now)).rejects.toMatchObject(refused);
    expect(registry.asked).toEqual([]);
  });

  test("is asked for again after five seconds, and until then remembered", async ({ expect }) => {
    const { workspace, registry, showing } = opened();
    const { text } = newSession(registry, workspace, "person:bob", session);
    const at = (ms: number): Promise<Authenticated> => showing(text, {}, "GET", now + ms);
    for (const ms of [0, 1, 4_999]) expect((await at(ms)).standing.epoch).toBe(3);
    expect(registry.asked).toEqual(["session since null"]);
    await at(5_000);
    expect(registry.asked).toEqual(["session since null", "session since 1"]);
    registry.sessions.clear();
    expect((await at(9_999)).principal.id).toBe("person:bob");
    await expect(at(10_000)).rejects.toMatchObject(refused);
    await expect(at(10_001)).rejects.toMatchObject(refused);
    expect(registry.asked).toHaveLength(4);
  });

  test("is over at its end, also while it is remembered", async ({ expect }) => {
    const { workspace, registry, showing } = opened();
    const { text } = newSession(registry, workspace, "person:bob", { signedInAt: now, endsAt: now + 10 });
    expect((await showing(text)).standing.endsAt).toBe(now + 10);
    expect((await showing(text, {}, "GET", now + 9)).principal.id).toBe("person:bob");
    await expect(showing(text, {}, "GET", now + 10)).rejects.toMatchObject(refused);
    expect(registry.asked).toHaveLength(1);
  });

  test("has a count of withdrawals, which is 0 where a Registry of before says none", async ({ expect }) => {
    const { workspace, registry, showing } = opened();
    registry.epoch = null;
    const { text } = newSession(registry, workspace, "person:bob", session);
    expect((await showing(text)).standing.epoch).toBe(0);
    expect((await showing(text)).standing.epoch).toBe(0);
  });

  test("of a workspace that is not there any more is refused", async ({ expect }) => {
    const { workspace, registry, showing } = opened(null);
    const { text } = newSession(registry, workspace, "person:bob", session);
    await expect(showing(text)).rejects.toMatchObject(refused);
  });
});

describe("T20 T21 what a browser sends for somebody", () => {
  const own = { origin, "x-holdpoint-csrf": "1" };
  const signedIn = () => {
    const stage = opened();
    const times = { signedInAt: now, endsAt: now + 60_000 };
    return { ...stage, ...newSession(stage.registry, stage.workspace, "person:bob", times) };
  };

  test.for(["POST", "PUT", "PATCH", "DELETE"])(
    "%s is taken from our own page, with the header that no form can set",
    async (method, { expect }) => {
      const { showing, text } = signedIn();
      expect((await showing(text, own, method)).principal.id).toBe("person:bob");
      const { origin: _, ...noOrigin } = own;
      const page = { code: "forbidden", parts: { detail: "This is for the engine's own page." } };
      for (const from of [
        noOrigin,
        { ...own, origin: "null" },
        { ...own, origin: `${origin}.evil.example` },
      ]) {
        await expect(showing(text, from, method)).rejects.toMatchObject(page);
      }
      const header = {
        code: "forbidden",
        parts: { detail: "Send `x-holdpoint-csrf: 1`, as the page does, or use a key." },
      };
      await expect(showing(text, { origin }, method)).rejects.toMatchObject(header);
      await expect(showing(text, { ...own, "x-holdpoint-csrf": "2" }, method)).rejects.toMatchObject(header);
    },
  );

  test("may be read from anywhere: what reads changes nothing", async ({ expect }) => {
    const { showing, text } = signedIn();
    for (const method of ["GET", "HEAD"]) {
      expect((await showing(text, { origin: "https://evil.example" }, method)).principal.id).toBe(
        "person:bob",
      );
    }
  });

  test("opens a socket from our own page only, which can set no header", async ({ expect }) => {
    const { showing, text } = signedIn();
    const socket = { upgrade: "websocket" };
    expect((await showing(text, { ...socket, origin })).principal.id).toBe("person:bob");
    for (const from of [{}, { origin: "https://evil.example" }]) {
      await expect(showing(text, { ...socket, ...from })).rejects.toMatchObject({ code: "forbidden" });
    }
  });

  test("is looked at for whom it is before where it is from", async ({ expect }) => {
    await expect(opened().showing("x", {}, "POST")).rejects.toMatchObject(refused);
  });
});

describe("the session's cookie", () => {
  const text = passTextOf("default", "A".repeat(43));
  const https = new URL(origin);
  const plain = new URL("http://127.0.0.1:8787");
  const local = { HOLDPOINT_LOCAL: "true" };
  const read = (cookie: string | null, env: object = {}, url = https): string | null =>
    sessionCookieOf(new Request(url, cookie === null ? {} : { headers: { cookie } }), env, url);

  test("is bound to the host, and neither scripts nor other sites have it", ({ expect }) => {
    expect(sessionCookie({}, https, { text, maxAgeMs: 43_200_999 })).toBe(
      `__Host-holdpoint=${text}; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=43200`,
    );
  });

  test("is named by its port on a developer's own machine, and is not Secure there", ({ expect }) => {
    expect(sessionCookie(local, plain, { text, maxAgeMs: 0 })).toBe(
      `holdpoint-8787=${text}; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`,
    );
    expect(sessionCookie(local, new URL("http://localhost"), { text, maxAgeMs: 0 })).toMatch(
      /^holdpoint-80=/u,
    );
    // Over https also there, and over http nowhere else.
    for (const [env, url] of [
      [local, https],
      [{}, plain],
      [{ HOLDPOINT_LOCAL: "false" }, plain],
    ] as const) {
      expect(sessionCookie(env, url, { text, maxAgeMs: 0 })).toMatch(/^__Host-holdpoint=.*; Secure;/u);
    }
  });

  test("is found by its whole name among others, to its end", ({ expect }) => {
    expect(read(`__Host-holdpoint=${text}`)).toBe(text);
    expect(read(`a=b;  __Host-holdpoint=${text} ; c=d`)).toBe(text);
    expect(read("a; __Host-holdpoint=x==")).toBe("x==");
    expect(read(`holdpoint-8787=${text}`, local, plain)).toBe(text);
  });

  test.for([
    null,
    "",
    "__Host-holdpoint",
    `x__Host-holdpoint=${text}`,
    `__Host-holdpointx=${text}`,
    `holdpoint-8787=${text}`,
  ])("is not in %j", (cookie, { expect }) => {
    expect(read(cookie) ?? "").toBe("");
  });
});

describe("a scope", () => {
  test("is held by whoever has it, and by an admin", ({ expect }) => {
    const who = (...scopes: Scope[]): Principal => ({
      workspace: "default",
      kind: "service",
      id: "service:x",
      scopes,
      keyId: "k",
    });
    expect(holds(who("actions:read"), "actions:read")).toBe(true);
    expect(holds(who("admin"), "actions:read")).toBe(true);
    expect(holds(who("actions:read"), "votes:write")).toBe(false);
    expect(holds(who(), "votes:write")).toBe(false);
  });
});
