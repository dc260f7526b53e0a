import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import * as v from "valibot";
import { LinkAnswer } from "../../schemas/session.ts";
import type { Pending } from "./driver.ts";
import { call } from "./http.ts";
import { fill, Pool } from "./load.ts";
import type { Server } from "./server.ts";
import { median, ratioOf, type Ratio } from "./statistics.ts";

/** A time on the page beside one of the same round that nothing can be quicker than: medians in ms. */
export type PageTime = {
  readonly what: string;
  readonly page: number;
  readonly least: number;
  readonly ratio: Ratio;
};

export type PageFigures = {
  readonly pending: number;
  readonly times: PageTime[];
  /** Bytes of all scripts together, gzipped. */
  readonly script: number;
};

export type PageEffort = {
  readonly rounds: number;
  readonly pending: number;
  readonly maxFillSeconds: number;
  readonly tell: (step: string, detail?: string) => void;
};

const browserPath = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const dist = fileURLToPath(new URL("../../dist/assets", import.meta.url));
/** Lines of the queue that are there when it can be used: a whole page of it. */
const shownLines = 100;

/** Whether there is a browser to measure with. */
export const hasBrowser = (): boolean => existsSync(browserPath);

/** The page of a server that has nothing yet, in a real browser on this machine: decisions first, then with so many pending. */
export async function measurePage(server: Server, effort: PageEffort): Promise<PageFigures> {
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
  try {
    const context = await signedIn(browser, server);
    effort.tell("page: deciding, and looking from a second browser");
    const deciding = await decisions(context, await signedIn(browser, server), server, effort.rounds);
    const pool = new Pool();
    await fill(server.driver, pool, effort.pending, {
      clients: 8,
      maxSeconds: effort.maxFillSeconds,
      tick: (size) => effort.tell("page: filling", `${size} of ${effort.pending}`),
    });
    effort.tell("page: opening the queue");
    const opening = await openings(context, server, effort.rounds);
    return { pending: pool.size, times: [opening, deciding], script: scriptBytes() };
  } finally {
    await browser.close();
  }
}

/** A browser of its own in which the reviewer is signed in. */
async function signedIn(browser: Browser, { url, keys }: Server): Promise<BrowserContext> {
  const headers = { authorization: `Bearer ${keys.reviewerKey}` };
  const made = await call({ method: "POST", url: `${url}/v1/sign-in-links`, headers, body: "{}" });
  const link = v.parse(LinkAnswer, JSON.parse(made));
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(link.url);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Queue", exact: true }).waitFor();
  await page.close();
  return context;
}

/** From the start of the navigation until a page of the queue is there, on the page's own clock; an icon is the least there is. */
async function openings(context: BrowserContext, { url }: Server, rounds: number): Promise<PageTime> {
  const took = async (address: string, ready: (page: Page) => Promise<void>): Promise<number> => {
    const page = await context.newPage();
    await page.goto(address);
    await ready(page);
    const ms = await page.evaluate(() => performance.now());
    await page.close();
    return ms;
  };
  const queue: number[] = [];
  const icon: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const last = (page: Page): Promise<void> =>
      page
        .locator("ol.rows > li")
        .nth(shownLines - 1)
        .waitFor();
    const [shown, least] = [await took(url, last), await took(`${url}/icon.svg`, async () => undefined)];
    // The first time fills the browser's cache.
    if (round > 0) queue.push(shown);
    if (round > 0) icon.push(least);
  }
  return timeOf("queue shown", queue, icon);
}

/** From the click until it has left the queue of a second browser, beside a round trip over a WebSocket that nothing is done for. */
async function decisions(
  context: BrowserContext,
  other: BrowserContext,
  server: Server,
  rounds: number,
): Promise<PageTime> {
  const [clicking, looking] = [await context.newPage(), await other.newPage()];
  const shown: number[] = [];
  const echoed: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const action = await server.driver.create();
    const decided = await decide(server, clicking, looking, action);
    const echo = await server.driver.echo(action);
    // The first one compiles what the others run.
    if (round > 0) shown.push(decided);
    if (round > 0) echoed.push(echo);
  }
  return timeOf("decision in a second queue", shown, echoed);
}

async function decide({ url }: Server, clicking: Page, looking: Page, { id }: Pending): Promise<number> {
  await looking.goto(url);
  const line = looking.locator(`li[data-id="${id}"]`);
  await line.waitFor();
  await clicking.goto(`${url}/actions/${id}`);
  const approve = clicking.getByRole("button", { name: "Approve" });
  await approve.waitFor();
  const gone = line.waitFor({ state: "detached" }).then(() => performance.now());
  const started = performance.now();
  await approve.click();
  return (await gone) - started;
}

function timeOf(what: string, page: readonly number[], least: readonly number[]): PageTime {
  return { what, page: median(page), least: median(least), ratio: ratioOf(page, least) };
}

function scriptBytes(): number {
  const scripts = readdirSync(dist).filter((name) => name.endsWith(".js"));
  const sizes = scripts.map((name) => gzipSync(readFileSync(join(dist, name))).byteLength);
  return sizes.reduce((sum, size) => sum + size, 0);
}
