import { describe, onTestFinished, test } from "vitest";
import { backoffMs, retryAfterMs } from "../../client/backoff.ts";
import { createClient, HoldpointError } from "../../client/index.ts";
import { fakeAction, type Reply, type Seen, startFakeEngine } from "../support/fake-engine.ts";

const retry = { tries: 4, baseMs: 1, capMs: 5 };
const action = { type: "host.shell", target: { resource: "prod-db-1" }, args: {}, reason: "look" };

async function engineThat(answer: (seen: Seen, count: number) => Reply | Promise<Reply>) {
  let count = 0;
  const engine = await startFakeEngine((seen) => answer(seen, (count += 1)));
  onTestFinished(() => engine.stop());
  return { engine, client: createClient({ url: engine.url, key: "hp_test", retry }) };
}

/** What a promise rejects with, as a HoldpointError. */
async function failure(promise: Promise<unknown>): Promise<HoldpointError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldpointError)) throw new Error(`expected a HoldpointError, got ${String(error)}`);
  return error;
}

describe("calls", () => {
  test("carry the key and say that JSON is wanted", async ({ expect }) => {
    const { engine, client } = await engineThat(() => ({ body: fakeAction() }));
    await client.get("act_fake");
    expect(engine.seen[0]).toMatchObject({ method: "GET", path: "/v1/actions/act_fake" });
    expect(engine.seen[0]?.headers).toMatchObject({
      authorization: "Bearer hp_test",
      accept: "application/json",
    });
  });

  test("put an id into the path as data, never as path", async ({ expect }) => {
    const { engine, client } = await engineThat(() => ({ body: fakeAction() }));
    await client.get("../policy?x=1");
    expect(engine.seen[0]?.path).toBe("/v1/actions/..%2Fpolicy%3Fx%3D1");
  });

  test("a POST keeps one Idempotency-Key over its retries, and another call has another", async ({
    expect,
  }) => {
    const { engine, client } = await engineThat((_, count) =>
      count === 1 ? "drop" : { status: 201, body: fakeAction() },
    );
    await client.request(action);
    await client.request(action);
    const keys = engine.seen.map((seen) => seen.headers["idempotency-key"]);
    expect(keys).toHaveLength(3);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  test("the caller's own Idempotency-Key is used as it is", async ({ expect }) => {
    const { engine, client } = await engineThat(() => ({ status: 201, body: fakeAction() }));
    await client.request(action, { idempotencyKey: "mine-1" });
    expect(engine.seen[0]?.headers["idempotency-key"]).toBe("mine-1");
  });

  test.for([429, 502, 503, 504])("%i is tried again", async (status, { expect }) => {
    const { engine, client } = await engineThat((_, count) =>
      count < 3 ? { status, body: { code: "rate_limited" } } : { body: fakeAction() },
    );
    await expect(client.get("act_fake")).resolves.toMatchObject({ id: "act_fake" });
    expect(engine.seen).toHaveLength(3);
  });

  test.for([400, 401, 403, 404, 409, 413, 422, 423, 500])(
    "%i is an answer and is not tried again",
    async (status, { expect }) => {
      const { engine, client } = await engineThat(() => ({ status, body: { code: "x", detail: "why" } }));
      expect(await failure(client.get("act_fake"))).toMatchObject({ status, code: "x", detail: "why" });
      expect(engine.seen).toHaveLength(1);
    },
  );

  test("the tries are bounded, and the last refusal is what is thrown", async ({ expect }) => {
    const { engine, client } = await engineThat(() => ({
      status: 503,
      body: { code: "policy_unavailable", detail: "later" },
    }));
    expect(await failure(client.get("act_fake"))).toMatchObject({ code: "policy_unavailable", status: 503 });
    expect(engine.seen).toHaveLength(retry.tries);
  });

  test("Retry-After is waited for", async ({ expect }) => {
    const { client } = await engineThat((_, count) =>
      count === 1 ? { status: 429, headers: { "retry-after": "1" }, body: {} } : { body: fakeAction() },
    );
    const begun = performance.now();
    await client.get("act_fake");
    expect(performance.now() - begun).toBeGreaterThan(950);
  });

  test("a Retry-After of an hour is handed to the caller instead", async ({ expect }) => {
    const { client } = await engineThat(() => ({
      status: 429,
      headers: { "retry-after": "3600" },
      body: {},
    }));
    expect(await failure(client.get("act_fake"))).toMatchObject({
      code: "rate_limited",
      retryAfterMs: 3_600_000,
    });
  });

  test("an abort ends the call with the signal's reason, also between tries", async ({ expect }) => {
    const { client } = await engineThat(() => "drop");
    const reason = new Error("enough");
    const promise = client.get("act_fake", {
      signal: AbortSignal.timeout(10_000),
      retry: { tries: 99, baseMs: 1_000, capMs: 1_000 },
    });
    const aborted = client.get("act_fake", { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    promise.catch(() => undefined);
  });
});

describe("failures", () => {
  test("a problem keeps its fields, state and seq", async ({ expect }) => {
    const errors = [{ pointer: "/args/rows", detail: "is a number" }];
    const { client } = await engineThat(() => ({
      status: 409,
      headers: { "content-type": "application/problem+json" },
      body: {
        code: "wrong_state",
        title: "t",
        detail: "d",
        state: "denied",
        stateDetail: null,
        seq: 7,
        errors,
      },
    }));
    expect(await failure(client.cancel("act_fake", "no"))).toMatchObject({
      code: "wrong_state",
      title: "t",
      state: "denied",
      seq: 7,
      errors,
    });
  });

  test("an unreachable engine is named, with the reason and what to do", async ({ expect }) => {
    const client = createClient({
      url: "http://127.0.0.1:9",
      key: "hp_test",
      retry: { tries: 1, baseMs: 1, capMs: 1 },
    });
    const error = await failure(client.get("act_fake"));
    expect(error.code).toBe("network");
    expect(error.detail).toMatch(/^Cannot reach the engine at http:\/\/127\.0\.0\.1:9 \(.+\)\. Check/u);
  });

  test("something that is no engine is told apart from a refusal", async ({ expect }) => {
    const { client } = await engineThat(() => ({ body: { hello: "world" } }));
    expect(await failure(client.get("act_fake"))).toMatchObject({ code: "bad_answer", status: 200 });
  });

  test("a redirect is not followed, because the key would go along", async ({ expect }) => {
    const { engine, client } = await engineThat(() => ({ status: 302, headers: { location: "/elsewhere" } }));
    expect(await failure(client.get("act_fake"))).toMatchObject({ code: "bad_answer", status: 302 });
    expect(engine.seen).toHaveLength(1);
  });

  test("the key is in no error", async ({ expect }) => {
    const { client } = await engineThat(() => ({
      status: 401,
      body: { code: "unauthenticated", detail: "A valid key is needed." },
    }));
    const error = await failure(client.get("act_fake"));
    expect(JSON.stringify(error) + String(error.stack)).not.toContain("hp_test");
  });
});

describe("waits between tries", () => {
  test("grow from the base to the cap, with at least half of each", ({ expect }) => {
    const backoff = { baseMs: 100, capMs: 1_000 };
    expect([0, 1, 2, 3, 4, 900].map((attempt) => backoffMs(attempt, backoff, () => 0))).toEqual([
      50, 100, 200, 400, 500, 500,
    ]);
    expect([0, 1, 2, 3, 4, 900].map((attempt) => backoffMs(attempt, backoff, () => 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  test("Retry-After is read as seconds and as a date, and nothing else", ({ expect }) => {
    const now = Date.parse("2026-01-31T12:00:00Z");
    expect(retryAfterMs("7", now)).toBe(7_000);
    expect(retryAfterMs("Sat, 31 Jan 2026 12:00:30 GMT", now)).toBe(30_000);
    expect(retryAfterMs("Sat, 31 Jan 2026 11:00:00 GMT", now)).toBe(0);
    expect(retryAfterMs("soon", now)).toBeUndefined();
    expect(retryAfterMs(null, now)).toBeUndefined();
  });
});
