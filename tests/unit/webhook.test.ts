import { Webhook } from "standardwebhooks";
import { describe, test } from "vitest";
import {
  messageId,
  retryAfterMs,
  sendWebhook,
  sentBy,
  signatureOf,
  type Fetch,
} from "../../workers/channels/webhook.ts";

const vector = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  message: { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: '{"test": 2432232314}' },
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};
const other = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

type Asked = { url: string; init: RequestInit };

/** A `fetch` that records what it is asked for and answers with `answer`. */
function recording(answer: () => Response | Promise<Response>): { fetch: Fetch; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetch: Fetch = async (url, init) => {
    asked.push({ url, init });
    return answer();
  };
  return { fetch, asked };
}

const message = {
  url: "https://hooks.example.com/in",
  id: "msg_act_1_2_callback",
  body: '{"é":"…"}',
  secrets: [vector.secret],
};
const headersOf = (attempt: Asked | undefined): Record<string, string> =>
  Object.fromEntries(new Headers(attempt?.init.headers));

describe("a signature", () => {
  test("is the one of the specification's example", async ({ expect }) => {
    expect(await signatureOf([vector.secret], vector.message)).toBe(vector.signature);
  });

  test("is accepted by the official library, with either secret of a rotation", async ({ expect }) => {
    const { fetch, asked } = recording(() => new Response(null, { status: 204 }));
    await sendWebhook({ ...message, secrets: [other, vector.secret] }, Date.now(), fetch);
    const [attempt] = asked;
    for (const secret of [other, vector.secret]) {
      expect(new Webhook(secret).verify(message.body, headersOf(attempt))).toEqual({ é: "…" });
    }
    const stranger = new Webhook(`whsec_${Buffer.alloc(32, 8).toString("base64")}`);
    expect(() => stranger.verify(message.body, headersOf(attempt))).toThrow("No matching signature");
  });

  test("no longer fits when the body, the id or the time is another", async ({ expect }) => {
    const { fetch, asked } = recording(() => new Response(null, { status: 204 }));
    await sendWebhook(message, Date.now(), fetch);
    const headers = headersOf(asked[0]);
    const webhook = new Webhook(vector.secret);
    expect(() => webhook.verify(`${message.body} `, headers)).toThrow();
    expect(() =>
      webhook.verify(message.body, { ...headers, "webhook-id": "msg_act_1_3_callback" }),
    ).toThrow();
    const later = String(Number(headers["webhook-timestamp"]) + 1);
    expect(() => webhook.verify(message.body, { ...headers, "webhook-timestamp": later })).toThrow();
  });

  test.for([24, 32, 64])("takes a key of %i bytes", async (size, { expect }) => {
    const secret = `whsec_${Buffer.alloc(size, 1).toString("base64")}`;
    expect(await signatureOf([secret], vector.message)).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/u);
  });

  test.for([
    "",
    "whsec_",
    "whsec_AAAA",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_",
    "xwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ",
  ])("is not made with %j, which is no secret", async (secret, { expect }) => {
    await expect(signatureOf([secret], vector.message)).rejects.toThrow(
      new TypeError("a webhook secret is whsec_ and base64"),
    );
  });
});

describe("the id of a message", () => {
  test.for(["callback", "webhook:wh_A-b_9"])(
    "is the same in every attempt and has no dot or colon: %s",
    (sink, { expect }) => {
      const id = messageId("act_V1StGXR8_Z5jdHi6B-myT", 12, sink);
      expect(id).toMatch(/^[A-Za-z0-9_-]+$/u);
      expect(id).toBe(messageId("act_V1StGXR8_Z5jdHi6B-myT", 12, sink));
    },
  );

  test("says which event of which action it is, and for whom", ({ expect }) => {
    expect(messageId("act_a", 12, "callback")).toBe("msg_act_a_12_callback");
    expect(messageId("act_a", 12, "webhook:wh_1")).toBe("msg_act_a_12_webhook-wh_1");
  });

  test("differs between actions, events and recipients", ({ expect }) => {
    const ids = [
      messageId("act_a", 1, "callback"),
      messageId("act_b", 1, "callback"),
      messageId("act_a", 2, "callback"),
    ];
    expect(new Set([...ids, messageId("act_a", 1, "webhook:wh_1")]).size).toBe(4);
  });
});

