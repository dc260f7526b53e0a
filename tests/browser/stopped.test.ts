import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, openContext, signIn } from "./browser.ts";
import { api, ask } from "./requests.ts";

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

describe("a kill switch", () => {
  it("stands above everything on the page, with who and why, until it is released", async ({ expect }) => {
    const reason = "<b>INC-7</b> refunds are doubled";
    await api(engine, "operator", "/v1/kill-switches", { scope: "*", reason });
    await bob.reload();
    const alert = bob.getByRole("alert");
    await alert.getByText("Everything is stopped").waitFor();
    expect(await alert.textContent()).toContain(reason);
    expect(await alert.textContent()).toContain("service:operator");
    await api(engine, "operator", "/v1/kill-switches/release", { scope: "*" });
    await bob.reload();
    await bob.getByRole("heading", { name: "Queue", exact: true }).waitFor();
    await alert.waitFor({ state: "detached" });
    expect(await alert.count()).toBe(0);
  });
});

describe("a freeze", () => {
  it("is shown to whoever decides, with its end", async ({ expect }) => {
    const { body } = await api(engine, "operator", "/v1/policy");
    const freeze = {
      name: "sale",
      timeZone: "UTC",
      from: "2020-01-01T00:00",
      until: "2090-01-01T00:00",
      because: "The sale is on",
    };
    const document = { ...(body["document"] as object), freezes: [freeze] };
    await api(engine, "operator", "/v1/policy", { document });
    const { id } = await ask(engine);
    await bob.goto(`${engine.url}/actions/${id}`);
    const warning = bob.getByText("Frozen until 2090-01-01T00:00:00.000Z (sale): The sale is on");
    await warning.waitFor();
    expect(await warning.isVisible()).toBe(true);
  });
});

describe("whoever is on call", () => {
  it("has what waits for them in their queue, and decides it on the page", async ({ expect }) => {
    const { body } = await api(engine, "operator", "/v1/policy");
    const {
      contracts,
      freezes: _,
      ...rest
    } = body["document"] as { contracts: { type: string }[]; freezes: unknown };
    const rule = { seat: "pager", n: 1, from: ["oncall:primary"] };
    const until = new Date(Date.now() + 600_000).toISOString();
    await api(engine, "operator", "/v1/oncall/primary", { people: ["person:bob"], until });
    const changed = contracts.map((contract) =>
      contract.type === "host.shell" ? { ...contract, rule } : contract,
    );
    await api(engine, "operator", "/v1/policy", { document: { ...rest, contracts: changed } });
    const { id } = await ask(engine);
    await bob.goto(`${engine.url}/actions/${id}`);
    await bob.reload();
    await bob
      .getByRole("button", { name: /^Approve/u })
      .first()
      .waitFor();
    expect(
      await bob
        .getByRole("button", { name: /^Approve/u })
        .first()
        .isEnabled(),
    ).toBe(true);
  });
});
