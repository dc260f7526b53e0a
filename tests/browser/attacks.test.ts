import { readFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";
import { launchBrowser, linkFor, openContext, signIn } from "./browser.ts";
import { hostileTexts } from "./hostile-texts.ts";
import { api, ask } from "./requests.ts";

let engine: TestEngine;
let browser: Browser;
let context: BrowserContext;
let cookie: string;
/** Another site on this machine: what it serves is up to a test, and it remembers what was asked of it. */
let foreign: Server;
let foreignUrl: string;
let served = "";
const asked: string[] = [];

beforeAll(async () => {
  [engine, browser] = await Promise.all([startEngine(), launchBrowser()]);
  context = await openContext(browser);
  await signIn(engine, context, "person:bob");
  const [kept] = await context.cookies();
  cookie = `${kept!.name}=${kept!.value}`;
  foreign = createServer((incoming, answer) => {
    asked.push(incoming.url ?? "");
    answer.writeHead(200, { "content-type": "text/html" }).end(served);
  });
  await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
  foreignUrl = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await browser.close();
  foreign.close();
  await engine.stop();
});

const eventsOf = async (id: string): Promise<number> => {
  const { body } = await api(engine, "person:bob", `/v1/actions/${id}/events`);
  return (body["items"] as unknown[]).length;
};

type Paths = Record<string, Record<string, unknown>>;
async function addresses(): Promise<{ path: string; methods: string[] }[]> {
  const { body } = await api(engine, "operator", "/openapi.json");
  return Object.entries(body["paths"] as Paths).map(([path, operations]) => ({
    path,
    methods: Object.keys(operations),
  }));
}

describe("T4: text of a request", () => {
  it("runs no script and asks nobody for anything, whatever is in it", async ({ expect }) => {
    const texts = hostileTexts(foreignUrl).filter((text) => !text.includes("\t"));
    expect(texts.length).toBeGreaterThanOrEqual(100);
    const half = texts.slice(0, 40).join("\n");
    const { id } = await ask(engine, {
      target: { resource: texts[0]!.slice(0, 128), segment: "prod-hosts" },
      args: { argv: texts },
      reason: half.slice(0, 3_900),
      context: { all: texts },
    });
    const { body } = await api(engine, "person:alice", `/v1/actions/${id}`);
    const vote = { decision: "deny", digest: body["digest"], reason: texts[3] };
    const shown = await ask(engine, { args: { argv: texts }, reason: texts[5] });
    await api(engine, "person:alice", `/v1/actions/${shown.id}/votes`, { ...vote, digest: shown.digest });

    const foreignRequests: string[] = [];
    const complaints: string[] = [];
    const page = await context.newPage();
    page.on("request", (one) => {
      if (!one.url().startsWith(engine.url)) foreignRequests.push(one.url());
    });
    page.on("console", (one) => complaints.push(one.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("dialog", (dialog) => void dialog.dismiss().then(() => complaints.push("a dialog")));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", ({ violatedDirective }) => console.log(violatedDirective));
    });
    asked.length = 0;
    const lookAround = async (): Promise<void> => {
      await page.mouse.move(300, 300);
      await page.mouse.wheel(0, 2_000);
      expect(await page.evaluate(() => "ran" in window)).toBe(false);
    };
    await page.goto(`${engine.url}/`);
    await page.locator(`li[data-id="${id}"]`).waitFor();
    await lookAround();
    await page.locator(`li[data-id="${id}"]`).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Deny…" }).click();
    await page.getByRole("dialog").getByText("<iframe").first().waitFor();
    await lookAround();
    for (const one of [id, shown.id]) {
      await page.goto(`${engine.url}/actions/${one}`);
      await page.getByText("The whole payload").click();
      await page.locator(".payload pre").waitFor();
      await lookAround();
    }
    // What is inside the digest is there as text, whole.
    const facts = await page.locator(".card .facts .line").allTextContents();
    for (const text of texts) expect(facts).toContain(JSON.stringify(text));
    expect({ foreignRequests, asked, complaints }).toEqual({
      foreignRequests: [],
      asked: [],
      complaints: [],
    });
    await page.close();
  });

  it("would run scripts and ask elsewhere where it became markup: these texts are no blanks", async ({
    expect,
  }) => {
    asked.length = 0;
    served = hostileTexts(foreignUrl).join("\n<p>");
    const page = await context.newPage();
    await page.goto(foreignUrl);
    await page.waitForTimeout(300);
    expect(await page.evaluate(() => "ran" in window)).toBe(true);
    expect(new Set(asked).size).toBeGreaterThan(5);
    await page.close();
  });
});

describe("T11: links", () => {
  it("change nothing when they are opened, by any method that reads and by anybody", async ({ expect }) => {
    const action = await ask(engine);
    const before = await eventsOf(action.id);
    for (const { path } of await addresses()) {
      const url = engine.url + path.replace("{id}", action.id).replaceAll(/\{\w+\}/gu, "x");
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        for (const headers of [{ cookie }, { cookie, purpose: "prefetch", "sec-purpose": "prefetch" }]) {
          const answer = await fetch(url, { method, headers, redirect: "manual" });
          await answer.body?.cancel();
        }
      }
    }
    expect(await eventsOf(action.id)).toBe(before);
  });

  it("P12: decide nothing for a scanner that opens them, runs their scripts and submits every form", async ({
    expect,
  }) => {
    const { id, links } = await ask(engine);
    const before = await eventsOf(id);
    const scanner = await context.newPage();
    await scanner.goto(links.page);
    await scanner.getByRole("button", { name: "Approve" }).waitFor();
    await scanner.evaluate(() => {
      for (const form of document.forms) form.requestSubmit();
    });
    // Past the handlers of the page; it leads away, so nothing is waited for inside it.
    await scanner.evaluate(() => {
      setTimeout(() => {
        for (const form of document.forms) form.submit();
      });
    });
    await scanner.waitForTimeout(1_000);
    expect(await eventsOf(id)).toBe(before);
    await scanner.close();
  });

  it("that sign in are still good after a scanner has opened them", async ({ expect }) => {
    const link = await linkFor(engine, "person:carol");
    for (let times = 0; times < 3; times += 1) {
      const scanner = await (await openContext(browser)).newPage();
      await scanner.goto(link);
      await scanner.getByRole("button", { name: "Sign in" }).waitFor();
      await scanner.context().close();
    }
    const carol = await openContext(browser);
    const page = await carol.newPage();
    await page.goto(link);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Carol").waitFor();
    expect(await carol.cookies()).toHaveLength(1);
    await carol.close();
  });
});

