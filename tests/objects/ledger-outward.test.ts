import { createHash } from "node:crypto";
import { describe, test, vi } from "vitest";
import type { Doubt, Recorded, Settled } from "../../objects/ledger/messages.ts";
import type { Checkpoint, Seen } from "../../schemas/ledger.ts";
import type { Sight } from "../../schemas/channel.ts";
import { checkpointAtOnce, checkpointOf, isWorkspace, withCheckpoint } from "../../workers/checkpoints.ts";
import { copySealed } from "../../workers/evidence-copies.ts";
import { recordSeen } from "../../workers/ledger.ts";
import { sendWebhook } from "../../workers/channels/webhook.ts";

/** What the Worker does with a log, where the log and the actions are stand-ins. */

const hashOf = (text: string): `sha256:${string}` =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;
const texts = (count: number): string[] => Array.from({ length: count }, (_, nth) => `entry ${nth + 1}`);
const action = `act_${"a".repeat(22)}`;

const seen = (events: number): Seen => ({
  action,
  type: "db.migrate",
  requester: "agent:demo",
  first: hashOf("entry 1"),
  events,
  head: hashOf(`entry ${events}`),
  state: "executed",
  over: true,
  holds: [],
  erased: [],
});

/** An environment of stand-ins: a namespace answers every name with the same object. */
const envOf = (parts: { ledger?: object; action?: object; registry?: object; bucket?: object }): Env => {
  const space = (object: object | undefined): object => ({ getByName: () => object });
  return {
    LEDGER: space(parts.ledger),
    ACTIONS: space(parts.action),
    REGISTRY: space(parts.registry),
    ...(parts.bucket !== undefined && { EVIDENCE: parts.bucket }),
  } as unknown as Env;
};

const evidence = (count: number, last: Seen | null = null): string =>
  JSON.stringify({
    entries: texts(count).map((text) => ({ text, openings: { "/args": { salt: "s", value: "secret" } } })),
    contract: { type: "db.migrate" },
    shown: [{ seq: 1, card: { secret: "secret" } }],
    seen: last,
  });

type Put = (key: string, body: string, options: unknown) => Promise<null>;
type Ask = () => Promise<Checkpoint>;

describe("what the log doubts", () => {
  const known = { events: 4, head: hashOf("entry 4") };
  const doubt: Doubt = { seen: seen(6), known };

  /** A log that doubts once, and notes what it is answered. */
  function doubting(answers: Settled[][]): object {
    return {
      record: async (): Promise<Recorded[]> => [{ action, number: 1, sealed: 4, doubts: [doubt] }],
      settle: async (given: Settled[]): Promise<Recorded[]> => {
        answers.push(given);
        return given.map(({ holds }) => ({ action, number: 1, sealed: holds ? 6 : 4 }));
      },
    };
  }

  const cases: [string, string | null, boolean][] = [
    ["holds where the action still has the entry", evidence(6), true],
    ["holds also where the action has gone on meanwhile", evidence(9), true],
    ["does not where the action has another entry there", evidence(6).replace("entry 4", "entry IV"), false],
    ["does not where the action has fewer", evidence(3), false],
    ["does not where the action is not there any more", null, false],
    ["holds for a tombstone with this last hash", evidence(0, seen(4)), true],
    ["does not for a tombstone with another", evidence(0, seen(3)), false],
  ];
  test.for(cases)("%s", async ([, text, holds], { expect }) => {
    const answers: Settled[][] = [];
    const env = envOf({ ledger: doubting(answers), action: { evidence: async () => text } });
    const recorded = await recordSeen(env, "default", [seen(6)], 1_000);
    expect(answers).toEqual([[{ ...doubt, holds }]]);
    expect(recorded).toEqual([{ action, number: 1, sealed: holds ? 6 : 4 }]);
  });

  test("comes back as a failure where the action cannot be looked at, and where it never ends", async ({
    expect,
  }) => {
    const away = envOf({
      ledger: doubting([]),
      action: { evidence: () => Promise.reject(new Error("away")) },
    });
    await expect(recordSeen(away, "default", [seen(6)], 1_000)).rejects.toThrow("away");
    const endless = { record: async () => [{ action, number: 1, sealed: 4, doubts: [doubt] }] };
    const env = envOf({
      ledger: { ...endless, settle: endless.record },
      action: { evidence: async () => evidence(6) },
    });
    await expect(recordSeen(env, "default", [seen(6)], 1_000)).rejects.toThrow("could not be settled");
  });
});

