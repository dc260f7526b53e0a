import { describe, test } from "vitest";
import { newWorkspace } from "../support/entrance.ts";
import { ed, issuerId, newer, refused, Stage, start, unavailable } from "../support/workload-stage.ts";

describe("the keys of an issuer", () => {
  test("are found by its own discovery, asked for as JSON and following nothing", async ({ expect }) => {
    const issuer = `${issuerId}/slash/${newWorkspace()}`;
    const stage = new Stage({ issuer: `${issuer}/` });
    await stage.asks(stage.token());
    expect(stage.asked).toEqual([
      `${issuer}/.well-known/openid-configuration`,
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

  const keysAt = "https://keys.ci-provider.com/k";
  /** What discovery says, with the keys where it says they are. */
  const discovers = (stage: Stage, said: object, more: Record<string, unknown> = {}): void => {
    const [address = ""] = Object.keys(stage.answers ?? {});
    const { issuer } = stage.issuer;
    stage.answers = { ...stage.answers, [address]: { issuer, jwks_uri: keysAt, ...said }, ...more };
  };
  const faults: [string, string, (stage: Stage) => void][] = [
    [
      "speak for another",
      "speaks for another issuer",
      (stage) => discovers(stage, { issuer: "https://x.ci-provider.com" }),
    ],
    [
      "are at an address that may not be called",
      "Error: the address of the keys ",
      (stage) =>
        discovers(stage, { jwks_uri: "https://10.0.0.1/k" }, { "https://10.0.0.1/k": { keys: [ed.jwk] } }),
    ],
    [
      "are on this very machine",
      "Error: the address of the keys ",
      (stage) =>
        discovers(
          stage,
          { jwks_uri: "http://127.0.0.1:1/k" },
          { "http://127.0.0.1:1/k": { keys: [ed.jwk] } },
        ),
    ],
    [
      "come with a redirect",
      `Error: ${keysAt} answered 302`,
      (stage) => {
        const { answers } = stage;
        stage.instead = async (input) =>
          Response.json(answers?.[input], { status: input === keysAt ? 302 : 200 });
      },
    ],
    [
      "come without a body",
      `Error: ${keysAt} answered 200`,
      (stage) => {
        const { answers } = stage;
        stage.instead = async (input) =>
          input === keysAt ? new Response(null, { status: 200 }) : Response.json(answers?.[input]);
      },
    ],
    [
      "are no list",
      "keys is not as it is described",
      (stage) => discovers(stage, {}, { [keysAt]: { keys: {} } }),
    ],
    ["are no keys", "is not as it is described", (stage) => void (stage.answers = stage.discovery([{}]))],
    [
      "are more than a hundred",
      "keys is not as it is described",
      (stage) => {
        const more = Array.from({ length: 100 }, (_, at) => ({ ...ed.jwk, kid: `k${at}` }));
        stage.answers = stage.discovery([ed.jwk, ...more]);
      },
    ],
    [
      "are without end",
      `Error: ${keysAt} answered more than 65536 bytes`,
      (stage) => {
        stage.answers = stage.discovery([ed.jwk, { kty: "EC", padding: "x".repeat(65 * 1_024) }]);
      },
    ],
    ["do not come", "TypeError: nobody answers", (stage) => void (stage.answers = null)],
  ];
  test.for(faults)("that %s let nobody in, and the log says why: %s", async ([, why, spoil], { expect }) => {
    const stage = new Stage();
    spoil(stage);
    await expect(stage.asks(stage.token())).rejects.toMatchObject(unavailable);
    expect(stage.warned).toHaveLength(1);
    expect(stage.warned[0]).toMatch(/^issuer ci /u);
    expect(stage.warned[0]).toContain(why);
  });

  test("may come in pieces, cut anywhere", async ({ expect }) => {
    const stage = new Stage();
    const pair = { ...ed, kid: "schl\u00fcssel" };
    stage.answers = stage.discovery([{ ...ed.jwk, kid: pair.kid }]);
    const { answers } = stage;
    stage.instead = async (input) => {
      const bytes = Buffer.from(JSON.stringify(answers?.[input]));
      const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
      return new Response(ReadableStream.from(pieces));
    };
    expect((await stage.asks(stage.token({}, pair))).principal.id).toBe("agent:demo");
  });

  test("that are being read are waited for, for as long as reading them may take", async ({ expect }) => {
    const stage = new Stage();
    const { answers } = stage;
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    stage.instead = async (input) => {
      await answered;
      return Response.json(answers?.[input]);
    };
    const first = stage.asks(stage.token());
    await new Promise((resolve) => setTimeout(resolve, 1));
    stage.now += 9_999;
    const second = stage.asks(stage.token());
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(stage.asked).toHaveLength(1);
    answer();
    expect([(await first).principal.id, (await second).principal.id]).toEqual(["agent:demo", "agent:demo"]);
    expect(stage.looks).toBe(1);
  });

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

  test("are public keys alone: a secret among them stands in nobody's way", async ({ expect }) => {
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
