import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { addressOf, describedRoutes, type DescribedRoute } from "../support/routes.ts";
import { expectSealed } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

let engine: TestEngine;
let cast: Cast;
let action: ActionView;
let reads: DescribedRoute[];

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  action = await cast.demo.asks();
  const routes = await describedRoutes(cast.stranger);
  reads = routes.filter(({ method, path }) => method === "GET" && !path.endsWith("/stream"));
});

afterAll(async () => {
  await engine?.stop();
});

describe("HEAD", () => {
  test("is answered as GET is, without the body, by whoever may read and by nobody else", async ({
    expect,
  }) => {
    expect(reads.length).toBeGreaterThan(15);
    for (const { path } of reads) {
      for (const who of [cast.operator, cast.demo, cast.stranger]) {
        const address = addressOf({ path }, action.id);
        const [get, head] = [await who.send("GET", address), await who.send("HEAD", address)];
        expect([path, who.id, head.status, head.text]).toEqual([path, who.id, get.status, ""]);
        expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
        expectSealed(expect, head);
      }
    }
  });

  test("waits for nothing, because what is waited for is in the body", async ({ expect }) => {
    const { id, seq } = action;
    const poll = `/v1/actions/${id}?wait=60&afterSeq=${seq}`;
    // It would be answered after the test's own time was over.
    const head = await cast.demo.send("HEAD", poll, undefined, { prefer: "wait=60" });
    expect(head.status).toBe(200);
    expect(head.headers.get("preference-applied")).toBeNull();
    expect((await cast.demo.send("HEAD", `/v1/actions/${id}?wait=x`)).status).toBe(400);
    expect(await cast.demo.sees(action)).toEqual(action);
  });

  test("opens no socket", async ({ expect }) => {
    const answer = await cast.demo.send("HEAD", `/v1/actions/${action.id}/stream`);
    expect([answer.status, answer.headers.get("allow"), answer.text]).toEqual([405, "GET", ""]);
  });
});