describe("copies of finished actions", () => {
  test("hold entries and contract, and nothing that opens a commitment", async ({ expect }) => {
    const put = vi.fn<Put>(async () => null);
    const copied = vi.fn<() => Promise<void>>(async () => undefined);
    const env = envOf({
      ledger: { uncopied: async () => [{ number: 7, action, events: 4 }], copied },
      action: { evidence: async () => evidence(6) },
      bucket: { put },
    });
    expect(await copySealed(env, "default", 5_000)).toBe(0);
    const [key, body, options] = put.mock.calls[0]!;
    expect(key).toBe(`evidence/default/7-${action}-4.json`);
    expect(JSON.parse(body)).toEqual({
      format: "holdpoint-copy/1",
      workspace: "default",
      action,
      number: 7,
      entries: texts(4),
      contract: { type: "db.migrate" },
    });
    expect(body).not.toContain("secret");
    expect(options).toMatchObject({ onlyIf: { etagDoesNotMatch: "*" } });
    expect(copied).toHaveBeenCalledWith([{ number: 7, action, events: 4 }], 5_000);
  });

  test("stay to be made where the bucket fails; one that fails keeps no other from being made", async ({
    expect,
  }) => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const copied = vi.fn<() => Promise<void>>(async () => undefined);
    const waiting = [
      { number: 1, action, events: 4 },
      { number: 2, action: `act_${"b".repeat(22)}`, events: 4 },
    ];
    const put = async (key: string): Promise<null> => {
      if (key.includes("/1-")) throw new Error("no bucket");
      return null;
    };
    const env = envOf({
      ledger: { uncopied: async () => waiting, copied },
      action: { evidence: async () => evidence(6) },
      bucket: { put },
    });
    expect(await copySealed(env, "default", 5_000)).toBe(1);
    expect(copied).toHaveBeenCalledWith([waiting[1]], 5_000);
    expect(error).toHaveBeenCalled();
    error.mockRestore();
  });

  test("are not made of what is gone, and nothing is asked where there is no bucket", async ({ expect }) => {
    const put = vi.fn<Put>();
    const copied = vi.fn<() => Promise<void>>(async () => undefined);
    const uncopied = vi.fn<() => Promise<object[]>>(async () => [{ number: 1, action, events: 4 }]);
    const parts = { ledger: { uncopied, copied }, action: { evidence: async () => evidence(0) } };
    expect(await copySealed(envOf(parts), "default", 1)).toBe(0);
    expect(uncopied).not.toHaveBeenCalled();
    expect(await copySealed(envOf({ ...parts, bucket: { put } }), "default", 1)).toBe(0);
    expect(put).not.toHaveBeenCalled();
    expect(copied).toHaveBeenCalledOnce();
  });
});

