import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { evidenceFiguresOf } from "../support/evidence-figures.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, openContext, signIn } from "./browser.ts";
import { api, ask } from "./requests.ts";

const screenshots = process.env["HOLDPOINT_SCREENSHOTS"];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let engine: TestEngine;
let browser: Browser;

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await engine.stop();
});

const sectionOf = (page: Page): Locator =>
  page.locator("section", { has: page.getByRole("heading", { name: "Evidence and retention" }) });

describe("evidence and retention on the page", () => {
  it("says what is held and who has read, as it is", async ({ expect }) => {
    const { id } = await ask(engine);
    await api(engine, "operator", `/v1/actions/${id}/evidence`);
    await api(engine, "agent:demo", `/v1/evidence`);
    const hold = { scope: "type:host.shell", reason: "Case 2031" };
    expect((await api(engine, "person:omar", "/v1/holds", hold)).status).toBe(201);
    const omar = await signIn(engine, await openContext(browser), "person:omar");
    await omar.goto(`${engine.url}/on-call`);
    const section = sectionOf(omar);
    await section.getByText("1 hold in force.").waitFor();
    const rows = section.getByRole("row");
    await rows.filter({ hasText: "service:operator" }).getByText("GET /v1/actions/:id/evidence").waitFor();
    const demo = rows.filter({ hasText: "agent:demo" }).filter({ hasText: "GET /v1/evidence" });
    expect(await demo.getByRole("cell").allTextContents()).toEqual(["GET /v1/evidence", "0", "1"]);
  });

  const looks = [
    { name: "1280", width: 1280, height: 900, dark: false },
    { name: "1280-dark", width: 1280, height: 900, dark: true },
    { name: "360", width: 360, height: 740, dark: false },
  ];
  it.for(looks)(
    "with a lot in it scrolls no page sideways and has no serious fault: $name",
    async (look, { expect }) => {
      const page = await signIn(engine, await openContext(browser, look), "person:omar");
      const evidence = evidenceFiguresOf();
      await page.route("**/v1/metrics?*", async (route) => {
        const answer = await route.fetch();
        await route.fulfill({ response: answer, json: { ...(await answer.json()), evidence } });
      });
      await page.goto(`${engine.url}/on-call`);
      const section = sectionOf(page);
      await section.getByRole("row", { name: /^ephemeral / }).waitFor();
      const [row] = await section.getByRole("row", { name: /^ephemeral / }).all();
      expect(await row!.getByRole("cell").allTextContents()).toEqual([
        "106",
        "99",
        "2",
        "4",
        "98.0 %",
        "30m 00s",
        "2.0 kB",
        "0 B",
      ]);
      await section.getByText("34 lines not signed yet, the oldest for").waitFor();
      await section.getByText("The log has 1 contradiction").waitFor();
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(beyond).toBeLessThanOrEqual(0);
      expect(await faults(page)).toEqual([]);
      if (screenshots !== undefined) {
        mkdirSync(screenshots, { recursive: true });
        await section.screenshot({ path: `${screenshots}/evidence-figures-${look.name}.png` });
      }
    },
  );
});

async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
