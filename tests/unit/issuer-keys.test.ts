import { describe, test } from "vitest";
import { ed, issuerId, newer, refused, Stage, start, unavailable } from "../support/workload-stage.ts";

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