describe("the newest checkpoint", () => {
  const checkpoint: Checkpoint = {
    origin: "holdpoint/default",
    size: 12,
    root: "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdE=",
    at: 1,
    note: "holdpoint/default\n12\nAbC=\n\n— holdpoint/default x\n",
    ssh: [],
  };
  let nth = 0;
  const workspace = (): string => `w${(nth += 1)}`;

  test("is asked for once in a few seconds, whoever wants it", async ({ expect }) => {
    const asked = vi.fn<Ask>(async () => checkpoint);
    const env = envOf({ ledger: { checkpoint: asked } });
    const name = workspace();
    for (const now of [1_000, 2_000, 5_999]) expect(await checkpointOf(env, name, now)).toEqual(checkpoint);
    expect(asked).toHaveBeenCalledTimes(1);
    await checkpointOf(env, name, 6_000);
    expect(asked).toHaveBeenCalledTimes(2);
    // Of another workspace it says nothing.
    await checkpointOf(env, workspace(), 6_000);
    expect(asked).toHaveBeenCalledTimes(3);
  });

  test("that there is not yet is looked for at once by who asks for it, and once in a few seconds for a burst of notices", async ({
    expect,
  }) => {
    const asked = vi.fn<() => Promise<null>>(async () => null);
    const env = envOf({ ledger: { checkpoint: asked } });
    const name = workspace();
    for (const now of [1_000, 1_001, 5_999]) expect(await checkpointAtOnce(env, name, now)).toBeNull();
    expect(asked).toHaveBeenCalledTimes(1);
    expect(await checkpointOf(env, name, 5_999)).toBeNull();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test("holds up nobody: a log that fails or never answers is passed over, with what was known before", async ({
    expect,
  }) => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const name = workspace();
    const answers = [
      async () => checkpoint,
      () => Promise.reject(new Error("away")),
      () => new Promise<never>(() => undefined),
    ];
    const asked = vi.fn<Ask>(() => answers.shift()!());
    const env = envOf({ ledger: { checkpoint: asked } });
    expect(await checkpointAtOnce(env, name, 1_000)).toEqual(checkpoint);
    expect(await checkpointAtOnce(env, name, 20_000)).toEqual(checkpoint);
    // Not asked again for each notice of a burst.
    expect(await checkpointAtOnce(env, name, 20_001)).toEqual(checkpoint);
    expect(asked).toHaveBeenCalledTimes(2);
    expect(await checkpointAtOnce(env, name, 40_000)).toEqual(checkpoint);
    const never = envOf({ ledger: { checkpoint: () => new Promise<never>(() => undefined) } });
    expect(await checkpointAtOnce(never, workspace(), 1_000)).toBeNull();
    error.mockRestore();
  });

  test("stands on the card of what is over, and on no other", async ({ expect }) => {
    const env = envOf({ ledger: { checkpoint: async () => checkpoint } });
    const name = workspace();
    const sight = (state: string): Sight => ({ action: { state }, shown: null }) as unknown as Sight;
    const log = { size: 12, root: checkpoint.root };
    for (const state of [
      "denied",
      "expired",
      "cancelled",
      "executed",
      "failed",
      "rolled_back",
      "rollback_failed",
    ]) {
      expect(await withCheckpoint(env, name, sight(state), 1_000)).toMatchObject({ log });
    }
    for (const state of ["pending", "approved", "executing", "rolling_back"]) {
      expect(await withCheckpoint(env, name, sight(state), 1_000)).toEqual(sight(state));
    }
  });

  test("goes along with a webhook as base64, and no header where there is none", async ({ expect }) => {
    const sent: Headers[] = [];
    const fetch = async (_: string, init: RequestInit): Promise<Response> => {
      sent.push(new Headers(init.headers));
      return new Response(null, { status: 204 });
    };
    const message = {
      url: "https://example.com/",
      id: "msg_1",
      body: "{}",
      secrets: [`whsec_${"A".repeat(32)}`],
    };
    await sendWebhook({ ...message, checkpoint: checkpoint.note }, 1_000, fetch);
    await sendWebhook({ ...message, checkpoint: null }, 1_000, fetch);
    await sendWebhook(message, 1_000, fetch);
    const values = sent.map((headers) => headers.get("holdpoint-checkpoint"));
    expect(Buffer.from(values[0]!, "base64").toString("utf8")).toBe(checkpoint.note);
    expect(values.slice(1)).toEqual([null, null]);
  });

  test("is only asked of workspaces that there are", async ({ expect }) => {
    const workspaces = vi.fn<() => Promise<string[]>>(async () => ["default", "acme"]);
    const env = envOf({ registry: { workspaces } });
    expect(await isWorkspace(env, "acme", 100_000)).toBe(true);
    expect(await isWorkspace(env, "nobody", 100_001)).toBe(false);
    expect(await isWorkspace(env, "nobody", 104_999)).toBe(false);
    expect(workspaces).toHaveBeenCalledTimes(1);
    expect(await isWorkspace(env, "nobody", 105_000)).toBe(false);
    expect(workspaces).toHaveBeenCalledTimes(2);
  });
});
