import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, linkFor, openContext, signIn } from "./browser.ts";
import { api, ask, samples, until } from "./requests.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const screenshots = process.env["HOLDPOINT_SCREENSHOTS"];

let engine: TestEngine;
let browser: Browser;

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await engine.stop();
});

const migration = samples.find(({ type }) => type === "db.migrate")!;
const reason = "Checkout is down and no DBA answers";
const asked = (): Promise<ActionView> => ask(engine, migration);

async function opened(person: string, { id }: ActionView, look = {}): Promise<Page> {
  const page = await signIn(engine, await openContext(browser, look), person);
  const terms = page.waitForResponse((answer) => answer.url().endsWith(`${id}/break-glass`));
  await page.goto(`${engine.url}/actions/${id}`);
  await page.locator(".card .facts").waitFor();
  await (await terms).finished();
  // What came of them is drawn in the next frame.
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(null)))),
  );
  return page;
}

const form = (page: Page) => page.getByRole("form", { name: "Break the glass" });
const submit = (page: Page) => form(page).getByRole("button", { name: "Break the glass" });
const summary = (page: Page) => page.locator("details.glass > summary");

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

const beyond = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

describe("breaking the glass on the page", () => {
  it("is offered only to those who have the right, and says what it skips and who is told", async ({
    expect,
  }) => {
    const action = await asked();
    const bob = await opened("person:bob", action);
    expect(await summary(bob).count()).toBe(1);
    await summary(bob).click();
    await form(bob).getByText("Skipped: 1 for dba, 1 for oncall.").waitFor();
    await form(bob).getByText("Told at once: person:alice.").waitFor();
    await form(bob).getByText("within 3d").waitFor();
    for (const person of ["person:carol", "person:omar"]) {
      const page = await opened(person, action);
      expect(await summary(page).count(), person).toBe(0);
      await page.context().close();
    }
    await bob.context().close();
  });

  it("takes a reason, an incident and the target typed, a fresh sign-in, and then a review by somebody else", async ({
    expect,
  }) => {
    const action = await asked();
    const bob = await opened("person:bob", action);
    await summary(bob).click();
    const wrong = form(bob).getByRole("alert");
    await submit(bob).click();
    await wrong.getByText("at least 20 characters").waitFor();
    const why = form(bob).getByLabel("Why it cannot wait");
    await why.fill("Checkout is");
    await form(bob).getByText("9 more characters").waitFor();
    await why.fill(reason);
    await form(bob).getByText("long enough").waitFor();
    await submit(bob).click();
    await wrong.getByText("Name the incident").waitFor();
    await form(bob).getByLabel("Incident").fill("INC-1042");
    await form(bob).getByLabel("Type its target").fill("orders");
    await submit(bob).click();
    await wrong.getByText("Type orders-db").waitFor();
    await form(bob).getByLabel("Type its target").fill("orders-db");

    await bob.clock.setFixedTime(Date.now() + 6 * 60_000);
    await submit(bob).click();
    const dialog = bob.getByRole("dialog", { name: "Sign in again" });
    await dialog.waitFor();
    await bob.clock.setFixedTime(Date.now());
    await dialog.getByLabel("Sign-in link").fill(await linkFor(engine, "person:bob"));
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.waitFor({ state: "detached" });
    expect((await api(engine, "person:bob", `/v1/actions/${action.id}`)).body["state"]).toBe("pending");

    await submit(bob).click();
    await bob.getByText("Approved by breaking the glass").waitFor();
    await bob.locator(".broken").getByText(reason).waitFor();
    await bob.locator(".warning").getByText("person:bob approved this alone").waitFor();
    expect(await bob.getByRole("form", { name: "Review" }).count()).toBe(0);
    expect(await faults(bob)).toEqual([]);

    const alice = await opened("person:alice", action);
    const review = alice.getByRole("form", { name: "Review" });
    await review.getByRole("button", { name: "It was justified" }).click();
    await review.getByRole("alert").getByText("Say what you have found").waitFor();
    await review.getByLabel("What you have found").fill("I was on a plane");
    expect(await faults(alice)).toEqual([]);
    await review.getByRole("button", { name: "It was justified" }).click();
    await alice.locator(".broken").getByText("person:alice found that justified").waitFor();
    await review.waitFor({ state: "detached" });
    await until(async () => {
      const { body } = await api(engine, "person:bob", `/v1/actions/${action.id}`);
      return (body["breakGlass"] as { review: unknown }).review !== null;
    });
    await Promise.all([alice.context().close(), bob.context().close()]);
  });

  it("is done with the keyboard alone", async ({ expect }) => {
    const action = await asked();
    const page = await opened("person:bob", action);
    await summary(page).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.type(reason);
    await page.keyboard.press("Tab");
    await page.keyboard.type("INC-7");
    await page.keyboard.press("Tab");
    await page.keyboard.type("orders-db");
    await page.keyboard.press("Enter");
    await page.getByText("Approved by breaking the glass").waitFor();
    const { body } = await api(engine, "person:bob", `/v1/actions/${action.id}`);
    expect(body["breakGlass"]).toMatchObject({ by: "person:bob", incident: "INC-7", reason });
    await page.context().close();
  });

  it.for([
    { name: "light", width: 1280, height: 800 },
    { name: "360", width: 360, height: 740 },
    { name: "360-dark", width: 360, height: 740, dark: true },
  ])(
    "has no serious fault of accessibility and does not scroll sideways: $name",
    async (look, { expect }) => {
      const page = await opened("person:alice", await asked(), look);
      await summary(page).click();
      await submit(page).click();
      await form(page).getByRole("alert").getByText("at least 20 characters").waitFor();
      expect(await faults(page)).toEqual([]);
      expect(await beyond(page)).toBeLessThanOrEqual(0);
      if (screenshots !== undefined) {
        await page.screenshot({ path: `${screenshots}/break-glass-${look.name}.png`, fullPage: true });
      }
      await page.context().close();
    },
  );
});
