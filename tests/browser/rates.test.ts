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

describe("what people have said of an action", () => {
  it("stands in its timeline and in the rates of its type, with the interval and the workload in words", async ({
    expect,
  }) => {
    const action = await ask(engine);
    const { digest } = action;
    await api(engine, "person:alice", `/v1/actions/${action.id}/votes`, { decision: "approve", digest });
    const note = "<i>nobody</i> need have been asked";
    const word = { label: "needless_gate", incident: "INC-7", note };
    await api(engine, "person:alice", `/v1/actions/${action.id}/feedback`, word);
    await bob.goto(`${engine.url}/actions/${action.id}`);
    const timeline = bob.getByRole("region", { name: "Timeline" });
    await timeline.getByText("feedback · needless gate · INC-7").waitFor();
    expect(await timeline.textContent()).toContain(note);

    await bob.goto(`${engine.url}/on-call`);
    const section = bob.locator("section", { has: bob.getByRole("heading", { name: "Gates and runs" }) });
    await section.getByText("1 action decided in the last 24h, of 1 type, asked for by 1 agent.").waitFor();
    expect(await section.textContent()).toContain("needless and missed gates are at least as many");
    const row = section.getByRole("row", { name: /^host\.shell / });
    await row.getByText("1 of 1 (20.7 to 100.0 %)").waitFor();
    expect(await row.getByRole("cell").allTextContents()).toEqual([
      "1",
      "1 of 1 (20.7 to 100.0 %)",
      "–",
      "–",
      "–",
      "0",
    ]);
  });
});
