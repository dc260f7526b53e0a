import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, openContext, signIn } from "./browser.ts";
import { api, ask, samples, until } from "./requests.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const screenshots = process.env["HOLDPOINT_SCREENSHOTS"];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let engine: TestEngine;
let browser: Browser;
let shell: string;

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
  for (const sample of samples) await ask(engine, sample);
  await history();
  ({ id: shell } = await ask(engine, {
    target: { resource: "prod-db-2", segment: "prod-hosts", environment: "production" },
    reason: "It is safe, I have checked it twice. ".repeat(80),
  }));
});
afterAll(async () => {
  await browser.close();
  await engine.stop();
});

/** Something for the on-call's figures: decided, run, denied. */
async function history(): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    const { id, digest } = await ask(engine);
    const vote =
      round % 3 === 2
        ? { decision: "deny", digest, reason: "Missing context: which pool?" }
        : { decision: "approve", digest };
    await api(engine, round % 2 === 0 ? "person:bob" : "person:alice", `/v1/actions/${id}/votes`, vote);
    if (vote.decision === "deny") continue;
    const { body } = await api(engine, "agent:demo", `/v1/actions/${id}/claim`, { digest });
    const report = { lease: body["lease"], fence: body["fence"], outcome: "succeeded", summary: "done" };
    await api(engine, "agent:demo", `/v1/actions/${id}/report`, report);
  }
}

/** Every view, with what says that it is there. */
const views = [
  { name: "queue", path: () => "/", ready: (page: Page) => page.locator("ol.rows > li").nth(4).waitFor() },
  {
    name: "action",
    path: () => `/actions/${shell}`,
    ready: (page: Page) => page.locator(".card .facts").waitFor(),
  },
  {
    name: "on-call",
    path: () => "/on-call?window=1h",
    ready: (page: Page) => page.locator("canvas").nth(1).waitFor(),
  },
];

describe("in light, in dark and on a narrow screen", () => {
  const looks = [
    { name: "light", width: 1280, height: 800, dark: false },
    { name: "dark", width: 1280, height: 800, dark: true },
    { name: "360", width: 360, height: 740, dark: false },
    { name: "360-dark", width: 360, height: 740, dark: true },
  ];

  it.for(looks)(
    "no view has a serious fault of accessibility, or scrolls sideways: $name",
    async (look, { expect }) => {
      const context = await openContext(browser, look);
      const page = await signIn(engine, context, "person:omar");
      for (const { name, path, ready } of views) {
        await page.goto(engine.url + path());
        await ready(page);
        await page.locator(".live.live").waitFor();
        expect(await faults(page), name).toEqual([]);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(beyond, name).toBeLessThanOrEqual(0);
      }
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      expect(await faults(page), "help").toEqual([]);
      await context.clearCookies();
      await page.goto(`${engine.url}/sign-in`);
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      expect(await faults(page), "sign-in").toEqual([]);
      await context.close();
    },
  );

  it.runIf(screenshots !== undefined).for(looks.slice(0, 3))(
    "is pictured for the documentation: $name",
    async (look, { expect }) => {
      mkdirSync(`${root}docs/screenshots`, { recursive: true });
      const context = await openContext(browser, look);
      const page = await signIn(engine, context, "person:bob");
      for (const { name, path: address, ready } of views) {
        await page.goto(engine.url + address());
        await ready(page);
        await page.locator(".live.live").waitFor();
        const path = `${root}docs/screenshots/${name}-${look.name}.png`;
        const fullPage = name === "on-call" && look.width > 1_000;
        expect((await page.screenshot({ path, fullPage })).byteLength).toBeGreaterThan(0);
      }
      await context.close();
    },
  );
});

/** What axe-core finds serious or critical, as rule and place. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (window as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

describe("T1: what is decided and the buttons that decide", () => {
  it.for([
    { width: 1280, height: 800 },
    { width: 360, height: 740 },
  ])("are in the first screen together, before the agent's words: $width px", async (look, { expect }) => {
    const context = await openContext(browser, look);
    const page = await signIn(engine, context, "person:bob");
    await page.goto(`${engine.url}/actions/${shell}`);
    for (const name of ["Approve", "Deny"]) {
      const button = page.getByRole("button", { name, exact: true });
      const box = (await button.boundingBox())!;
      expect(box.y + box.height).toBeLessThanOrEqual(look.height);
      const onTop = await page.evaluate(
        ([x, y]) => document.elementFromPoint(x!, y!)?.textContent,
        [box.x + box.width / 2, box.y + box.height / 2],
      );
      expect(onTop).toBe(name);
    }
    const panel = (await page.locator(".decide").boundingBox())!;
    const bottom = look.width < 960 ? panel.y : look.height;
    for (const label of ["Target", "Blast radius", "Argument argv"]) {
      const fact = (await page.locator(".facts > div", { hasText: label }).first().boundingBox())!;
      expect(fact.y, label).toBeGreaterThan(0);
      expect(fact.y + fact.height, label).toBeLessThanOrEqual(bottom);
    }
    const says = (await page.locator(".agent-says").boundingBox())!;
    const last = (await page.locator(".card .facts > div").last().boundingBox())!;
    expect(says.y).toBeGreaterThanOrEqual(last.y + last.height);
    await context.close();
  });
});

describe("how heavy it is", () => {
  it("the script is under 100 kB gzipped, charts included", ({ expect }) => {
    const folder = `${root}dist/assets/`;
    const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
    const sizes = scripts.map((name) => gzipSync(readFileSync(folder + name)).byteLength);
    console.log(`script: ${scripts.map((name, index) => `${name} ${sizes[index]} B`).join(", ")} gzipped`);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
  });

  it("the queue shows the hundred most urgent, and says how many there are", async ({ expect }) => {
    // A body holds at most 1,000 keys, and each of these has eleven.
    for (let batch = 0; batch < 2; batch += 1) {
      const items = Array.from({ length: 80 }, (_, index) => ({
        action: { ...samples[3], target: { resource: `checkout-${batch}-${index}`, segment: "prod-hosts" } },
      }));
      const { status } = await api(engine, "agent:demo", "/v1/actions/batch", { items });
      expect(status).toBe(200);
    }
    const pending = async (): Promise<number> => {
      const { body } = await api(engine, "person:bob", "/v1/queue?limit=1");
      return (body["counts"] as { byState: Record<string, number> }).byState["pending"] ?? 0;
    };
    await until(async () => (await pending()) >= 160, 30_000);
    const context = await openContext(browser);
    const page = await signIn(engine, context, "person:bob");
    await page.locator("ol.rows > li").nth(99).waitFor();
    expect(await page.locator("ol.rows > li").count()).toBe(100);
    const words = page.getByRole("status").filter({ hasText: "pending in all" });
    await until(
      async () =>
        (await words.textContent()) ===
        `100 or more waiting for you, ${await pending()} pending in all; 100 shown, the most urgent first`,
    );
    const risks = await page.locator("ol.rows > li .risk").allTextContents();
    expect(risks[0]).toMatch(/critical/iu);
    await context.close();
  });
});
