import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { noticeTypes } from "../../schemas/webhook.ts";
import {
  DeadLetterList,
  EndpointList,
  NewEndpoint,
  NewSecret,
  SecretList,
  type DeadLetterView,
} from "../../schemas/webhook-view.ts";
import { castOf, contractOf, requestOf, type Cast } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { hostileUrls } from "../support/hostile-urls.ts";
import { startReceiver, type Received, type Receiver } from "../support/receiver.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

let engine: TestEngine;
let cast: Cast;
const receivers: Receiver[] = [];

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()));
  await engine?.stop();
});

async function receiving(...secrets: string[]): Promise<Receiver> {
  const receiver = await startReceiver(...secrets);
  receivers.push(receiver);
  return receiver;
}

const newSecret = async (): Promise<NewSecret> =>
  v.parse(NewSecret, await cast.operator.post("/v1/webhooks/secrets", {}));
const rotate = async (id: string, body: object): Promise<NewSecret> =>
  v.parse(NewSecret, await cast.operator.post(`/v1/webhooks/secrets/${id}/rotate`, body));

type Subscribed = Receiver & { readonly endpoint: string; readonly remove: () => Promise<unknown> };

/** A receiver with an endpoint of its own, which is removed again by `remove`. */
async function subscribed(parts: Record<string, unknown> = {}): Promise<Subscribed> {
  const receiver = await receiving();
  const { id, secret } = v.parse(
    NewEndpoint,
    await cast.operator.post("/v1/webhooks", { url: receiver.url, ...parts }),
  );
  if (secret !== null) receiver.setSecrets(secret);
  return Object.assign(receiver, {
    endpoint: id,
    remove: () => cast.operator.send("DELETE", `/v1/webhooks/${id}`),
  });
}

const about =
  ({ id }: ActionView) =>
  ({ verified }: Received): boolean =>
    verified?.data["id"] === id;
const typesOf = (messages: readonly Received[]): string[] =>
  messages.map(({ verified }) => verified?.type ?? "").toSorted();

/** Asked for, approved, claimed and reported as executed. */
async function run(parts: Record<string, unknown> = {}): Promise<ActionView> {
  const action = await cast.demo.asks(parts);
  await cast.bob.approves(action);
  await cast.demo.reports(await cast.demo.claims(action), "succeeded");
  return action;
}

/** Glass broken, its review overdue and then done. */
async function answeredFor(): Promise<void> {
  const type = "test.glass";
  const rule = { seat: "dba", n: 1, from: ["group:dba"] };
  const breakGlass = { by: ["group:oncall"], reviewDue: "1s" };
  await cast.operator.adopts(contractOf(type, { rule, breakGlass }));
  const { id, digest } = await cast.demo.asks({ type });
  const why = { reason: "the DBA does not answer the pager", incident: "INC-1", confirm: true };
  const { seq } = await cast.bob.post<ActionView>(`/v1/actions/${id}/break-glass`, { digest, ...why });
  await cast.demo.waitsFor({ id }, seq);
  await cast.alice.post(`/v1/actions/${id}/break-glass/review`, { verdict: "justified", note: "so it was" });
}

/** Executed in part, then rolled back with this outcome. */
async function rollBack(outcome: "succeeded" | "failed"): Promise<void> {
  const action = await cast.demo.asks({ rollbackPlan: { argv: ["true"] } });
  await cast.bob.approves(action);
  const partly = { more: { effect: "partial" } };
  await cast.demo.reports(await cast.demo.claims(action), "failed", partly);
  const effect = outcome === "failed" ? { more: { effect: "unknown" } } : undefined;
  await cast.demo.reports(await cast.demo.claims(action), outcome, effect);
}

