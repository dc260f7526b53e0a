import { describe, test } from "vitest";
import type { Issuer } from "../../schemas/issuer.ts";
import type { Principal } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import type { Standing } from "../../schemas/standing.ts";
import {
  directory,
  envOf,
  newWorkspace,
  RegistryStandIn,
  snapshotOf,
  workerModule,
} from "../support/entrance.ts";
import { encode, fetchFrom, hmac, jws, type Pair, pairOf, signerOf } from "../support/forged/jwt.ts";

type Authenticated = { principal: Principal; snapshot: Snapshot; standing: Standing };
const { keyIdOf, tokenHolds, workloadTokenOf } = await workerModule<{
  keyIdOf: (issuer: Issuer, agent: string) => string;
  tokenHolds: (principal: Principal, snapshot: Snapshot) => boolean;
  workloadTokenOf: (request: Request) => string | null;
}>("workers/workload.ts");
const { authenticate } = await workerModule<{
  authenticate: (request: Request, env: object, now: number) => Promise<Authenticated>;
}>("workers/auth.ts");

const { forget } = await workerModule<{ forget: (workspace: string) => void }>("workers/known.ts");

const [rsa, ec, ed, newer] = [
  pairOf("RS256", "rsa"),
  pairOf("ES256", "ec"),
  pairOf("EdDSA", "ed"),
  pairOf("EdDSA", "newer"),
];
const start = 1_800_000_000_000;
const issuerId = "https://token.ci-provider.com";

type Answers = Record<string, unknown>;
/** An issuer that nobody has asked yet, as one workspace trusts it, on a clock of its own. */
class Stage {
  static #made = 0;
  readonly issuer: Issuer;
  readonly workspace = newWorkspace();
  readonly registry: RegistryStandIn;
  readonly env: object;
  /** Epoch ms; for whatever asks the clock of this machine as well. */
  now = start;
  readonly asked: string[] = [];
  /** What its addresses answer; none of them: nobody answers. */
  answers: Answers | null;
  /** Instead of any answer. */
  instead: ((input: string, init: RequestInit | undefined) => Promise<Response>) | null = null;
  readonly init: (RequestInit | undefined)[] = [];

  constructor(more: Partial<Issuer> = {}, settings: Record<string, string> = {}) {
    const address = more.issuer ?? `${issuerId}/${(Stage.#made += 1)}`;
    this.issuer = {
      id: "ci",
      description: null,
      issuer: address,
      jwksUrl: null,
      audience: "holdpoint/acme",
      algorithms: ["RS256", "ES256", "EdDSA"],
      rules: [
        { claims: { repository: "acme/shop" }, agent: "agent:demo" },
        { claims: { team: "idle" }, agent: "agent:idle" },
        { claims: { team: "nobody" }, agent: "agent:nobody" },
        { claims: { team: "both" }, agent: "agent:demo" },
        { claims: { team: "bo*" }, agent: "agent:other" },
      ],
      maxTokenAge: "1h",
      ...more,
    };
    this.answers = this.discovery([rsa.jwk, ec.jwk, ed.jwk]);
    const other: Issuer = { ...this.issuer, id: "other", issuer: "https://other.ci-provider.com" };
    this.registry = new RegistryStandIn(snapshotOf({ issuers: [other, this.issuer] }));
    this.env = envOf({ [this.workspace]: this.registry }, settings);
  }

  discovery(keys: object[]): Answers {
    const { issuer } = this.issuer;
    return {
      [`${issuer.replace(/\/$/u, "")}/.well-known/openid-configuration`]: {
        issuer,
        jwks_uri: "https://keys.ci-provider.com/k",
      },
      "https://keys.ci-provider.com/k": { keys },
    };
  }

  claims(): Record<string, unknown> {
    const seconds = Math.floor(this.now / 1_000);
    const { issuer: iss, audience: aud } = this.issuer;
    return { iss, aud, iat: seconds, exp: seconds + 300, repository: "acme/shop" };
  }

  token(change: object = {}, pair: Pick<Pair, "alg" | "kid" | "privateKey"> = ed, head: object = {}): string {
    return jws({ alg: pair.alg, kid: pair.kid, ...head }, { ...this.claims(), ...change }, signerOf(pair));
  }

