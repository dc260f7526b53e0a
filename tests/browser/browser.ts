import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { TestEngine } from "../support/server.ts";

/** Debian's Chromium, kept from every network but loopback. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

type Look = { width?: number; height?: number; dark?: boolean };

/** A browser of its own, as somebody else's would be. */
export const openContext = (
  browser: Browser,
  { width = 1280, height = 800, dark = false }: Look = {},
): Promise<BrowserContext> =>
  browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", locale: "en-GB" });

/** A fresh sign-in link of a starter person. */
export async function linkFor(engine: TestEngine, person: string): Promise<string> {
  const answer = await fetch(`${engine.url}/v1/sign-in-links`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${engine.keys["operator"]}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ person }),
  });
  const { url } = (await answer.json()) as { url: string };
  return url;
}

/** Signs in as a person does, and ends at the queue. */
export async function signIn(engine: TestEngine, context: BrowserContext, person: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(await linkFor(engine, person));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Queue", exact: true }).waitFor();
  return page;
}