describe("a webhook endpoint", () => {
  test("hears of every step, signed for the official library, and works on each once", async ({ expect }) => {
    const receiver = await subscribed();
    const action = await run();
    await receiver.until(({ processed }) => processed.filter(about(action)).length === 4);
    const messages = receiver.processed.filter(about(action));
    expect(typesOf(messages)).toEqual([
      "action.approved",
      "action.executed",
      "action.executing",
      "action.pending",
    ]);
    for (const { id, verified, headers, body } of messages) {
      expect(id).toMatch(/^[A-Za-z0-9_-]+$/u);
      expect(headers["webhook-timestamp"]).toMatch(/^\d{10}$/u);
      expect(headers["authorization"]).toBeUndefined();
      expect(verified?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
      expect(verified?.data).toMatchObject({ type: "host.shell", workspace: engine.workspace });
      expect(body).not.toContain("systemctl");
    }
    await receiver.remove();
  });

  test("hears of every end there is", async ({ expect }) => {
    const receiver = await subscribed();
    await cast.bob.denies(await cast.demo.asks());
    await cast.demo.cancels(await cast.demo.asks());
    await cast.demo.asks({ notAfter: new Date(Date.now() + 3_000).toISOString() });
    await rollBack("succeeded");
    await rollBack("failed");
    await answeredFor();
    // `escalated` needs a minute by the clock; it takes the same way, and the machine's tests have its event.
    const elsewhere: readonly string[] = ["action.escalated", "action.executed"];
    const wanted = noticeTypes.filter((type) => !elsewhere.includes(type));
    await receiver.until(({ processed }) => wanted.every((type) => typesOf(processed).includes(type)));
    expect(new Set(typesOf(receiver.processed))).toEqual(new Set(wanted));
    await receiver.remove();
  });

  test("may see the payload only when it was registered so, and only the types it asked for", async ({
    expect,
  }) => {
    const seeing = await subscribed({ payload: true, events: ["action.executed"] });
    const action = await run();
    await seeing.until(({ processed }) => processed.some(about(action)));
    expect(typesOf(seeing.received)).toEqual(["action.executed"]);
    const [message] = seeing.processed;
    expect(message?.verified?.data).toMatchObject({ args: { argv: ["systemctl", "restart", "app"] } });
    await seeing.remove();
  });

  test("that fails is tried again under the same id, and nobody else waits for it", async ({ expect }) => {
    const failing = await subscribed({ events: ["action.pending"] });
    const well = await subscribed({ events: ["action.pending"] });
    failing.failNext({ status: 500 }, { drop: true });
    const action = await cast.demo.asks();
    await well.until(({ processed }) => processed.some(about(action)), 5_000);
    await failing.until(({ processed }) => processed.some(about(action)), 58_000);
    expect(failing.received.map(({ status }) => status)).toEqual([500, null, 204]);
    expect(new Set(failing.received.map(({ id }) => id)).size).toBe(1);
    const [first, second, last] = failing.received.map(({ headers }) => Number(headers["webhook-timestamp"]));
    expect(second).toBeGreaterThanOrEqual((first ?? 0) + 4);
    expect(last).toBeGreaterThanOrEqual((second ?? 0) + 29);
    await Promise.all([failing.remove(), well.remove()]);
  });

  test("that is slow keeps nobody else waiting, not for later actions either", async ({ expect }) => {
    const slow = await subscribed({ events: ["action.pending"] });
    const quick = await subscribed({ events: ["action.pending"] });
    slow.answerWith({ delayMs: 9_000 });
    const first = await cast.demo.asks();
    await quick.until(({ processed }) => processed.some(about(first)), 4_000);
    const second = await cast.demo.asks();
    await quick.until(({ processed }) => processed.some(about(second)), 4_000);
    expect(slow.received).toEqual([]);
    await slow.until(({ processed }) => processed.some(about(first)) && processed.some(about(second)));
    expect(slow.received).toHaveLength(2);
    await Promise.all([slow.remove(), quick.remove()]);
  });

  test("that answers 410 is switched off, and its delivery is a dead letter", async ({ expect }) => {
    const gone = await subscribed({ events: ["action.pending"] });
    gone.answerWith({ status: 410 });
    const action = await cast.demo.asks();
    await gone.until(({ received }) => received.some(about(action)));
    expect(await deadLetterOf(action)).toMatchObject({
      sink: `webhook:${gone.endpoint}`,
      lastError: "answered 410 Gone",
      type: "action.pending",
    });
    const { items } = v.parse(EndpointList, await cast.operator.get("/v1/webhooks"));
    expect(items.find(({ id }) => id === gone.endpoint)).toMatchObject({ active: false });
    const other = await cast.demo.asks();
    await delay(2_500);
    expect(gone.received.filter(about(other))).toEqual([]);
    await gone.remove();
  });
});

async function deadLetters(): Promise<DeadLetterView[]> {
  return v.parse(DeadLetterList, await cast.operator.get("/v1/dead-letters")).items;
}

/** The dead letter of an action, as soon as the Board lists it. */
async function deadLetterOf({ id }: ActionView): Promise<DeadLetterView> {
  for (let tries = 0; tries < 50; tries += 1) {
    const found = (await deadLetters()).find(({ action }) => action === id);
    if (found !== undefined) return found;
    await delay(200);
  }
  throw new Error(`no dead letter of ${id}`);
}

describe("a callback", () => {
  test("hears of what becomes of its action, without the payload", async ({ expect }) => {
    const { id: secretId, secret } = await newSecret();
    const receiver = await receiving(secret);
    const action = await run({ callback: { url: receiver.url, secretId } });
    await receiver.until(({ processed }) => processed.filter(about(action)).length === 3);
    expect(typesOf(receiver.processed)).toEqual(["action.approved", "action.executed", "action.executing"]);
    expect(receiver.processed.map(({ body }) => body).join()).not.toContain("systemctl");
  });

  test("that is refused for good becomes a dead letter, which can be sent again", async ({ expect }) => {
    const { id: secretId, secret } = await newSecret();
    const receiver = await receiving(secret);
    receiver.failNext({ status: 410 });
    const action = await cast.demo.asks({ callback: { url: receiver.url, secretId } });
    await cast.bob.denies(action);
    await receiver.until(({ received }) => received.length === 1);
    const letter = await deadLetterOf(action);
    expect(letter).toMatchObject({
      sink: "callback",
      type: "action.denied",
      lastError: "answered 410 Gone",
    });
    const again = await cast.operator.post(`/v1/dead-letters/${letter.id}/retry`, {});
    expect(again).toMatchObject({ id: letter.id, action: action.id });
    await receiver.until(({ processed }) => processed.length === 1);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    expect((await deadLetters()).filter((item) => item.action === action.id)).toEqual([]);
    const third = await refusalOf(cast.operator.post(`/v1/dead-letters/${letter.id}/retry`, {}));
    expect(third).toMatchObject({ status: 404 });
  });
});

describe("a signing secret", () => {
  test("is shown once, also to a call that is repeated, and never listed", async ({ expect }) => {
    const key = randomUUID();
    const first = v.parse(NewSecret, await cast.operator.post("/v1/webhooks/secrets", {}, { key }));
    const again = await cast.operator.post("/v1/webhooks/secrets", {}, { key });
    expect(first.secret).toMatch(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/u);
    expect(again).toEqual(first);
    const list = v.parse(SecretList, await cast.operator.get("/v1/webhooks/secrets"));
    expect(list.items.map(({ id }) => id)).toContain(first.id);
    expect(JSON.stringify(list)).not.toContain("whsec_");
  });

  test("can be replaced under load: a receiver with either key takes every message inside the overlap", async ({
    expect,
  }) => {
    const { id: secretId, secret } = await newSecret();
    const old = await subscribed({ secretId, events: ["action.pending"] });
    const fresh = await subscribed({ secretId, events: ["action.pending"] });
    old.setSecrets(secret);
    fresh.setSecrets(secret);
    const actions: ActionView[] = [];
    const load = async (): Promise<void> => {
      for (let asked = 0; asked < 15; asked += 1) actions.push(await cast.demo.asks());
    };
    const loads = [load(), load()];
    await fresh.until(({ processed }) => processed.length > 5);
    const rotated = await rotate(secretId, {});
    expect(rotated.secret).not.toBe(secret);
    // What left before the rotation is still under way; after it the old key is not needed any more.
    fresh.setSecrets(rotated.secret, secret);
    await Promise.all(loads);
    await fresh.until(({ processed }) => actions.every((action) => processed.some(about(action))));
    fresh.setSecrets(rotated.secret);
    for (let asked = 0; asked < 5; asked += 1) actions.push(await cast.demo.asks());
    for (const receiver of [old, fresh]) {
      await receiver.until(({ processed }) => actions.every((action) => processed.some(about(action))));
      expect(receiver.received.filter(({ verified }) => verified === null)).toEqual([]);
    }
    await Promise.all([old.remove(), fresh.remove()]);
  });

  test("whose overlap is over signs no more", async ({ expect }) => {
    const { id: secretId, secret } = await newSecret();
    const receiver = await subscribed({ secretId, events: ["action.pending"] });
    const { secret: next } = await rotate(secretId, { overlapMs: 0 });
    receiver.setSecrets(secret);
    receiver.answerWith({ status: 204 });
    await cast.demo.asks();
    await receiver.until(({ received }) => received.length === 1);
    expect(receiver.received[0]?.verified).toBeNull();
    receiver.setSecrets(next);
    const other = await cast.demo.asks();
    await receiver.until(({ processed }) => processed.some(about(other)));
    await receiver.remove();
  });
});

/** The engine under test runs on this machine, where plain loopback is allowed; the rule's own tests have it refused. */
const refusedEverywhere = hostileUrls.filter((url) => {
  const { hostname = "", protocol = "", username = "", href = "" } = URL.parse(url) ?? {};
  const loopback = ["127.0.0.1", "[::1]", "localhost"].includes(hostname) && /^https?:$/u.test(protocol);
  return !loopback || username !== "" || href.includes("#") || /[\s\\]/u.test(url);
});

describe("registration", () => {
  test.for(refusedEverywhere)(
    "T12 takes %j neither as an endpoint nor as a callback",
    async (url, { expect }) => {
      const endpoint = await refusalOf(cast.operator.post("/v1/webhooks", { url }));
      expect(endpoint).toMatchObject({ code: "invalid_body", errors: [{ pointer: "/url" }] });
      const callback = { url, secretId: "whs_nothing" };
      const { status, errors = [] } = await refusalOf(cast.demo.post("/v1/actions", requestOf({ callback })));
      expect(status).toBe(422);
      expect(errors.map(({ pointer }) => pointer)).toContain("/callback/url");
    },
  );

  test("has sixty addresses and more to refuse", ({ expect }) => {
    expect(refusedEverywhere.length).toBeGreaterThanOrEqual(60);
  });

  test("needs a secret that is there, and the scope for it", async ({ expect }) => {
    const url = "https://hooks.example.com/";
    const unknown = await refusalOf(cast.operator.post("/v1/webhooks", { url, secretId: "whs_nothing" }));
    expect(unknown).toMatchObject({ status: 422, errors: [{ pointer: "/secretId" }] });
    expect(await refusalOf(cast.demo.post("/v1/webhooks", { url }))).toMatchObject({ status: 403 });
    const missing = await cast.operator.send("DELETE", "/v1/webhooks/whe_nothing");
    expect(missing.status).toBe(404);
  });
});

test("an engine whose receivers fail has nothing to complain about itself", ({ expect }) => {
  expect(engine.errors()).toBe("");
});
