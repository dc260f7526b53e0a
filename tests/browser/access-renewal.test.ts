import {
  createServer,
  request as send,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, openContext } from "./browser.ts";
import { api, ask } from "./requests.ts";

/**
 * A stand-in for Cloudflare Access in front of the engine: whoever has none of its cookies is sent to the team's sign-in,
 * which knows them and sends them back. `good` is the cookie that counts; a new one ends all there were.
 */
const audience = "an-application-audience-tag";
let team: Server;
let front: Server;
let frontUrl: string;
let key: CryptoKey;
let engine: TestEngine;
let browser: Browser;
let good = 0;
/** Whether signing in helps: what a person who was shut out would meet. */
let lets = true;
let signIns = 0;
const sockets = new Set<Socket>();

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const token = (): Promise<string> =>
  new SignJWT({ email: "bob@example.com" })
    .setProtectedHeader({ alg: "RS256", kid: "one" })
    .setSubject("7335d417-61da-459d-899c-0a01c76a2f94")
    .setIssuedAt()
    .setIssuer(process.env["HOLDPOINT_ACCESS_TEAM"]!)
    .setAudience([audience])
    .setExpirationTime("1h")
    .sign(key);

const isSignedIn = ({ headers }: IncomingMessage): boolean =>
  headers.cookie?.split("; ").includes(`access=${good}`) === true;

const headersFor = async (incoming: IncomingMessage): Promise<Record<string, string>> => ({
  ...(incoming.headers as Record<string, string>),
  host: new URL(engine.url).host,
  ...(incoming.headers.origin === frontUrl && { origin: engine.url }),
  ...(lets && { "cf-access-jwt-assertion": await token() }),
});

async function pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  if (!isSignedIn(incoming)) {
    const back = encodeURIComponent(frontUrl + (incoming.url ?? "/"));
    answer.writeHead(302, { location: `${process.env["HOLDPOINT_ACCESS_TEAM"]}/login?to=${back}` }).end();
    return;
  }
  const headers = await headersFor(incoming);
  const outgoing = send(engine.url + incoming.url, { method: incoming.method, headers }, (inner) => {
    answer.writeHead(inner.statusCode ?? 502, inner.headers);
    inner.pipe(answer);
  });
  outgoing.on("error", () => answer.destroy());
  answer.on("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
}

async function tunnel(incoming: IncomingMessage, socket: Socket): Promise<void> {
  if (!isSignedIn(incoming)) return void socket.end("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n");
  const headers = Object.entries(await headersFor(incoming)).map(([name, value]) => `${name}: ${value}`);
  const inner = connect(Number(new URL(engine.url).port), "127.0.0.1");
  inner.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
  inner.pipe(socket).pipe(inner);
  for (const one of [inner, socket]) {
    sockets.add(one);
    one.on("error", () => undefined).on("close", () => [inner, socket].map((each) => each.destroy()));
  }
}

