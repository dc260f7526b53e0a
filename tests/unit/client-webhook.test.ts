import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, test } from "vitest";
import { HoldpointError, verifyWebhook } from "../../client/index.ts";
import type { WebhookCheck } from "../../client/webhook.ts";

// The vector of the Standard Webhooks specification.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const timestamp = 1_614_265_330;
const body = '{"test": 2432232314}';
const signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const now = timestamp * 1_000;
const headers = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
const otherSecret = `whsec_${btoa("another secret of 24 bytes+")}`;

const refused = { code: "bad_webhook" };

describe("a webhook", () => {
  test("of the specification's vector verifies", async ({ expect }) => {
    await expect(verifyWebhook({ secret, headers, body, now })).resolves.toEqual({
      id,
      timestamp,
      payload: { test: 2_432_232_314 },
    });
  });

  test("may be given as bytes, with Headers or with names in any case", async ({ expect }) => {
    const bytes = new TextEncoder().encode(body);
    await expect(
      verifyWebhook({ secret, headers: new Headers(headers), body: bytes, now }),
    ).resolves.toMatchObject({ id });
    const upper = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    await expect(verifyWebhook({ secret, headers: upper, body, now })).resolves.toMatchObject({ id });
  });

  test("signed by the standardwebhooks library verifies here, and its refusals are ours", async ({
    expect,
  }) => {
    const at = new Date();
    for (const text of ["{}", '{"type":"action.approved","data":{"é":"\\u202e"}}', "[1,2,3]"]) {
      const signed = new Webhook(otherSecret).sign("msg_1", at, text);
      const own = {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
        "webhook-signature": signed,
      };
      expect(new Webhook(otherSecret).verify(text, own)).toEqual(JSON.parse(text));
      await expect(verifyWebhook({ secret: otherSecret, headers: own, body: text })).resolves.toMatchObject({
        payload: JSON.parse(text),
      });
      expect(() => new Webhook(secret).verify(text, own)).toThrow("No matching signature");
      await expect(verifyWebhook({ secret, headers: own, body: text })).rejects.toMatchObject(refused);
    }
  });

  test("signed by either secret of a rotation verifies with both, in any order", async ({ expect }) => {
    await expect(verifyWebhook({ secret: [otherSecret, secret], headers, body, now })).resolves.toMatchObject(
      { id },
    );
    const two = { ...headers, "webhook-signature": `v1,${btoa("x".repeat(32))} ${signature}` };
    await expect(verifyWebhook({ secret, headers: two, body, now })).resolves.toMatchObject({ id });
  });

  test("5 minutes off is taken and a second more is not, in the past and in the future", async ({
    expect,
  }) => {
    for (const side of [-1, 1]) {
      await expect(
        verifyWebhook({ secret, headers, body, now: now + side * 300_000 }),
      ).resolves.toMatchObject({ id });
      await expect(verifyWebhook({ secret, headers, body, now: now + side * 301_000 })).rejects.toMatchObject(
        refused,
      );
    }
  });

  test.for([
    ["another body", { body: '{"test": 2432232315}' }],
    ["a body with white space added", { body: `${body} ` }],
    ["another id", { headers: { ...headers, "webhook-id": "msg_other" } }],
    ["another time", { headers: { ...headers, "webhook-timestamp": String(timestamp + 1) } }],
    ["an id and time shifted against each other", { headers: { ...headers, "webhook-id": `${id}.1` } }],
    ["no id", { headers: { ...headers, "webhook-id": undefined } }],
    ["no signature", { headers: { ...headers, "webhook-signature": undefined } }],
    ["an empty signature", { headers: { ...headers, "webhook-signature": "" } }],
    ["a header sent twice", { headers: { ...headers, "webhook-id": [id, id] } }],
    ["a header sent twice under two spellings", { headers: { ...headers, "Webhook-Id": id } }],
    ["a time with a sign", { headers: { ...headers, "webhook-timestamp": `+${timestamp}` } }],
    ["a time with a fraction", { headers: { ...headers, "webhook-timestamp": `${timestamp}.0` } }],
    ["a time in milliseconds", { headers: { ...headers, "webhook-timestamp": String(now) } }],
    ["a time that is no number", { headers: { ...headers, "webhook-timestamp": "NaN" } }],
    [
      "another version's prefix",
      { headers: { ...headers, "webhook-signature": signature.replace("v1,", "v2,") } },
    ],
    [
      "the asymmetric version's prefix",
      { headers: { ...headers, "webhook-signature": signature.replace("v1,", "v1a,") } },
    ],
    ["a signature without padding", { headers: { ...headers, "webhook-signature": signature.slice(0, -1) } }],
    [
      "a signature in another spelling of its last bits",
      { headers: { ...headers, "webhook-signature": signature.replace("E=", "F=") } },
    ],
    ["half a signature", { headers: { ...headers, "webhook-signature": signature.slice(0, 23) } }],
    ["a body that is signed but no JSON", { body: "hello", resign: true }],
    ["a secret that is none", { secret: "hunter2" }],
    ["a secret too short to be one", { secret: `whsec_${btoa("short")}` }],
  ] as const)("with %s is refused", async ([, change], { expect }) => {
    const changed = { secret, headers, body, now, ...change };
    if ("resign" in change) {
      changed.headers = {
        ...headers,
        "webhook-signature": new Webhook(secret).sign(id, new Date(now), changed.body),
      };
    }
    await expect(verifyWebhook(changed)).rejects.toMatchObject(refused);
  });

  test("with a thousand signatures costs no more than sixteen", async ({ expect }) => {
    const flood = {
      ...headers,
      "webhook-signature": [
        ...Array.from({ length: 1_000 }, () => `v1,${btoa("x".repeat(32))}`),
        signature,
      ].join(" "),
    };
    await expect(verifyWebhook({ secret, headers: flood, body, now })).rejects.toMatchObject(refused);
  });

  /** Signed by the standardwebhooks library, whatever it is: nothing but the form of it can be refused. */
  const signed = (change: { id?: string; body?: string } = {}, by = secret) => {
    const [named, text] = [change.id ?? id, change.body ?? body];
    const signs = new Webhook(by).sign(named, new Date(now), text);
    const own = { ...headers, "webhook-id": named, "webhook-signature": signs };
    return { secret: by, headers: own, body: text, now };
  };
  const detailOf = async (check: WebhookCheck): Promise<string> => {
    try {
      await verifyWebhook(check);
      return "taken";
    } catch (error) {
      return error instanceof HoldpointError ? `${error.code}: ${error.detail}` : String(error);
    }
  };

  const faults: [string, string, WebhookCheck][] = [
    ["an id with a dot", "webhook-id is not a message id", signed({ id: "msg.1" })],
    ["an id with something before it", "webhook-id is not a message id", signed({ id: " msg_1" })],
    ["an id of 257 characters", "webhook-id is not a message id", signed({ id: "x".repeat(257) })],
    [
      "no id",
      "webhook-id is missing or sent twice",
      { ...signed(), headers: { ...headers, "webhook-id": undefined } },
    ],
    [
      "an empty time",
      "webhook-timestamp is missing or sent twice",
      { ...signed(), headers: { ...headers, "webhook-timestamp": "" } },
    ],
    [
      "a time with something before it",
      "webhook-timestamp is not Unix seconds",
      { ...signed(), headers: { ...headers, "webhook-timestamp": `0${timestamp}` } },
    ],
    [
      "a time with something behind it",
      "webhook-timestamp is not Unix seconds",
      { ...signed(), headers: { ...headers, "webhook-timestamp": `${timestamp}0` } },
    ],
    [
      "an old time",
      "webhook-timestamp is more than 300 s from this clock",
      { ...signed(), now: now + 301_000 },
    ],
    [
      "a time that is too old for this reader",
      "webhook-timestamp is more than 10 s from this clock",
      { ...signed(), now: now + 11_000, toleranceSeconds: 10 },
    ],
    [
      "another secret",
      "no signature in webhook-signature is by this secret",
      { ...signed(), secret: otherSecret },
    ],
    ["a body that is no JSON", "the body is not JSON", signed({ body: "hello" })],
    ["a byte order mark before its JSON", "the body is not JSON", signed({ body: "\ufeff{}" })],
  ];
  test.for(faults)("with %s is refused, and it is said: %s", async ([, what, check], { expect }) => {
    expect(await detailOf(check)).toBe(`bad_webhook: Refused: ${what}.`);
  });

  test("whose bytes are no UTF-8 is refused, also inside a text", async ({ expect }) => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    const mac = createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64"))
      .update(`${id}.${timestamp}.`)
      .update(bytes)
      .digest("base64");
    const check = { secret, headers: { ...headers, "webhook-signature": `v1,${mac}` }, body: bytes, now };
    expect(await detailOf(check)).toBe("bad_webhook: Refused: the body is not JSON.");
  });

  test("has an id of up to 256 characters", async ({ expect }) => {
    expect(await detailOf(signed({ id: "x".repeat(256) }))).toBe("taken");
  });

  test("is by a secret of 24 to 64 bytes", async ({ expect }) => {
    const of = (size: number): string => `whsec_${Buffer.alloc(size, 7).toString("base64")}`;
    for (const size of [24, 64]) expect(await detailOf(signed({}, of(size)))).toBe("taken");
    const none = "bad_webhook: The secret is not whsec_ and base64 of 24 to 64 bytes: copy it again.";
    for (const other of [
      of(23),
      of(65),
      of(32).slice("whsec_".length),
      `WHSEC_${of(32).slice(6)}`,
      "whsec_?",
    ]) {
      expect(await detailOf({ ...signed(), secret: other })).toBe(none);
    }
  });

  test("is not taken for a header that is not there", async ({ expect }) => {
    const { "webhook-id": _, ...rest } = headers;
    for (const absent of [{ "WEBHOOK-ID": undefined }, { "webhook-id": [] }, {}]) {
      expect(await detailOf({ ...signed(), headers: { ...rest, ...absent } })).toBe(
        "bad_webhook: Refused: webhook-id is missing or sent twice.",
      );
    }
    expect(await detailOf({ ...signed(), headers: { ...rest, "webhook-id": [id] } })).toBe("taken");
  });
});
