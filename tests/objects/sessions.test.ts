import { SELF } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { describe, test } from "vitest";
import type { Registry } from "../../objects/registry/registry.ts";
import type { ActionView } from "../../schemas/action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

const origin = "https://holdpoint.invalid";
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const minute = 60_000;

const registryOf = ({ name }: Workspace): DurableObjectStub<Registry> =>
  env.REGISTRY.getByName(`${name}/registry`);

/** A person's cookie, signed in as long ago as is said. */
async function cookieOf(workspace: Workspace, person: string, agoMs = 0): Promise<string> {
  const registry = registryOf(workspace);
  const now = Date.now() - agoMs;
  const [key] = await registry.keys();
  const link = await registry.createLink({ person, keyId: key!.id, actor: "test", now });
  if (!link.ok) throw new Error(link.error.detail);
  const made = await registry.signIn({ hash: sha256(link.value.text), now });
  if (!made.ok) throw new Error(made.error.detail);
  return `__Host-holdpoint=${made.value.text}`;
}

async function post(cookie: string, path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const headers = { cookie, origin, "x-holdpoint-csrf": "1" };
  const answer = await SELF.fetch(origin + path, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

const vote = (cookie: string, { id, digest }: ActionView, decision = "approve") =>
  post(cookie, `/v1/actions/${id}/votes`, { decision, digest, reason: "seen" });

const refund = {
  type: "payment.refund",
  target: { resource: "customer 4711" },
  args: { payment: "pay_1", amount: 1_200, currency: "EUR" },
};

describe("a session", () => {
  test("is a Secure __Host- cookie that scripts and other sites never have", async ({ expect }) => {
    const workspace = await openWorkspace("s-cookie");
    const made = await workspace.call("person:bob", "POST", "/v1/sign-in-links", {});
    const { url } = made.body as { url: string };
    expect(url).toMatch(/^https:\/\/holdpoint\.invalid\/sign-in#s-cookie\.[\w-]{43}$/u);
    const answer = await SELF.fetch(`${origin}/v1/session`, {
      method: "POST",
      headers: { origin, "x-holdpoint-csrf": "1" },
      body: JSON.stringify({ token: url.split("#")[1] }),
    });
    expect(answer.headers.get("set-cookie")).toMatch(
      /^__Host-holdpoint=s-cookie\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=43200$/u,
    );
    await answer.body?.cancel();
  });

  test("decides on what is critical within five minutes of signing in, and not after", async ({ expect }) => {
    const workspace = await openWorkspace("s-step-up");
    const critical = await workspace.ask(refund);
    const old = await cookieOf(workspace, "person:bob", 5 * minute + 1_000);
    for (const decision of ["approve", "deny"]) {
      expect(await vote(old, critical, decision)).toMatchObject({
        status: 403,
        body: { code: "forbidden", errors: [{ pointer: "/session" }] },
      });
    }
    const items = [{ action: critical.id, decision: "approve", digest: critical.digest }];
    const batch = await post(old, "/v1/votes/batch", { items });
    expect(batch).toMatchObject({ status: 200, body: { items: [{ status: 403 }] } });
    expect((await vote(old, await workspace.ask())).status).toBe(200);
    const fresh = await cookieOf(workspace, "person:bob", 4 * minute);
    expect(await vote(fresh, critical)).toMatchObject({ status: 200, body: { votes: [{ via: "page" }] } });
  });

  test("breaks no glass more than five minutes after signing in, whatever the risk", async ({ expect }) => {
    const workspace = await openWorkspace("s-glass");
    const { id, digest } = await workspace.ask();
    const body = { digest, reason: "nobody on call answers at all", incident: "INC-1", confirm: true };
    const path = `/v1/actions/${id}/break-glass`;
    const old = await cookieOf(workspace, "person:carol", 5 * minute + 1_000);
    expect(await post(old, path, body)).toMatchObject({
      status: 403,
      body: { code: "forbidden", errors: [{ pointer: "/session" }] },
    });
    const fresh = await cookieOf(workspace, "person:carol", 4 * minute);
    expect(await post(fresh, path, body)).toMatchObject({ status: 200, body: { state: "approved" } });
  });

  test("ends after twelve hours", async ({ expect }) => {
    const workspace = await openWorkspace("s-ends");
    const status = async (agoMs: number): Promise<number> => {
      const headers = { cookie: await cookieOf(workspace, "person:bob", agoMs) };
      const answer = await SELF.fetch(`${origin}/v1/session`, { headers });
      await answer.body?.cancel();
      return answer.status;
    };
    expect([await status(719 * minute), await status(720 * minute)]).toEqual([200, 401]);
  });

  test("makes no links, no keys, and asks for no actions", async ({ expect }) => {
    const workspace = await openWorkspace("s-narrow");
    const cookie = await cookieOf(workspace, "person:omar");
    for (const path of ["/v1/sign-in-links", "/v1/keys", "/v1/actions", "/v1/policy"]) {
      expect((await post(cookie, path, {})).status, path).toBe(403);
    }
  });
});

describe("a sign-in link", () => {
  test("is for oneself with one's own key, for anybody with an operator's, and for nobody else", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("s-links");
    const make = async (who: string, body: unknown): Promise<number> =>
      (await workspace.call(who, "POST", "/v1/sign-in-links", body)).status;
    expect(await make("person:bob", { person: "person:bob" })).toBe(201);
    expect(await make("service:operator", { person: "person:alice" })).toBe(201);
    expect(await make("person:bob", { person: "person:alice" })).toBe(403);
    expect(await make("agent:demo", {})).toBe(403);
    expect(await make("agent:demo", { person: "person:bob" })).toBe(403);
    expect(await make("service:operator", { person: "person:nobody" })).toBe(404);
  });

  test("is over after five minutes", async ({ expect }) => {
    const workspace = await openWorkspace("s-late");
    const registry = registryOf(workspace);
    const [key] = await registry.keys();
    const now = Date.now();
    const link = await registry.createLink({ person: "person:bob", keyId: key!.id, actor: "test", now });
    if (!link.ok) throw new Error(link.error.detail);
    const hash = sha256(link.value.text);
    expect(await registry.signIn({ hash, now: now + 5 * minute })).toMatchObject({ ok: false });
    expect(await registry.signIn({ hash, now: now + 5 * minute - 1 })).toMatchObject({ ok: true });
  });
});