describe("an attempt", () => {
  test("T12 posts the body as it was signed, follows nothing and gives no credential away", async ({
    expect,
  }) => {
    const { fetch, asked } = recording(() => new Response("thanks", { status: 200 }));
    const now = 1_700_000_000_999;
    expect(await sendWebhook(message, now, fetch)).toEqual({ ok: true });
    const [attempt] = asked;
    expect(attempt?.url).toBe(message.url);
    expect(attempt?.init).toMatchObject({ method: "POST", redirect: "manual", body: message.body });
    expect(attempt?.init.signal).toBeInstanceOf(AbortSignal);
    const headers = headersOf(attempt);
    expect(headers["webhook-timestamp"]).toBe("1700000000");
    expect(headers).toEqual({
      "content-type": "application/json",
      "user-agent": "Holdpoint-Webhooks/1",
      "webhook-id": message.id,
      "webhook-signature": await signatureOf(message.secrets, { ...message, timestamp: 1_700_000_000 }),
      "webhook-timestamp": "1700000000",
    });
  });

  test("brings the newest checkpoint along, as base64 of its UTF-8", async ({ expect }) => {
    const { fetch, asked } = recording(() => new Response(null, { status: 204 }));
    const checkpoint = "holdpoint.example/acme\n3\nqqo=\n\n\u2014 x y\n";
    await sendWebhook({ ...message, checkpoint }, Date.now(), fetch);
    await sendWebhook({ ...message, checkpoint: null }, Date.now(), fetch);
    const [first, second] = asked.map(headersOf);
    expect(first?.["holdpoint-checkpoint"]).toBe(Buffer.from(checkpoint).toString("base64"));
    expect(second).not.toHaveProperty("holdpoint-checkpoint");
  });

  test("T12 says nothing of what the receiver wrote", async ({ expect }) => {
    const body = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.from("root:x:0:0")) });
    const { fetch } = recording(() => new Response(body, { status: 500 }));
    const sent = await sendWebhook(message, Date.now(), fetch);
    expect(JSON.stringify(sent)).not.toContain("root");
    expect(sent).toMatchObject({ ok: false, error: "answered 500", permanent: false });
  });

  test("fails without a word of the network's own when there is no connection", async ({ expect }) => {
    const { fetch } = recording(() => Promise.reject(new TypeError("connect ECONNREFUSED 10.0.0.7:443")));
    expect(await sendWebhook(message, Date.now(), fetch)).toMatchObject({
      ok: false,
      error: "the connection failed",
    });
  });

  test("is not made with a secret that cannot be read, and never will be", async ({ expect }) => {
    const { fetch, asked } = recording(() => new Response(null, { status: 204 }));
    const sent = await sendWebhook({ ...message, secrets: ["whsec_%"] }, Date.now(), fetch);
    const error = "not sent: its signing secret cannot be read";
    expect(sent).toEqual({ ok: false, error, permanent: true, gone: false, retryAfterMs: null });
    expect(asked).toEqual([]);
  });

  test("T12 says so when the time is up", async ({ expect }) => {
    const { fetch } = recording(() => Promise.reject(new DOMException("aborted", "TimeoutError")));
    expect(await sendWebhook(message, Date.now(), fetch)).toMatchObject({
      ok: false,
      error: "no answer within 15 s",
    });
  });
});

describe("an answer", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");

  test.for([200, 201, 202, 204, 299])("%i means it arrived", (status, { expect }) => {
    expect(sentBy(status, null, now)).toEqual({ ok: true });
  });

  test.for([300, 301, 302, 303, 304, 307, 308, 399])(
    "%i is a failure and is not followed",
    (status, { expect }) => {
      const error = `answered ${status}; redirects are not followed`;
      expect(sentBy(status, null, now)).toMatchObject({ ok: false, error, permanent: false, gone: false });
    },
  );

  test.for([100, 199, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])(
    "%i is tried again",
    (status, { expect }) => {
      const error = `answered ${status}`;
      expect(sentBy(status, null, now)).toMatchObject({ ok: false, error, permanent: false, gone: false });
    },
  );

  test("410 ends it for good and asks for no more", ({ expect }) => {
    const error = "answered 410 Gone";
    expect(sentBy(410, "60", now)).toMatchObject({ ok: false, error, permanent: true, gone: true });
  });

  test.for([
    [429, "120", 120_000],
    [503, "0", 0],
    [503, "Thu, 01 Jan 2026 00:02:00 GMT", 120_000],
    [503, "Wed, 31 Dec 2025 00:00:00 GMT", 0],
    [429, "999999999", 86_400_000],
    [429, " 120\t", 120_000],
    [503, " Thu, 01 Jan 2026 00:02:00 GMT ", 120_000],
    [503, "Mon, Thu, 01 Jan 2026 00:02:00 GMT", null],
    [503, "Thu, 01 Jan 2026 00:02:00 GMT+0100", null],
    [429, "soon", null],
    [429, "-5", null],
    [429, "1e9", null],
    [429, null, null],
    [500, "120", null],
  ] as const)("%i with Retry-After %j waits %j ms", ([status, header, wait], { expect }) => {
    expect(sentBy(status, header, now)).toMatchObject({ ok: false, retryAfterMs: wait });
  });

  test("an unreadable Retry-After is none", ({ expect }) => {
    expect(retryAfterMs("2026-01-01", now)).toBeNull();
    expect(retryAfterMs("", now)).toBeNull();
  });
});