  async asks(text: string, headers: Record<string, string> = {}): Promise<Authenticated> {
    const [realFetch, realNow, realWarn] = [globalThis.fetch, Date.now, console.warn];
    globalThis.fetch = (input, init) => this.#fetch(String(input), init);
    Date.now = () => this.now;
    console.warn = () => undefined;
    try {
      const all = { authorization: `Bearer ${text}`, "holdpoint-workspace": this.workspace, ...headers };
      return await authenticate(
        new Request("https://holdpoint.example/", { headers: all }),
        this.env,
        this.now,
      );
    } finally {
      [globalThis.fetch, Date.now, console.warn] = [realFetch, realNow, realWarn];
    }
  }

  #fetch(input: string, init: RequestInit | undefined): Promise<Response> {
    this.asked.push(input);
    this.init.push(init);
    if (this.instead !== null) return this.instead(input, init);
    const { answers } = this;
    if (answers === null) return Promise.reject(new TypeError("nobody answers"));
    return fetchFrom(() => answers)(input);
  }

  /** How often the key set was read. */
  get looks(): number {
    return this.asked.filter((address) => address.endsWith("/k")).length;
  }
}

const refused = (what: string): object => ({
  code: "unauthenticated",
  parts: { detail: `The token was not taken: ${what}. Send a fresh token, or a key of this engine.` },
  headers: { "www-authenticate": 'Bearer realm="holdpoint", error="invalid_token"' },
});
const unavailable = {
  code: "policy_unavailable",
  parts: {
    detail:
      "Nothing was changed: the keys of the token's issuer cannot be read at present. Try again shortly.",
  },
  headers: { "retry-after": "5" },
};

describe("a bearer token", () => {
  const of = (authorization: string | null): string | null =>
    workloadTokenOf(
      new Request("https://x.example", authorization === null ? {} : { headers: { authorization } }),
    );

  test("is a workload's where it has three parts and is no key of ours", ({ expect }) => {
    expect([of("Bearer a.b.c"), of("bearer a..")]).toEqual(["a.b.c", "a.."]);
    for (const other of [
      null,
      "",
      "a.b.c",
      "Bearera.b.c",
      "Basic a.b.c",
      "x Bearer a.b.c",
      "Bearer a.b",
      "Bearer a.b.c.d",
      "Bearer hp_a.b.c",
      "Bearer a.b.c x",
      "Bearer a.b.c, d",
      "Bearer a.b.c,",
    ]) {
      expect(of(other), String(other)).toBeNull();
    }
  });
});

