import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createEmulator } from "emulate";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type Cast, castOf } from "../support/actors.ts";
import type { Answer } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { IssuerStandIn } from "../support/issuer.ts";
import { expectProblem, pointersOf } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { detailOf, github, pod, rules, trusted, whoamiAt } from "../support/workloads.ts";

/** Whose tokens are taken: the list, and the keys of those in it. */

let engine: TestEngine;
let cast: Cast;
let issuer: IssuerStandIn;
let cli: CommandLine;

beforeAll(async () => {
  issuer = await IssuerStandIn.open();
  engine = await startEngine();
  cast = castOf(engine);
  cli = new CommandLine(engine);
  const idle = { owner: "person:omar", roles: [], segments: [], active: false };
  await cast.operator.put("/v1/agents/idle", idle);
  await cast.operator.put("/v1/issuers/ci", trusted(issuer));
});

afterAll(async () => {
  cli?.close();
  await engine?.stop();
  await issuer?.close();
});

const whoami = (token: string, headers: Record<string, string> = {}): Promise<Answer> =>
  whoamiAt(engine.url, token, headers);

describe("the issuer's keys", () => {
  test("are looked at again for a new key, and once in a while for one that is unknown", async ({
    expect,
  }) => {
    const own = await IssuerStandIn.open();
    try {
      await cast.operator.put("/v1/issuers/rotating", trusted(own));
      expect((await whoami(await own.token({ claims: github }))).status).toBe(200);
      expect(own.looks).toBe(1);
      await own.adds("next", "RS256");
      expect((await whoami(await own.token({ claims: github, kid: "next" }))).status).toBe(200);
      expect(own.looks).toBe(2);
      const { privateKey } = await generateKeyPair("RS256");
      const hostile = await Promise.all(
        Array.from({ length: 40 }, async (_, index) =>
          whoami(await own.token({ claims: github, kid: `made-up-${index}`, key: privateKey })),
        ),
      );
      for (const answer of hostile) expect(detailOf(answer)).toContain("such key");
      expect(own.looks).toBe(2);
      expect((await whoami(await own.token({ claims: github }))).status).toBe(200);
    } finally {
      await own.close();
    }
  });

  test("are fetched once for many tokens that come at the same moment", async ({ expect }) => {
    const own = await IssuerStandIn.open();
    try {
      await cast.operator.put("/v1/issuers/burst", trusted(own));
      const tokens = await Promise.all(Array.from({ length: 20 }, () => own.token({ claims: github })));
      const answers = await Promise.all(tokens.map((token) => whoami(token)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(own.looks).toBe(1);
    } finally {
      await own.close();
    }
  });

  type Trouble = (own: IssuerStandIn) => void;
  const troubles: Record<string, Trouble> = {
    "does not answer well": (own) => (own.broken = { status: 500 }),
    "answers something else": (own) => (own.broken = { status: 200, body: "<html>" }),
    "answers without an end": (own) => (own.discovery = { filler: "y".repeat(100_000) }),
    "speaks for another": (own) => (own.discovery = { issuer: "https://accounts.google.com" }),
    "points inside the network": (own) => (own.discovery = { jwks_uri: "http://169.254.169.254/latest" }),
    "points to another scheme": (own) => (own.discovery = { jwks_uri: "file:///etc/passwd" }),
  };
  test.for(Object.entries(troubles))(
    "an issuer that %s lets nobody in: 503, then quiet",
    async ([, make], { expect }) => {
      const own = await IssuerStandIn.open();
      try {
        make(own);
        await cast.operator.put("/v1/issuers/trouble", trusted(own));
        const token = await own.token({ claims: github });
        const first = await whoami(token);
        expectProblem(expect, first, "policy_unavailable");
        expect(Number(first.headers.get("retry-after"))).toBeGreaterThan(0);
        const asked = own.asked.length;
        for (let index = 0; index < 5; index++) expect((await whoami(token)).status).toBe(503);
        expect(own.asked.length).toBe(asked);
      } finally {
        await own.close();
      }
    },
  );

  /** Something on this machine that nobody should be led to. */
  async function inside(host: string): Promise<{ url: string; reached: () => number; close: () => void }> {
    let reached = 0;
    const server = createServer((_, answer) => {
      reached += 1;
      answer.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://${host}:${port}/keys`, reached: () => reached, close: () => server.close() };
  }
  const ways: Record<string, [host: string, (own: IssuerStandIn, url: string) => void]> = {
    "by a redirect": ["127.0.0.1", (own, location) => (own.broken = { status: 302, headers: { location } })],
    "by its discovery": ["127.0.0.2", (own, url) => (own.discovery = { jwks_uri: url })],
  };
  test.for(Object.entries(ways))("nobody is led elsewhere %s", async ([, [host, lead]], { expect }) => {
    const [own, secret] = [await IssuerStandIn.open(), await inside(host)];
    try {
      expect((await fetch(secret.url)).status).toBe(200);
      lead(own, secret.url);
      await cast.operator.put("/v1/issuers/leading", trusted(own));
      expect((await whoami(await own.token({ claims: github }))).status).toBe(503);
      expect(secret.reached()).toBe(1);
    } finally {
      await own.close();
      secret.close();
    }
  });
});

describe("the list of issuers", () => {
  const faults: [string, object, string[]][] = [
    ["an address inside the network", { issuer: "https://10.0.0.1" }, ["/issuer"]],
    [
      "a cluster's own name without a public address of its keys",
      { issuer: "https://kubernetes.default.svc.cluster.local" },
      ["/issuer"],
    ],
    ["plain http", { issuer: "http://issuer.example.com" }, ["/issuer"]],
    ["keys inside the network", { jwksUrl: "https://metadata.google.internal/keys" }, ["/jwksUrl"]],
    ["an algorithm with a shared secret", { algorithms: ["HS256"] }, ["/algorithms/0"]],
    ["no algorithm", { algorithms: [] }, ["/algorithms"]],
    ["a rule without a claim", { rules: [{ claims: {}, agent: "agent:demo" }] }, ["/rules/0/claims"]],
    ["a rule for everybody", { rules: [{ claims: { sub: "*" }, agent: "agent:demo" }] }, ["/rules/0/claims"]],
    [
      "a rule for everybody on GitHub",
      {
        issuer: "https://token.actions.githubusercontent.com",
        rules: [{ claims: { sub: "repo:*", ref: "refs/heads/main" }, agent: "agent:demo" }],
      },
      ["/rules/0/claims"],
    ],
    [
      "an agent that is not there",
      { rules: [{ claims: { sub: "x" }, agent: "agent:nobody" }] },
      ["/rules/0/agent"],
    ],
    ["a person", { rules: [{ claims: { sub: "x" }, agent: "person:bob" }] }, ["/rules/0/agent"]],
    ["a lifetime of a month", { maxTokenAge: "30d" }, ["/maxTokenAge"]],
    ["an unknown field", { secret: "x" }, ["/secret"]],
    [
      "a claim of the prototype with a value that is none",
      { rules: [{ claims: { a: 1 }, agent: "agent:demo" }] },
      ["/rules/0/claims/a"],
    ],
  ];
  test.for(faults)("refuses %s, and says where", async ([, change, expected], { expect }) => {
    const answer = await cast.operator.send("PUT", "/v1/issuers/bad", {
      ...trusted(issuer),
      issuer: "https://issuer.example.com",
      ...change,
    });
    expectProblem(expect, answer, "invalid_body");
    expect(pointersOf(answer)).toEqual(expected);
    expect((await cast.operator.send("GET", "/v1/issuers/bad")).status).toBe(404);
  });

  test("has one entry for each issuer, and is an operator's", async ({ expect }) => {
    const twin = await cast.operator.send("PUT", "/v1/issuers/twin", trusted(issuer));
    expect(pointersOf(twin)).toEqual(["/issuer"]);
    for (const who of [cast.demo, cast.bob]) {
      expect((await who.send("GET", "/v1/issuers")).status).toBe(403);
      expect((await who.send("PUT", "/v1/issuers/mine", trusted(issuer))).status).toBe(403);
    }
    expect(await cast.operator.get("/v1/issuers/ci")).toMatchObject({
      id: "ci",
      maxTokenAge: "1h",
      jwksUrl: null,
    });
  });

  test("takes a cluster's private name where the keys are public", async ({ expect }) => {
    const issuerName = "https://kubernetes.default.svc.cluster.local";
    await cast.operator.put(
      "/v1/issuers/cluster",
      trusted(issuer, { issuer: issuerName, jwksUrl: `${issuer.url}/keys`, rules: [rules[1]] }),
    );
    const token = await issuer.token({ claims: { ...pod, iss: issuerName } });
    expect((await whoami(token)).body).toMatchObject({ id: "agent:other" });
  });
});

test("a token of an independent issuer is taken, and not for another client", async ({ expect }) => {
  const okta = await createEmulator({ service: "okta" });
  try {
    const discovery = await fetch(`${okta.url}/.well-known/openid-configuration`);
    const document = (await discovery.json()) as { issuer: string; token_endpoint: string };
    const client = { client_id: "okta-test-client", client_secret: "okta-test-secret" };
    const redirect = "http://localhost:3000/callback";
    const form = (fields: Record<string, string>): RequestInit => ({
      method: "POST",
      body: new URLSearchParams(fields),
      redirect: "manual",
    });
    const server = `${okta.url}/oauth2/default/v1`;
    const page = await (
      await fetch(
        `${server}/authorize?client_id=${client.client_id}&redirect_uri=${redirect}&scope=openid&response_type=code`,
      )
    ).text();
    const user = /name="user_ref" value="([^"]+)"/u.exec(page)?.[1] ?? "";
    const fields = {
      user_ref: user,
      redirect_uri: redirect,
      scope: "openid email",
      client_id: client.client_id,
    };
    const back = await fetch(`${server}/authorize/callback`, form(fields));
    const code = new URL(back.headers.get("location") ?? "").searchParams.get("code") ?? "";
    const grant = { grant_type: "authorization_code", code, redirect_uri: redirect, ...client };
    const { id_token: token } = (await (await fetch(`${server}/token`, form(grant))).json()) as {
      id_token: string;
    };
    const iss = `${new URL(document.issuer).origin}/oauth2/default`;
    const rule = { claims: { email: "testuser@okta.local" }, agent: "agent:other" };
    const body = { issuer: iss, audience: client.client_id, rules: [rule] };
    await cast.operator.put("/v1/issuers/okta", body);
    expect((await whoami(token)).body).toMatchObject({ id: "agent:other" });
    await cast.operator.put("/v1/issuers/okta", { ...body, audience: "another-client" });
    expect(detailOf(await whoami(token))).toContain("audience");
  } finally {
    await okta.close();
  }
});

describe("npx holdpoint", () => {
  test("works with a token, and asks for a fresh one when it ends before the work", async ({ expect }) => {
    const file = join(cli.folder, "token");
    const [iat, exp] = [Math.floor(Date.now() / 1_000), Math.floor(Date.now() / 1_000) + 30];
    writeFileSync(file, await issuer.token({ claims: { ...github, iat, exp } }));
    const env = {
      HOLDPOINT_URL: engine.url,
      HOLDPOINT_KEY_COMMAND: `cat ${file}; echo run >> ${file}.runs`,
      HOLDPOINT_WORKSPACE: "default",
    };
    const args = ["run", "--type", "host.shell", "--target", "prod-db-1", "--reason", "look", "--", "true"];
    const run = cli.start(args, { env });
    const id = await run.action();
    writeFileSync(file, await issuer.token({ claims: github }));
    const action = await cast.bob.sees({ id });
    expect(action.requester.id).toBe("agent:demo");
    await cast.bob.approves(action);
    expect((await run.ended).code).toBe(0);
    expect(readFileSync(`${file}.runs`, "utf8").split("run").length).toBeGreaterThan(2);
    const failing = await cli.start(["show", id], {
      env: { ...env, HOLDPOINT_KEY_COMMAND: "echo no >&2; exit 3" },
    }).ended;
    expect(failing.code).not.toBe(0);
    expect(failing.stderr).toContain("HOLDPOINT_KEY_COMMAND failed: no");
  });
});

describe("npx holdpoint issuers", () => {
  test("trusts, adds to what is there, lists and removes", async ({ expect }) => {
    const own = await IssuerStandIn.open();
    try {
      const trust = ["issuers", "trust", "--issuer", own.url, "--id", "own"];
      const made = await cli.run(...trust, "--agent", "agent:demo", "--claim", "repository=acme/shop");
      expect(made).toMatchObject({ code: 0 });
      expect(made.stdout).toContain("agent:demo");
      expect(made.stderr).toContain("holdpoint/default");
      const more = ["--claim", "team=twice", "--algorithm", "RS256", "--max-age", "10m", "--json"];
      const added = await cli.run(...trust, "--agent", "agent:other", ...more);
      expect(JSON.parse(added.stdout)).toMatchObject({
        audience: "holdpoint/default",
        maxTokenAge: "10m",
        rules: [
          { agent: "agent:demo", claims: { repository: "acme/shop" } },
          { agent: "agent:other", claims: { team: "twice" } },
        ],
      });
      expect((await whoami(await own.token({ claims: github }))).body).toMatchObject({ id: "agent:demo" });
      const listed = await cli.run("issuers", "list");
      expect(listed.stdout).toContain("repository=acme/shop");
      expect(await cli.run("issuers", "remove", "own")).toMatchObject({ code: 0 });
      expect((await cli.run("issuers", "list")).stdout).not.toContain(own.url);
      expect((await whoami(await own.token({ claims: github }))).status).toBe(401);
    } finally {
      await own.close();
    }
  });

  const presets: [string, string[], object][] = [
    [
      "GitHub",
      ["--github", "acme/shop", "--environment", "production"],
      {
        id: "github",
        issuer: "https://token.actions.githubusercontent.com",
        rules: [
          {
            claims: { repository: "acme/shop", ref: "refs/heads/main", environment: "production" },
            agent: "agent:demo",
          },
        ],
      },
    ],
    [
      "Kubernetes",
      ["--kubernetes", "https://oidc.acme.com/prod", "--namespace", "agents", "--service-account", "fixer"],
      {
        id: "kubernetes",
        issuer: "https://oidc.acme.com/prod",
        rules: [
          {
            claims: { "kubernetes.io.namespace": "agents", "kubernetes.io.serviceaccount.name": "fixer" },
            agent: "agent:demo",
          },
        ],
      },
    ],
    [
      "SPIFFE",
      [
        "--spiffe",
        "https://spire.acme.com",
        "--spiffe-id",
        "spiffe://acme.com/agents/night",
        "--algorithm",
        "ES256",
      ],
      {
        id: "spiffe",
        algorithms: ["ES256"],
        rules: [{ claims: { sub: "spiffe://acme.com/agents/night" }, agent: "agent:demo" }],
      },
    ],
  ];
  test.for(presets)("fills in the rule for %s", async ([, args, expected], { expect }) => {
    const { code, stdout } = await cli.run("issuers", "trust", "--agent", "agent:demo", ...args, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(expected);
  });

  const wrong: [string[], string][] = [
    [[], "--github, --kubernetes, --spiffe or --issuer"],
    [["--github", "a/b", "--spiffe", "https://x.acme.com"], "one of"],
    [["--github", "acme"], "OWNER/REPO"],
    [["--github", "acme/*"], "OWNER/REPO"],
    [["--kubernetes", "https://oidc.acme.com"], "--namespace"],
    [["--spiffe", "https://spire.acme.com", "--spiffe-id", "acme"], "spiffe://"],
    [["--issuer", "https://ci.acme.com"], "--claim"],
    [["--issuer", "https://ci.acme.com", "--claim", "sub"], "--claim"],
    [["--issuer", "https://ci.acme.com", "--claim", "sub=*"], "/rules/0/claims"],
    [["--issuer", "https://10.0.0.1", "--claim", "sub=a"], "/issuer"],
    [["--github", "acme/shop", "--algorithm", "HS256"], "RS256"],
    [["--issuer", "https://ci.acme.com", "--id", "ci", "--claim", "sub=a"], "another --id"],
  ];
  test.for(wrong)("refuses %j in words", async ([args, words], { expect }) => {
    const { code, stdout, stderr } = await cli.run("issuers", "trust", "--agent", "agent:demo", ...args);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain(words);
  });
});
