import { afterAll, beforeAll, describe, test } from "vitest";
import { type Cast, castOf } from "../support/actors.ts";
import { Caller } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { watch, type Watched } from "../support/upgrade.ts";

/** Connections that outlive the access they were opened with. */

let engine: TestEngine;
let cast: Cast;
let operator: Caller;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  operator = new Caller("operator", engine.url, engine.keys["operator"] ?? null);
});
afterAll(async () => {
  await engine?.stop();
});

/** The rule is five seconds; a machine that is busy with other things gets thrice that. */
const boundMs = 15_000;

const open = (path: string, headers: Record<string, string>): Promise<Watched> =>
  watch(new URL(path, engine.url), headers);

/** The code that a connection is closed with. @throws where that takes longer than any rule allows */
async function closing({ closed }: Watched): Promise<number> {
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error(`still open after ${boundMs} ms`)), boundMs).unref();
  });
  return await Promise.race([closed, late]);
}

type Made = { key: string; record: { id: string } };
const newKey = (principal: string): Promise<Made> => operator.post("/v1/keys", { principal });

/** Signs a person in with a key of their own. @returns what the browser would send from then on. */
async function signIn(key: string): Promise<Record<string, string>> {
  const { url } = await new Caller("", engine.url, key).post<{ url: string }>("/v1/sign-in-links", {});
  const answer = await fetch(`${engine.url}/v1/session`, {
    method: "POST",
    headers: { origin: engine.url, "x-holdpoint-csrf": "1" },
    body: JSON.stringify({ token: url.split("#")[1] }),
  });
  const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
  return { cookie, origin: engine.url, "x-holdpoint-csrf": "1" };
}

async function openBoard(headers: Record<string, string>): Promise<Watched> {
  const answer = await fetch(`${engine.url}/v1/tickets`, { method: "POST", headers, body: "{}" });
  const { ticket } = (await answer.json()) as { ticket: string };
  return await open(`/v1/board/stream?ticket=${ticket}`, headers);
}

/** Asks for something, and comes back once somebody else has been told of it. */
async function somethingHappens({ texts }: Watched): Promise<string> {
  const { id } = await cast.demo.asks();
  for (const end = Date.now() + boundMs; !texts.some((text) => text.includes(id));) {
    if (Date.now() > end) throw new Error("nobody was told");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return id;
}

describe("T21: the Board's stream on the page", () => {
  const person = "person:carol";
  const ends: Record<string, (made: Made, headers: Record<string, string>) => Promise<unknown>> = {
    "its session ends": (_made, headers) => fetch(`${engine.url}/v1/session`, { method: "DELETE", headers }),
    "the key is revoked that the session began with": ({ record }) =>
      operator.post(`/v1/keys/${record.id}/revoke`, {}),
    "the person is made inactive": () => operator.put(`/v1/people/carol`, { name: "Carol", active: false }),
  };

  test.for(Object.entries(ends))(
    "is closed when %s, and nothing is told over it after",
    async ([, end], { expect }) => {
      await operator.put(`/v1/people/carol`, { name: "Carol", active: true });
      const made = await newKey(person);
      const headers = await signIn(made.key);
      const hers = await openBoard(headers);
      const bobs = await openBoard(await signIn((await newKey("person:bob")).key));
      const before = await somethingHappens(hers);
      await end(made, headers);
      expect(await closing(hers)).toBe(4001);
      const after = await somethingHappens(bobs);
      expect(hers.texts.some((text) => text.includes(before))).toBe(true);
      expect(hers.texts.some((text) => text.includes(after))).toBe(false);
    },
  );
});

describe("T21: following one action", () => {
  test("over a WebSocket ends with the key, also where nothing happens to the action", async ({ expect }) => {
    await operator.put(`/v1/people/carol`, { name: "Carol", active: true });
    const { id } = await cast.demo.asks();
    const { key, record } = await newKey("person:carol");
    const line = await open(`/v1/actions/${id}/stream`, { authorization: `Bearer ${key}` });
    await operator.post(`/v1/keys/${record.id}/revoke`, {});
    expect(await closing(line)).toBe(4001);
    await cast.bob.approves(await cast.demo.sees({ id }));
    expect(line.texts.map((text) => JSON.parse(text).event.type)).toEqual(["requested"]);
  });

  test("over a WebSocket of an agent ends before the next event", async ({ expect }) => {
    const action = await cast.demo.asks();
    const { key, record } = await newKey("agent:demo");
    const line = await open(`/v1/actions/${action.id}/stream`, { authorization: `Bearer ${key}` });
    const other = await cast.demo.follows(action);
    await operator.post(`/v1/keys/${record.id}/revoke`, {});
    await cast.bob.approves(action);
    await other.until(({ messages }) => messages.length === 3);
    expect(await closing(line)).toBe(4001);
    expect(line.texts.map((text) => JSON.parse(text).event.type)).toEqual(["requested"]);
    await other.close();
  });

  test("by a held request is answered with 401 once the key is revoked", async ({ expect }) => {
    const action = await cast.demo.asks();
    const { key, record } = await newKey("agent:demo");
    const held = new Caller("", engine.url, key).send(
      "GET",
      `/v1/actions/${action.id}?wait=60&afterSeq=${action.seq}`,
    );
    await operator.post(`/v1/keys/${record.id}/revoke`, {});
    await cast.bob.approves(action);
    expect((await held).status).toBe(401);
  });
});
