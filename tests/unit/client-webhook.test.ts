import { Webhook } from "standardwebhooks";
import { describe, test } from "vitest";
import { verifyWebhook } from "../../client/index.ts";

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
});
