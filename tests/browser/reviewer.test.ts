import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, linkFor, openContext, signIn } from "./browser.ts";
import { api, ask, samples, until } from "./requests.ts";

let engine: TestEngine;
let browser: Browser;
let bob: Page;
let alice: Page;

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
  bob = await signIn(engine, await openContext(browser), "person:bob");
  alice = await signIn(engine, await openContext(browser), "person:alice");
});
afterAll(async () => {
  await browser.close();
  await engine.stop();
});

const stateOf = async (id: string): Promise<unknown> =>
  (await api(engine, "person:bob", `/v1/actions/${id}`)).body["state"];

const line = (page: Page, id: string) => page.locator(`li[data-id="${id}"]`);

async function atQueue(page: Page): Promise<void> {
  await page.goto(`${engine.url}/`);
  await page.locator(".live.live").waitFor();
}

describe("signing in", () => {
  it("takes a link once, keeps the cookie from scripts, and ends with signing out", async ({ expect }) => {
    const context = await openContext(browser);
    const link = await linkFor(engine, "person:carol");
    const page = await context.newPage();
    await page.goto(link);
    expect(page.url()).toBe(`${engine.url}/sign-in`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Carol").waitFor();
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/" });
    expect(await page.evaluate(() => document.cookie)).toBe("");

    const second = await (await openContext(browser)).newPage();
    await second.goto(link);
    await second.getByRole("button", { name: "Sign in" }).click();
    await second.getByRole("alert").getByText("used already").waitFor();

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await context.addCookies([cookie!]);
    await page.goto(`${engine.url}/`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await context.close();
  });

  it("ends with the key that the link was made with", async ({ expect }) => {
    const made = await api(engine, "operator", "/v1/keys", { principal: "person:carol" });
    const { key, record } = made.body as { key: string; record: { id: string } };
    const link = await fetch(`${engine.url}/v1/sign-in-links`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
    });
    const { url } = (await link.json()) as { url: string };
    const signedIn = await fetch(`${engine.url}/v1/session`, {
      method: "POST",
      headers: { origin: engine.url, "x-holdpoint-csrf": "1" },
      body: JSON.stringify({ token: url.split("#")[1] }),
    });
    const cookie = signedIn.headers.get("set-cookie")!.split(";")[0]!;
    const asked = async (): Promise<number> =>
      (await fetch(`${engine.url}/v1/session`, { headers: { cookie } })).status;
    expect(await asked()).toBe(200);
    await api(engine, "operator", `/v1/keys/${record.id}/revoke`, {});
    expect(await asked()).toBe(401);
  });
});

describe("the queue", () => {
  it("shows what waits for me first, by risk and then by deadline", async ({ expect }) => {
    const asked = [];
    for (const sample of samples) asked.push((await ask(engine, sample)).id);
    const [shell, refund, migrate, deploy, exported] = asked;
    await atQueue(bob);
    await line(bob, exported!).waitFor();
    const order = await bob.locator("ol.rows > li").evaluateAll((all) => all.map((one) => one.dataset["id"]));
    expect(order).toEqual([refund, shell, migrate, deploy, exported]);
  });

  it("keeps its filters in the address", async ({ expect }) => {
    await bob.getByLabel("Risk").selectOption("critical");
    await until(async () => (await bob.locator("ol.rows > li").count()) === 1);
    expect(bob.url()).toBe(`${engine.url}/?risk=critical`);
    await bob.goto(`${engine.url}/?type=deploy.production&mine=1`);
    await line(bob, await idOf("deploy.production")).waitFor();
    expect(await bob.locator("ol.rows > li").count()).toBe(1);
  });

  it("decides on a selection, with a verdict for each and what is critical left out", async ({ expect }) => {
    const two = [
      await ask(engine),
      await ask(engine, { target: { resource: "prod-db-2", segment: "prod-hosts" } }),
    ];
    await atQueue(bob);
    for (const { id } of two) await line(bob, id).getByRole("checkbox").check();
    await line(bob, await idOf("payment.refund"))
      .getByRole("checkbox")
      .check();
    await bob.getByRole("button", { name: "Approve…" }).click();
    const dialog = bob.getByRole("dialog");
    await dialog.getByText("approve it on its own page").waitFor();
    await dialog.getByRole("button", { name: "Approve 2" }).click();
    await until(async () => (await dialog.getByText("Done: it is approved now.").count()) === 2);
    expect(await Promise.all(two.map(({ id }) => stateOf(id)))).toEqual(["approved", "approved"]);
    const { body } = await api(engine, "person:bob", `/v1/actions/${two[0]!.id}`);
    expect(body["votes"]).toMatchObject([{ person: "person:bob", via: "page" }]);
    await dialog.getByRole("button", { name: "Close" }).click();
  });
});

const idOf = async (type: string): Promise<string> => {
  const { body } = await api(engine, "person:bob", `/v1/actions?state=pending&type=${type}`);
  return (body["items"] as { id: string }[])[0]!.id;
};

describe("an action", () => {
  it("is approved with one click, and leaves a second browser's queue by itself", async ({ expect }) => {
    const { id } = await ask(engine);
    await atQueue(alice);
    await line(alice, id).waitFor();
    await bob.goto(`${engine.url}/actions/${id}`);
    await bob.getByRole("button", { name: "Approve" }).click();
    await line(alice, id).waitFor({ state: "detached" });
    expect(await stateOf(id)).toBe("approved");
  });

  it("shows in its own page what another person decides while one looks", async ({ expect }) => {
    const { id } = await ask(engine, samples[2]);
    await Promise.all([bob, alice].map((page) => page.goto(`${engine.url}/actions/${id}`)));
    await alice.getByRole("button", { name: "Approve" }).click();
    await bob.locator(".votes").getByText("person:alice").waitFor();
    await bob.locator(".timeline").getByText("voted").waitFor();
    await bob.getByRole("button", { name: "Approve" }).click();
    await alice.getByText("Approved, not yet claimed").waitFor();
    expect(await stateOf(id)).toBe("approved");
  });

  it("hands out its event log as a file, to the byte as the engine has it", async ({ expect }) => {
    const { id, digest } = await ask(engine);
    await api(engine, "person:alice", `/v1/actions/${id}/votes`, { decision: "approve", digest });
    await bob.goto(`${engine.url}/actions/${id}`);
    const [download] = await Promise.all([
      bob.waitForEvent("download"),
      bob.getByRole("link", { name: "Event log (JSON)" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${id}.events.json`);
    const answer = await fetch(`${engine.url}/v1/actions/${id}/events`, {
      headers: { authorization: `Bearer ${engine.keys["person:bob"]}` },
    });
    expect(await readFile(await download.path(), "utf8")).toBe(await answer.text());
    expect(bob.url()).toBe(`${engine.url}/actions/${id}`);
  });

  it("is denied with a reason, and asks for one", async ({ expect }) => {
    const { id } = await ask(engine);
    await bob.goto(`${engine.url}/actions/${id}`);
    await bob.getByRole("button", { name: "Deny" }).click();
    await bob.getByRole("alert").getByText("Say why").waitFor();
    expect(await stateOf(id)).toBe("pending");
    await bob.getByLabel("Reason").fill("Not during the sale");
    await bob.getByRole("button", { name: "Deny" }).click();
    await bob.locator(".state.denied").waitFor();
    await bob.locator(".votes").getByText("Not during the sale").waitFor();
  });

  it("is revoked with a reason before it is claimed", async ({ expect }) => {
    const { id } = await ask(engine);
    await bob.goto(`${engine.url}/actions/${id}`);
    await bob.getByRole("button", { name: "Approve" }).click();
    await bob.locator(".state.approved").waitFor();
    await bob.getByLabel("Reason").fill("The sale has begun");
    await bob.getByRole("button", { name: "Revoke the approval" }).click();
    await bob.getByText("Cancelled: the approval was taken back").waitFor();
    expect(await stateOf(id)).toBe("cancelled");
  });

  it("is rolled back with a reason where that was agreed to", async ({ expect }) => {
    const { id, digest } = await ask(engine, samples[2]);
    for (const person of ["person:alice", "person:bob"]) {
      await api(engine, person, `/v1/actions/${id}/votes`, { decision: "approve", digest });
    }
    const { body: claim } = await api(engine, "agent:demo", `/v1/actions/${id}/claim`, { digest });
    const { lease, fence } = claim;
    const report = { lease, fence, outcome: "failed", effect: "partial", summary: "Half of it" };
    await bob.goto(`${engine.url}/actions/${id}`);
    await api(engine, "agent:demo", `/v1/actions/${id}/report`, report);
    if ((await stateOf(id)) === "failed") {
      await bob.getByLabel("Reason").fill("Half a migration is none");
      await bob.getByRole("button", { name: "Roll back" }).click();
    }
    await bob.getByText("Being rolled back").waitFor();
    expect(await stateOf(id)).toBe("rolling_back");
  });

  it("that is critical takes its target typed, and a sign-in of the last five minutes", async ({
    expect,
  }) => {
    const { id } = await ask(engine, samples[1]);
    await bob.goto(`${engine.url}/actions/${id}`);
    await bob.getByRole("button", { name: "Approve" }).click();
    await bob.getByRole("alert").getByText("Type customer 4711").waitFor();
    await bob.getByLabel("Critical: type its target").fill("customer 4711");
    const later = Date.now() + 6 * 60_000;
    await bob.clock.setFixedTime(later);
    await bob.getByRole("button", { name: "Approve" }).click();
    const dialog = bob.getByRole("dialog", { name: "Sign in again" });
    await dialog.waitFor();
    await bob.clock.setFixedTime(Date.now());
    await dialog.getByLabel("Sign-in link").fill(await linkFor(engine, "person:bob"));
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await bob.getByLabel("Critical: type its target").inputValue()).toBe("customer 4711");
    await bob.getByRole("button", { name: "Approve" }).click();
    await bob.locator(".votes").getByText("person:bob").waitFor();
    await bob.close();
    bob = await signIn(engine, await openContext(browser), "person:bob");
  });
});

describe("a session that has ended", () => {
  it("asks for a sign-in over the page, and nothing typed is lost", async ({ expect }) => {
    const { id } = await ask(engine);
    const context = await openContext(browser);
    const page = await signIn(engine, context, "person:bob");
    await page.goto(`${engine.url}/actions/${id}`);
    await page.getByLabel("Reason").fill("Not during the sale, please");
    await context.clearCookies();
    await page.getByRole("button", { name: "Deny" }).click();
    const dialog = page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.waitFor();
    // The link is opened in another tab, as one does from a terminal.
    await signIn(engine, context, "person:bob");
    await dialog.waitFor({ state: "detached" });
    expect(await page.getByLabel("Reason").inputValue()).toBe("Not during the sale, please");
    await page.getByRole("button", { name: "Deny" }).click();
    await page.locator(".state.denied").waitFor();
    await context.close();
  });
});

describe("with the keyboard only", () => {
  it("one finds, opens, approves, denies and leaves, and help says how", async ({ expect }) => {
    const first = await ask(engine, { target: { resource: "keys-1", segment: "prod-hosts" } });
    const second = await ask(engine, { target: { resource: "keys-2", segment: "prod-hosts" } });
    await bob.goto(`${engine.url}/?type=host.shell`);
    await line(bob, second.id).waitFor();
    await bob.keyboard.press("?");
    await bob.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await bob.keyboard.press("Escape");
    await bob.getByRole("dialog").waitFor({ state: "detached" });

    for (const { id } of [first, second]) {
      await walkTo(bob, id);
      const ring = await bob.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
      expect(ring).toBe("solid");
      await bob.keyboard.press("Enter");
      await bob.getByRole("button", { name: "Approve" }).waitFor();
      if (id === first.id) {
        await bob.keyboard.press("a");
        await bob.keyboard.press("Enter");
        await bob.locator(".state.approved").waitFor();
      } else {
        await bob.keyboard.press("d");
        await bob.keyboard.type("no, j k a d");
        await bob.keyboard.press("Tab");
        for (let tabs = 0; tabs < 5; tabs += 1) {
          const name = await bob.evaluate(() => document.activeElement?.textContent);
          if (name === "Deny") break;
          await bob.keyboard.press("Tab");
        }
        await bob.keyboard.press("Enter");
        await bob.locator(".state.denied").waitFor();
        await bob.keyboard.press("Escape");
      }
      await bob.keyboard.press("Escape");
      await bob.getByRole("heading", { name: "Queue", exact: true }).waitFor();
      // The filter offers the types that are pending, and after the second there may be none.
      if (id === first.id) await bob.getByLabel("Type").selectOption("host.shell");
    }
    expect([await stateOf(first.id), await stateOf(second.id)]).toEqual(["approved", "denied"]);
  });
});

/** Presses j until the focus is on the line of this action. */
async function walkTo(page: Page, id: string): Promise<void> {
  await line(page, id).waitFor();
  for (let steps = 0; steps < 30; steps += 1) {
    await page.keyboard.press("j");
    const at = await page.evaluate(() => document.activeElement?.closest("li")?.dataset["id"]);
    if (at === id) return;
  }
  throw new Error("j never came to it");
}

describe("when the engine is killed", () => {
  it("the page says so, comes back by itself, and shows what came meanwhile", async ({ expect }) => {
    await atQueue(alice);
    await engine.kill9();
    await alice.locator(".live.connecting").waitFor();
    engine = await startEngine({ state: engine.stateDir, port: Number(new URL(engine.url).port) });
    const { id } = await ask(engine, { target: { resource: "after-the-kill", segment: "prod-hosts" } });
    await line(alice, id).waitFor();
    await alice.locator(".live.live").waitFor();
    expect(await stateOf(id)).toBe("pending");
  });
});