describe("T8 a workload's token", () => {
  test("gets the agent of its claims in, with what agents may do, until it ends", async ({ expect }) => {
    for (const pair of [rsa, ec, ed]) {
      const stage = new Stage();
      const { workspace, issuer, registry } = stage;
      const { principal, snapshot, standing } = await stage.asks(stage.token({}, pair));
      expect(principal).toEqual({
        workspace,
        kind: "agent",
        id: "agent:demo",
        scopes: ["actions:request", "actions:read"],
        keyId: keyIdOf(issuer, "agent:demo"),
      });
      expect(snapshot).toEqual(registry.snapshot);
      const holder = { kind: "workload", agent: "agent:demo", issuer: "ci" };
      expect(standing).toEqual({ holder, epoch: 3, endsAt: start + 300_000 });
    }
  });

  test("is of the workspace default where the header names none", async ({ expect }) => {
    const stage = new Stage();
    const env = envOf({ default: new RegistryStandIn(stage.registry.snapshot) });
    const request = (headers: Record<string, string>): Request =>
      new Request("https://x.example", { headers: { authorization: `Bearer ${stage.token()}`, ...headers } });
    forget("default");
    const [real, clock] = [globalThis.fetch, Date.now];
    globalThis.fetch = fetchFrom(() => stage.answers ?? {});
    Date.now = () => start;
    try {
      expect((await authenticate(request({}), env, start)).principal.workspace).toBe("default");
    } finally {
      [globalThis.fetch, Date.now] = [real, clock];
    }
  });

  test.for(["engine", "", "No Workspace", "acme, rival"])(
    "for %j, which is no workspace, is refused",
    async (workspace, { expect }) => {
      const stage = new Stage();
      await expect(stage.asks(stage.token(), { "holdpoint-workspace": workspace })).rejects.toMatchObject(
        refused("Holdpoint-Workspace names no workspace"),
      );
      expect(stage.asked).toEqual([]);
    },
  );

  const untrusted =
    "its issuer is not one that this workspace trusts; `Holdpoint-Workspace` says which one is meant";
  test("of an issuer that the workspace does not trust is refused, and nobody is called", async ({
    expect,
  }) => {
    const stage = new Stage();
    for (const iss of [
      "https://evil.example",
      `${stage.issuer.issuer}/`,
      "",
      stage.issuer.issuer.toUpperCase(),
    ]) {
      await expect(stage.asks(stage.token({ iss }))).rejects.toMatchObject(refused(untrusted));
    }
    await expect(stage.asks(stage.token(), { "holdpoint-workspace": newWorkspace() })).rejects.toMatchObject(
      refused(untrusted),
    );
    const { issuers: _, ...none } = snapshotOf({ version: 2 });
    stage.registry.snapshot = none;
    stage.now += 5_000;
    await expect(stage.asks(stage.token())).rejects.toMatchObject(refused(untrusted));
    expect(stage.asked).toEqual([]);
  });

  const noToken = "it is not a JSON Web Token with an issuer (`iss`)";
  test("that is none is refused before anybody is asked", async ({ expect }) => {
    const stage = new Stage();
    const { iss: _, ...nameless } = stage.claims();
    const header = { alg: "EdDSA", kid: "ed" };
    for (const text of [
      "a.b.c",
      jws(header, nameless, signerOf(ed)),
      jws(header, { ...nameless, iss: 7 }, signerOf(ed)),
      // A header that is none, before claims that name an issuer.
      `x.${encode(stage.claims())}.c`,
    ]) {
      await expect(stage.asks(text)).rejects.toMatchObject(refused(noToken));
    }
    expect([stage.asked, stage.registry.asked]).toEqual([[], []]);
  });

  test("of more than 8192 bytes is refused unread, and one of 8192 is read", async ({ expect }) => {
    const stage = new Stage();
    const long = "it is longer than 8192 bytes";
    const text = stage.token();
    await expect(stage.asks(text.padEnd(8_193, "A"))).rejects.toMatchObject(refused(long));
    expect(stage.registry.asked).toEqual([]);
    await expect(stage.asks(text.padEnd(8_192, "A"))).rejects.not.toMatchObject(refused(long));
  });

  const spoilt: [string, string, (stage: Stage) => string][] = [
    ["is over", "it has expired (`exp`)", (stage) => stage.token({ exp: start / 1_000 - 30 })],
    [
      "was issued too long ago",
      "it was issued too long ago (`iat`)",
      (stage) => stage.token({ iat: start / 1_000 - 3_631 }),
    ],
    ["has no end", "it lacks the claim `exp`", (stage) => stage.token({ exp: undefined })],
    ["has no beginning", "it lacks the claim `iat`", (stage) => stage.token({ iat: undefined })],
    ["has no audience", "it lacks the claim `aud`", (stage) => stage.token({ aud: undefined })],
    [
      "is for another",
      "its audience (`aud`) is not holdpoint/acme",
      (stage) => stage.token({ aud: "holdpoint/rival" }),
    ],
    ["begins later", "it is not valid yet (`nbf`)", (stage) => stage.token({ nbf: start / 1_000 + 31 })],
    [
      "is from the future",
      "it was issued in the future (`iat`)",
      (stage) => stage.token({ iat: start / 1_000 + 31 }),
    ],
    ["has an end that is no time", "its end (`exp`) is not a time", (stage) => stage.token({ exp: "later" })],
    [
      "is signed with a shared secret",
      "it is not signed with RS256, ES256, EdDSA",
      (stage) => jws({ alg: "HS256", kid: "ed" }, stage.claims(), hmac("secret")),
    ],
    [
      "names a key that is not there",
      "its issuer has no such key (`kid`)",
      (stage) => stage.token({}, newer),
    ],
    [
      "is signed by another",
      "its signature is not its issuer's",
      (stage) => stage.token({}, { ...newer, kid: "ed" }),
    ],
    [
      "asks for what nobody knows",
      "it is not a signed JSON Web Token",
      (stage) => stage.token({}, ed, { crit: ["x"], x: 1 }),
    ],
    [
      "fits no rule",
      "no rule of this issuer fits the claims of the token",
      (stage) => stage.token({ repository: "evil/shop" }),
    ],
    [
      "fits two agents",
      "the claims of the token fit rules for agent:demo and agent:other",
      (stage) => stage.token({ repository: "x", team: "both" }),
    ],
    [
      "is for an agent that is off",
      "agent:idle is not an active agent of this workspace",
      (stage) => stage.token({ repository: "x", team: "idle" }),
    ],
    [
      "is for an agent that is not there",
      "agent:nobody is not an active agent of this workspace",
      (stage) => stage.token({ repository: "x", team: "nobody" }),
    ],
  ];
  test.for(spoilt)("that %s is refused, and it is said: %s", async ([, what, forge], { expect }) => {
    const stage = new Stage();
    await expect(stage.asks(forge(stage))).rejects.toMatchObject(refused(what));
  });

  test("that does not say which of several keys is refused", async ({ expect }) => {
    const stage = new Stage();
    stage.answers = stage.discovery([ed.jwk, newer.jwk]);
    await expect(stage.asks(stage.token({}, ed, { kid: undefined }))).rejects.toMatchObject(
      refused("it does not name one key (`kid`)"),
    );
  });

  test("by an algorithm that the workspace did not list is refused", async ({ expect }) => {
    const stage = new Stage({ algorithms: ["RS256"] });
    await stage.asks(stage.token({}, rsa));
    await expect(stage.asks(stage.token())).rejects.toMatchObject(refused("it is not signed with RS256"));
  });

  test("is taken half a minute to either side of its times", async ({ expect }) => {
    const stage = new Stage({ maxTokenAge: "10m" });
    const seconds = start / 1_000;
    for (const change of [{ exp: seconds - 29 }, { nbf: seconds + 30 }, { iat: seconds - 630 }]) {
      expect((await stage.asks(stage.token(change))).principal.id).toBe("agent:demo");
    }
    await expect(stage.asks(stage.token({ iat: seconds - 631 }))).rejects.toMatchObject(
      refused("it was issued too long ago (`iat`)"),
    );
  });
});

