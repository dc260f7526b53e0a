import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, openContext, signIn } from "./browser.ts";
import { api, samples, until } from "./requests.ts";

let engine: TestEngine;
let browser: Browser;
let bob: Page;

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
  bob = await signIn(engine, await openContext(browser), "person:bob");
});
afterAll(async () => {
  await browser.close();
  await engine.stop();
});

type Asked = { id: string; digest: string; type: string };

/** A hundred requests of every kind there is, in as many calls as a body may hold. */
async function hundred(): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (let batch = 0; batch < 2; batch += 1) {
    const items = Array.from({ length: 50 }, (_, index) => {
      const sample = samples[index % samples.length]!;
      const { segment } = (sample["target"] ?? { segment: "prod-hosts" }) as { segment?: string };
      const target = { resource: `thing-${batch}-${index}`, ...(segment !== undefined && { segment }) };
      return { action: { ...shell, ...sample, target } };
    });
    const { body } = await api(engine, "agent:demo", "/v1/actions/batch", { items });
    asked.push(...(body["items"] as { action: Asked }[]).map(({ action }) => action));
  }
  return asked;
}
const shell = {
  type: "host.shell",
  args: { argv: ["systemctl", "restart", "postgresql"] },
  reason: "Connections pile up and the pool is exhausted; a restart has helped before.",
};

describe("P30 a hundred mixed requests to clear", () => {
  it("are selected at once and decided each on its own digest with its own verdict", async ({ expect }) => {
    const asked = await hundred();
    expect(asked).toHaveLength(100);
    await bob.goto(engine.url);
    const button = bob.getByRole("button", { name: "that wait for you here" });
    await bob.locator("ol.rows > li").nth(99).waitFor();
    await button.click();
    const selected = Number((await bob.locator(".batch span").textContent())!.split(" ")[0]);
    expect(selected).toBeGreaterThan(30);
    await bob.getByRole("button", { name: "Approve…" }).click();
    const dialog = bob.getByRole("dialog");
    await until(async () => (await dialog.locator(".batch-cards article").count()) === selected, 30_000);

    // Somebody else decides on one of them while bob reads.
    const shells = asked.filter(({ type }) => type === "host.shell");
    const [taken] = shells;
    const denial = { decision: "deny", digest: taken!.digest, reason: "not this one" };
    await api(engine, "person:alice", `/v1/actions/${taken!.id}/votes`, denial);

    const sent = bob.waitForRequest((request) => request.url().endsWith("/v1/votes/batch"));
    await dialog.getByRole("button", { name: /^Approve \d+$/u }).click();
    const { items } = (await sent).postDataJSON() as { items: { action: string; digest: string }[] };
    const known = new Map(asked.map(({ id, digest }) => [id, digest]));
    for (const { action, digest } of items) expect(digest).toBe(known.get(action));
    const critical = asked.filter(({ type }) => type === "payment.refund").map(({ id }) => id);
    expect(items.filter(({ action }) => critical.includes(action))).toEqual([]);

    await until(async () => (await dialog.getByRole("status").count()) === items.length);
    const verdict = (id: string): Promise<string | null> =>
      dialog.locator("article", { has: bob.locator(`a[href="/actions/${id}"]`) }).textContent();
    expect(await verdict(taken!.id)).not.toContain("Done");
    for (const { id } of shells.slice(1, 6)) expect(await verdict(id)).toContain("Done: it is approved now.");
    const state = async (id: string): Promise<unknown> =>
      (await api(engine, "person:bob", `/v1/actions/${id}`)).body["state"];
    expect(await state(taken!.id)).toBe("denied");
    for (const { id } of shells.slice(1)) expect(await state(id)).toBe("approved");
    for (const id of critical) expect(await state(id)).toBe("pending");
  });
});