describe("T20: other sites", () => {
  const strict = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
  };

  it("find the same headers on every address, on errors too", async ({ expect }) => {
    const paths = (await addresses()).flatMap(({ path, methods }) =>
      methods.map((method) => ({ path, method })),
    );
    const files = ["/", "/actions/act_x", "/on-call", "/icon.svg", "/nothing/here.png"].flatMap((path) =>
      ["GET", "HEAD", "POST", "DELETE"].map((method) => ({ path, method })),
    );
    const wrong = ["/v1/nothing", "/v1/actions"].map((path) => ({ path, method: "PATCH" }));
    for (const { path, method } of [...paths, ...files, ...wrong]) {
      const answer = await fetch(engine.url + path.replaceAll(/\{\w+\}/gu, "x"), {
        method: method.toUpperCase(),
        redirect: "manual",
      });
      await answer.body?.cancel();
      expect(Object.fromEntries(answer.headers), `${method} ${path}`).toMatchObject(strict);
      const policy = answer.headers.get("content-security-policy");
      expect(policy, `${method} ${path}`).toMatch(/^default-src 'none';.*frame-ancestors 'none'/u);
      expect(policy).not.toContain("unsafe");
    }
    const page = await fetch(engine.url);
    expect(page.headers.get("content-security-policy")).toMatch(
      /script-src 'self'; .*base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'/u,
    );
    expect(await page.text()).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|style=/u);
  });

  it("change nothing with a form, a fetch or a frame, although the browser is signed in", async ({
    expect,
  }) => {
    const { id, digest } = await ask(engine);
    const before = await eventsOf(id);
    const vote = JSON.stringify({ decision: "approve", digest });
    const url = `${engine.url}/v1/actions/${id}/votes`;
    served = `<form id=f method=post enctype=text/plain action="${url}"><input name='{"decision":"approve","digest":"${digest}","reason":"' value='"}'></form><iframe src="${engine.url}/actions/${id}"></iframe>`;
    const page = await context.newPage();
    await page.goto(foreignUrl);
    const fetched = await page.evaluate(
      async ([to, body]) => {
        const send = (init: RequestInit): Promise<string> =>
          fetch(to!, { method: "POST", credentials: "include", body: body!, ...init }).then(
            ({ type, status }) => `${type} ${status}`,
            () => "refused by the browser",
          );
        return [
          await send({ mode: "no-cors" }),
          await send({ headers: { "content-type": "application/json", "x-holdpoint-csrf": "1" } }),
          await send({ mode: "no-cors", keepalive: true, headers: { "content-type": "text/plain" } }),
        ];
      },
      [url, vote],
    );
    expect(fetched[1]).toBe("refused by the browser");
    const framed = page.frames().find((frame) => frame.url().startsWith(engine.url));
    expect(framed).toBeUndefined();
    await Promise.all([
      page.waitForURL(url),
      page.evaluate(() => (document.querySelector("#f") as HTMLFormElement).submit()),
    ]);
    expect(await page.textContent("body")).toContain('"code":"forbidden"');
    expect(await eventsOf(id)).toBe(before);
    await page.close();
  });

  it("are refused whatever part of the proof they lack", async ({ expect }) => {
    const { id, digest } = await ask(engine);
    const own = { origin: engine.url, "x-holdpoint-csrf": "1" };
    const proofs: Record<string, string>[] = [
      {},
      { origin: engine.url },
      { "x-holdpoint-csrf": "1" },
      { ...own, origin: "null" },
      { ...own, origin: foreignUrl },
      { ...own, origin: `${engine.url}.example` },
      { ...own, origin: engine.url.replace("127.0.0.1", "localhost") },
      { ...own, "x-holdpoint-csrf": "0" },
    ];
    const vote = async (headers: Record<string, string>): Promise<number> => {
      const body = JSON.stringify({ decision: "approve", digest });
      const answer = await fetch(`${engine.url}/v1/actions/${id}/votes`, {
        method: "POST",
        headers: { cookie, ...headers },
        body,
      });
      await answer.body?.cancel();
      return answer.status;
    };
    for (const proof of proofs) expect(await vote(proof), JSON.stringify(proof)).toBe(403);
    const signIns = proofs.map((headers) =>
      fetch(`${engine.url}/v1/session`, { method: "POST", headers, body: '{"token":"x"}' }),
    );
    for (const answer of await Promise.all(signIns)) expect(answer.status).toBe(403);
    expect(await vote(own)).toBe(200);
  });
});