describe("a principal that a token has proven", () => {
  const { issuer, registry } = new Stage();
  const principal = (keyId: string, id = "agent:demo"): Principal => ({
    workspace: "default",
    kind: "agent",
    id,
    scopes: [],
    keyId,
  });
  const snapshot = registry.snapshot ?? snapshotOf();

  test("stands while the agent is active and the issuer unchanged", ({ expect }) => {
    const own = principal(keyIdOf(issuer, "agent:demo"));
    expect(own.keyId).toMatch(/^oidc:ci:[0-9a-f]{16}:agent:demo$/u);
    expect(tokenHolds(own, snapshot)).toBe(true);
    expect(tokenHolds(own, { ...snapshot, issuers: [{ ...issuer, audience: "another" }] })).toBe(false);
    expect(tokenHolds(own, { ...snapshot, issuers: [] })).toBe(false);
    const { issuers: _, ...none } = snapshot;
    expect(tokenHolds(own, none)).toBe(false);
    const gone = { ...directory, agents: {} };
    expect(tokenHolds(own, { ...snapshot, directory: gone })).toBe(false);
    expect(tokenHolds(principal(keyIdOf(issuer, "agent:idle"), "agent:idle"), snapshot)).toBe(false);
    expect(tokenHolds(principal(keyIdOf(issuer, "agent:other")), snapshot)).toBe(false);
  });
});

