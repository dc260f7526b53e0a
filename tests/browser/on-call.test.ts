import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, openContext, signIn } from "./browser.ts";
import { api, ask, samples, until } from "./requests.ts";

let engine: TestEngine;
let browser: Browser;
/** Refuses whatever is sent to it for good, until it is told better. */
let receiver: Server;
let answers = 410;
let heard = 0;

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
  receiver = createServer((incoming, answer) => {
    incoming.resume();
    heard += 1;
    answer.writeHead(answers).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const { body: secret } = await api(engine, "operator", "/v1/webhooks/secrets", {});
  for (const sample of samples) await ask(engine, sample);
  for (const reason of ["Missing context: which pool?", "Not today"]) {
    const { id, digest } = await ask(engine, { callback: { url, secretId: secret["id"] } });
    await api(engine, "person:bob", `/v1/actions/${id}/votes`, { decision: "deny", digest, reason });
  }
  await until(async () => (await deadLetters()) === 2, 20_000);
});
afterAll(async () => {
  await browser.close();
  receiver.close();
  await engine.stop();
});

const deadLetters = async (): Promise<number> =>
  ((await api(engine, "operator", "/v1/dead-letters")).body["items"] as unknown[]).length;

describe("the on-call view", () => {
  it("says what is pending and for how long, by type, risk and group, and leads to it", async ({
    expect,
  }) => {
    const page = await signIn(engine, await openContext(browser), "person:omar");
    await page.goto(`${engine.url}/on-call`);
    for (const name of ["Pending by type", "Pending by risk", "Pending by group"]) {
      await page.getByRole("table", { name }).getByRole("row").nth(1).waitFor();
    }
    const figures = page.locator("dl.figures");
    const text = async (): Promise<string> => (await figures.textContent()) ?? "";
    expect(await text()).toContain("Pending5");
    expect(await text()).toContain("Denied for missing context1 of 2");
    await page.getByRole("link", { name: "critical" }).click();
    await page.locator("ol.rows > li").first().waitFor();
    expect(page.url()).toBe(`${engine.url}/?risk=critical`);
    expect(await page.locator("ol.rows > li").count()).toBe(1);
    await page.context().close();
  });

  it("sends a dead letter again, on a telephone too, where the page does not scroll sideways", async ({
    expect,
  }) => {
    const page = await signIn(engine, await openContext(browser, { width: 360, height: 740 }), "person:omar");
    await page.goto(`${engine.url}/on-call`);
    const again = page.getByRole("button", { name: "Send again" });
    await again.nth(1).waitFor();
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(beyond).toBeLessThanOrEqual(0);
    const box = (await again.first().boundingBox())!;
    expect(box.x + box.width).toBeLessThanOrEqual(360);
    answers = 204;
    const before = heard;
    await again.first().click();
    await until(() => heard === before + 1);
    await until(async () => (await deadLetters()) === 1);
    await until(async () => (await again.count()) === 1, 30_000);
    await page.context().close();
  });

  it("tells somebody who is no operator who can send them", async ({ expect }) => {
    const page = await signIn(engine, await openContext(browser), "person:bob");
    await page.goto(`${engine.url}/on-call`);
    await page.getByText("An operator can send").waitFor();
    expect(await page.getByRole("button", { name: "Send again" }).count()).toBe(0);
    await page.context().close();
  });
});