beforeAll(async () => {
  const pair = await generateKeyPair("RS256");
  ({ privateKey: key } = pair);
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "RS256", use: "sig" };
  team = createServer((incoming, answer) => {
    const url = new URL(incoming.url ?? "/", "http://team");
    if (url.pathname !== "/login") return void answer.end(JSON.stringify({ keys: [jwk] }));
    signIns += 1;
    const location = url.searchParams.get("to") ?? "/";
    answer.writeHead(302, { location, "set-cookie": `access=${good}; Path=/; HttpOnly` }).end();
  });
  process.env["HOLDPOINT_ACCESS_TEAM"] = await listen(team);
  process.env["HOLDPOINT_ACCESS_AUD"] = audience;
  front = createServer((incoming, answer) => void pass(incoming, answer));
  front.on("upgrade", (incoming, socket) => void tunnel(incoming, socket as Socket));
  frontUrl = await listen(front);
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
  await fetch(`${engine.url}/v1/people/bob`, {
    method: "PUT",
    headers: { authorization: `Bearer ${engine.keys["operator"]}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "Bob", email: "bob@example.com" }),
  });
});
afterAll(async () => {
  delete process.env["HOLDPOINT_ACCESS_TEAM"];
  delete process.env["HOLDPOINT_ACCESS_AUD"];
  await browser.close();
  for (const socket of sockets) socket.destroy();
  team.close();
  front.close();
  await engine.stop();
});

/** What everybody had is over, also for the connections that are open. */
function expire(): void {
  good += 1;
  for (const socket of sockets) socket.destroy();
}

describe("a sign-in by Cloudflare Access that has run out", () => {
  let context: BrowserContext;
  let page: Page;
  beforeEach(async () => {
    lets = true;
    context = await openContext(browser);
    page = await context.newPage();
    return () => context.close();
  });

  it("is renewed by itself, at the same address, with the filters and the selection", async ({ expect }) => {
    const { id } = await ask(engine);
    const address = `${frontUrl}/?type=host.shell&mine=1`;
    await page.goto(address);
    const line = page.locator(`li[data-id="${id}"]`);
    await line.getByRole("checkbox").check();
    await page.locator(".live.live").waitFor();
    const before = signIns;
    const loaded = page.waitForEvent("load");
    expire();
    await loaded;
    await page.locator(".live.live").waitFor();
    expect([signIns, page.url()]).toEqual([before + 1, address]);
    expect(await line.getByRole("checkbox").isChecked()).toBe(true);
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  it("is renewed when a decision meets it, and the half-written reason is still there", async ({
    expect,
  }) => {
    const { id } = await ask(engine);
    await page.goto(`${frontUrl}/actions/${id}`);
    await page.getByLabel("Reason").fill("Not during the sa");
    await page.locator(".live.live").waitFor();
    good += 1;
    const loaded = page.waitForEvent("load");
    await page.getByRole("button", { name: "Deny" }).click();
    await loaded;
    expect(await page.getByLabel("Reason").inputValue()).toBe("Not during the sa");
    const { body } = await api(engine, "person:alice", `/v1/actions/${id}`);
    expect([page.url(), body["state"]]).toEqual([`${frontUrl}/actions/${id}`, "pending"]);
    await page.getByLabel("Reason").fill("Not during the sale");
    await page.getByRole("button", { name: "Deny" }).click();
    await page.locator(".state.denied").waitFor();
  });

  it("keeps the batch that was about to be decided, with its reason", async ({ expect }) => {
    const two = [
      await ask(engine),
      await ask(engine, { target: { resource: "b-2", segment: "prod-hosts" } }),
    ];
    await page.goto(frontUrl);
    for (const { id } of two) await page.locator(`li[data-id="${id}"]`).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Deny…" }).click();
    const dialog = page.getByRole("dialog", { name: "Deny 2 actions" });
    await dialog.getByLabel("Reason").fill("Both at once is too mu");
    good += 1;
    const loaded = page.waitForEvent("load");
    await dialog.getByRole("button", { name: "Deny 2" }).click();
    await loaded;
    expect(await dialog.getByLabel("Reason").inputValue()).toBe("Both at once is too mu");
    await dialog.getByRole("button", { name: "Deny 2" }).click();
    await dialog.getByText("Done: it is denied now.").nth(1).waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(
      await page.evaluate(() => Object.keys(sessionStorage).filter((name) => name.startsWith("draft:"))),
    ).toEqual([]);
  });

  it("does not go round and round where signing in does not help", async ({ expect }) => {
    const { id } = await ask(engine);
    await page.goto(`${frontUrl}/actions/${id}`);
    await page.getByLabel("Reason").fill("Somebody was shut out");
    await page.locator(".live.live").waitFor();
    let loads = 0;
    page.on("load", () => (loads += 1));
    lets = false;
    expire();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.waitForLoadState("networkidle");
    expect(loads).toBe(1);
    lets = true;
    await page.reload();
    expect(await page.getByLabel("Reason").inputValue()).toBe("Somebody was shut out");
  });
});