describe("T21: the Board's stream", () => {
  const ticket = async (with_ = cookie): Promise<string> => {
    const answer = await fetch(`${engine.url}/v1/tickets`, {
      method: "POST",
      headers: { cookie: with_, origin: engine.url, "x-holdpoint-csrf": "1" },
      body: "{}",
    });
    return ((await answer.json()) as { ticket: string }).ticket;
  };

  it("opens once, for the session that has the ticket, on our own page", async ({ expect }) => {
    const own = { cookie, origin: engine.url };
    expect(await upgrade(await ticket(), own)).toBe(101);
    const used = await ticket();
    expect([await upgrade(used, own), await upgrade(used, own)]).toEqual([101, 403]);
    for (const origin of [undefined, "null", foreignUrl, `${engine.url}.example`, "https://127.0.0.1"]) {
      const headers = origin === undefined ? { cookie } : { cookie, origin };
      expect(await upgrade(await ticket(), headers), origin ?? "no Origin").toBe(403);
    }
    expect(await upgrade("x", own)).toBe(403);
    expect(await upgrade(await ticket(), { origin: engine.url })).toBe(401);

    const carol = await openContext(browser);
    await signIn(engine, carol, "person:carol");
    const [hers] = await carol.cookies();
    expect(await upgrade(await ticket(), { ...own, cookie: `${hers!.name}=${hers!.value}` })).toBe(403);
    await carol.close();
  });

  it("opens for nobody of another workspace", async ({ expect }) => {
    const setup = readFileSync(`${engine.stateDir}/setup-token`, "utf8").trim();
    const made = await fetch(`${engine.url}/v1/workspaces`, {
      method: "POST",
      headers: { authorization: `Bearer ${setup}` },
      body: JSON.stringify({ name: "other" }),
    });
    const { key } = (await made.json()) as { key: string };
    const authorization = `Bearer ${key}`;
    const theirs = await fetch(`${engine.url}/v1/tickets`, { method: "POST", headers: { authorization } });
    const { ticket: foreignTicket } = (await theirs.json()) as { ticket: string };
    expect(await upgrade(foreignTicket, { cookie, origin: engine.url })).toBe(403);
    expect(await upgrade(await ticket(), { authorization, origin: engine.url })).toBe(403);
  });

  it("decides nothing, whatever is sent over it", async ({ expect }) => {
    const { id, digest } = await ask(engine);
    const before = await eventsOf(id);
    const vote = { action: id, decision: "approve", digest };
    const texts = [vote, { type: "vote", ...vote }, { items: [vote] }].map((one) => JSON.stringify(one));
    const page = await context.newPage();
    await page.goto(engine.url);
    await page.evaluate(
      ([address, ...sent]) =>
        new Promise<void>((resolve, reject) => {
          const socket = new WebSocket(address!);
          socket.addEventListener("error", () => reject(new Error("no WebSocket")));
          // Answered in order, so by then it has had the others too.
          socket.addEventListener("open", () => [...sent, "ping"].map((text) => socket.send(text)));
          socket.addEventListener("message", ({ data }) => data === "pong" && resolve());
        }),
      [`${engine.url.replace("http", "ws")}/v1/board/stream?ticket=${await ticket()}`, ...texts],
    );
    expect(await eventsOf(id)).toBe(before);
    await page.close();
  });

  it("of one action does not open for a cookie from another page", async ({ expect }) => {
    const { id } = await ask(engine);
    expect(await upgradeAt(`/v1/actions/${id}/stream`, { cookie, origin: foreignUrl })).toBe(403);
    expect(await upgradeAt(`/v1/actions/${id}/stream`, { cookie })).toBe(403);
  });
});

const upgrade = (ticket: string, headers: Record<string, string>): Promise<number> =>
  upgradeAt(`/v1/board/stream?ticket=${ticket}`, headers);

/** The status that a WebSocket upgrade is answered with. */
function upgradeAt(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(engine.url + path, {
      headers: {
        ...headers,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    call.on("upgrade", (answer, socket) => {
      socket.destroy();
      resolve(answer.statusCode ?? 0);
    });
    call.on("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    call.on("error", reject);
    call.end();
  });
}