describe("the keys of an issuer", () => {
  test("are found by its own discovery, asked for as JSON and following nothing", async ({ expect }) => {
    const stage = new Stage({ issuer: `${issuerId}/slash/` });
    await stage.asks(stage.token());
    expect(stage.asked).toEqual([
      `${issuerId}/slash/.well-known/openid-configuration`,
      "https://keys.ci-provider.com/k",
    ]);
    for (const init of stage.init) {
      expect(init).toMatchObject({ redirect: "manual", headers: { accept: "application/json" } });
      expect(init?.signal).toBeInstanceOf(AbortSignal);
    }
  });

  test("are at the address that the workspace gives, without discovery", async ({ expect }) => {
    const stage = new Stage({ jwksUrl: "https://keys.ci-provider.com/own" });
    stage.answers = { "https://keys.ci-provider.com/own": { keys: [ed.jwk] } };
    await stage.asks(stage.token());
    expect(stage.asked).toEqual(["https://keys.ci-provider.com/own"]);
  });

  test("are read once for ten minutes, by however many", async ({ expect }) => {
    const stage = new Stage();
    await Promise.all([stage.asks(stage.token()), stage.asks(stage.token())]);
    expect(stage.looks).toBe(1);
    stage.now = start + 599_999;
    await stage.asks(stage.token());
    expect(stage.looks).toBe(1);
    stage.now = start + 600_000;
    await stage.asks(stage.token());
    expect(stage.looks).toBe(2);
  });

  test("are read again for a key that is not among them, at most every half minute", async ({ expect }) => {
    const stage = new Stage();
    await stage.asks(stage.token());
    const unknown = refused("its issuer has no such key (`kid`)");
    await expect(stage.asks(stage.token({}, newer))).rejects.toMatchObject(unknown);
    expect(stage.looks).toBe(2);
    stage.answers = stage.discovery([ed.jwk, newer.jwk]);
    stage.now = start + 29_999;
    await expect(stage.asks(stage.token({}, newer))).rejects.toMatchObject(unknown);
    expect(stage.looks).toBe(2);
    stage.now = start + 30_000;
    expect((await stage.asks(stage.token({}, newer))).principal.id).toBe("agent:demo");
    expect(stage.looks).toBe(3);
    // Other faults are not worth a look.
    await expect(stage.asks(stage.token({}, { ...newer, kid: "ed" }))).rejects.toMatchObject(
      refused("its signature is not its issuer's"),
    );
    expect(stage.looks).toBe(3);
  });

  test("that were read just now are not read once more for one that is not among them", async ({
    expect,
  }) => {
    const stage = new Stage();
    await expect(stage.asks(stage.token({}, newer))).rejects.toMatchObject(
      refused("its issuer has no such key (`kid`)"),
    );
    expect(stage.looks).toBe(1);
  });

  test("that were withdrawn are believed for ten minutes and no longer", async ({ expect }) => {
    const stage = new Stage();
    await stage.asks(stage.token());
    stage.answers = stage.discovery([newer.jwk]);
    stage.now = start + 600_000;
    await expect(stage.asks(stage.token())).rejects.toMatchObject(
      refused("its issuer has no such key (`kid`)"),
    );
  });

  test("are used for an hour where the issuer does not answer, which is asked every five seconds", async ({
    expect,
  }) => {
    const stage = new Stage();
    await stage.asks(stage.token());
    stage.answers = null;
    const seen = stage.asked.length;
    stage.now = start + 600_000;
    expect((await stage.asks(stage.token())).principal.id).toBe("agent:demo");
    stage.now = start + 604_999;
    await stage.asks(stage.token());
    expect(stage.asked.length - seen).toBe(1);
    stage.now = start + 605_000;
    await stage.asks(stage.token());
    expect(stage.asked.length - seen).toBe(2);
    stage.now = start + 3_599_999;
    expect((await stage.asks(stage.token())).principal.id).toBe("agent:demo");
    stage.now = start + 3_600_000;
    await expect(stage.asks(stage.token())).rejects.toMatchObject(unavailable);
  });

  test("that an unknown one was looked for in vain are left alone for half a minute", async ({ expect }) => {
    const stage = new Stage();
    await stage.asks(stage.token());
    stage.answers = null;
    const seen = stage.asked.length;
    for (const [ms, looks] of [
      [1_000, 1],
      [30_999, 1],
      [31_000, 2],
    ] as const) {
      stage.now = start + ms;
      await expect(stage.asks(stage.token({}, newer))).rejects.toMatchObject(
        refused("its issuer has no such key (`kid`)"),
      );
      expect(stage.asked.length - seen).toBe(looks);
    }
  });

  const faults: [string, (stage: Stage) => void][] = [
    [
      "speak for another",
      (stage) => {
        const [address = ""] = Object.keys(stage.answers ?? {});
        stage.answers = {
          ...stage.answers,
          [address]: { issuer: "https://x.ci-provider.com", jwks_uri: "https://keys.ci-provider.com/k" },
        };
      },
    ],
    [
      "are at an address that may not be called",
      (stage) => {
        const [address = ""] = Object.keys(stage.answers ?? {});
        stage.answers = {
          ...stage.answers,
          [address]: { issuer: stage.issuer.issuer, jwks_uri: "https://10.0.0.1/k" },
          "https://10.0.0.1/k": { keys: [ed.jwk] },
        };
      },
    ],
    [
      "are on this very machine",
      (stage) => {
        const [address = ""] = Object.keys(stage.answers ?? {});
        stage.answers = {
          ...stage.answers,
          [address]: { issuer: stage.issuer.issuer, jwks_uri: "http://127.0.0.1:1/k" },
          "http://127.0.0.1:1/k": { keys: [ed.jwk] },
        };
      },
    ],
    [
      "are elsewhere, by a redirect",
      (stage) => {
        stage.instead = async () =>
          new Response("{}", { status: 302, headers: { location: "https://x.com" } });
      },
    ],
    [
      "are no list",
      (stage) => {
        stage.answers = { ...stage.answers, "https://keys.ci-provider.com/k": { keys: {} } };
      },
    ],
    [
      "are no keys",
      (stage) => {
        stage.answers = stage.discovery([{}]);
      },
    ],
    [
      "are more than a hundred",
      (stage) => {
        stage.answers = stage.discovery(
          Array.from({ length: 101 }, (_, at) => ({ ...ed.jwk, kid: at === 0 ? "ed" : `k${at}` })),
        );
      },
    ],
    [
      "are without end",
      (stage) => {
        stage.answers = stage.discovery([ed.jwk, { kty: "EC", padding: "x".repeat(65 * 1_024) }]);
      },
    ],
    [
      "do not come",
      (stage) => {
        stage.answers = null;
      },
    ],
    [
      "come without a body",
      (stage) => {
        stage.instead = async () => new Response(null, { status: 200 });
      },
    ],
  ];
  test.for(faults)(
    "that %s let nobody in, and it is said that they cannot be read",
    async ([, spoil], { expect }) => {
      const stage = new Stage();
      spoil(stage);
      await expect(stage.asks(stage.token())).rejects.toMatchObject(unavailable);
    },
  );

  test("may be a hundred, and 64 kB of them", async ({ expect }) => {
    const stage = new Stage();
    const hundred = Array.from({ length: 99 }, (_, at) => ({ ...ed.jwk, kid: `k${at}` }));
    const rest = 64 * 1_024 - JSON.stringify({ keys: [...hundred, { ...ed.jwk, padding: "" }] }).length;
    stage.answers = stage.discovery([...hundred, { ...ed.jwk, padding: "x".repeat(rest) }]);
    expect((await stage.asks(stage.token())).principal.id).toBe("agent:demo");
  });

  test("may be on this machine where a developer's engine is", async ({ expect }) => {
    const stage = new Stage({ jwksUrl: "http://127.0.0.1:9/keys" }, { HOLDPOINT_LOCAL: "true" });
    stage.answers = { "http://127.0.0.1:9/keys": { keys: [ed.jwk] } };
    expect((await stage.asks(stage.token())).principal.id).toBe("agent:demo");
  });

  test("are public keys alone: a secret in the list is left out", async ({ expect }) => {
    const stage = new Stage();
    const secret = { kty: "oct", kid: "ed", k: Buffer.alloc(32, 7).toString("base64url") };
    stage.answers = stage.discovery([secret, ed.jwk]);
    expect((await stage.asks(stage.token())).principal.id).toBe("agent:demo");
  });

  test("are each issuer's own", async ({ expect }) => {
    const [one, two] = [new Stage(), new Stage()];
    two.answers = two.discovery([newer.jwk]);
    await one.asks(one.token());
    await two.asks(two.token({}, newer));
    await expect(two.asks(two.token())).rejects.toMatchObject(refused("its issuer has no such key (`kid`)"));
  });
});
