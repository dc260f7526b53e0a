import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { limits } from "../../schemas/limits.ts";
import { type Cast, castOf, requestOf } from "../support/actors.ts";
import { type BadBody, ofBytes, unfit, unreadable } from "../support/bad-bodies.ts";
import type { Answer, Caller } from "../support/caller.ts";
import { actionsOnDisk } from "../support/disk.ts";
import { expectProblem, expectSealed, pointersOf } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Bodies that cannot be taken. Each is refused with what is wrong with it, and nothing of it is stored. */

let engine: TestEngine;
let cast: Cast;
let pending: ActionView;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  pending = await cast.demo.asks();
});

afterAll(async () => {
  await engine?.stop();
});

/** Every action with its log and state; what the object notes of its Board and alarm may change by itself. */
function stored(): string {
  const actions = [...actionsOnDisk(engine.stateDir).values()];
  return JSON.stringify(actions.map(({ payload, events, stored: { state } }) => [payload, events, state]));
}

/** Runs a call and looks that neither a new action nor a change of a known one is on disk. */
async function storesNothing(call: () => Promise<Answer>): Promise<Answer> {
  const before = stored();
  const answer = await call();
  if (stored() !== before) throw new Error("something was stored");
  return answer;
}

async function expectRefused(
  expect: Parameters<typeof expectProblem>[0],
  answer: Answer,
  { code, at }: BadBody,
): Promise<void> {
  expectProblem(expect, answer, code);
  if (at !== undefined) expect(pointersOf(answer)).toEqual(at);
}

describe("POST /v1/actions", () => {
  test.for(Object.keys({ ...unreadable, ...unfit }))(
    "refuses %s and stores nothing",
    async (name, { expect }) => {
      const bad = { ...unreadable, ...unfit }[name]!;
      const answer = await storesNothing(() => cast.demo.send("POST", "/v1/actions", bad.body));
      await expectRefused(expect, answer, bad);
    },
  );

  test("names every offending field at once", async ({ expect }) => {
    const body = requestOf({
      reason: "",
      target: { resource: "", segment: 4 },
      args: { argv: [], cwd: 1 },
      more: 1,
    });
    const answer = await storesNothing(() => cast.demo.send("POST", "/v1/actions", body));
    expectProblem(expect, answer, "invalid_body");
    expect(pointersOf(answer)).toEqual(["/target/resource", "/target/segment", "/reason", "/more"]);
    const args = requestOf({ args: { argv: [], cwd: 1, x: 1 }, notAfter: "2020-01-01T00:00:00Z" });
    const second = await storesNothing(() => cast.demo.send("POST", "/v1/actions", args));
    expect(pointersOf(second).toSorted()).toEqual(["/args/argv", "/args/cwd", "/args/x", "/notAfter"]);
  });

  test("refuses a day that no calendar has, and says so at its field", async ({ expect }) => {
    const body = requestOf({ notBefore: "2026-02-30T00:00:00Z", notAfter: "2027-02-29T12:00:00+01:00" });
    const answer = await storesNothing(() => cast.demo.send("POST", "/v1/actions", body));
    expectProblem(expect, answer, "invalid_body");
    expect(answer.body).toMatchObject({
      errors: ["/notBefore", "/notAfter"].map((pointer) => ({
        pointer,
        detail: expect.stringContaining("a day that its month does not have"),
      })),
    });
    const until = { from: "person:bob", to: "person:carol", until: "2027-04-31T00:00:00Z" };
    const delegation = await cast.operator.send("POST", "/v1/delegations", until);
    expect(pointersOf(delegation)).toContain("/until");
  });

  test("takes a body of exactly the limit, with or without its length, and refuses one byte more", async ({
    expect,
  }) => {
    const streamed = (body: string): ReadableStream =>
      new ReadableStream({
        start(controller) {
          const bytes = new TextEncoder().encode(body);
          for (let from = 0; from < bytes.length; from += 40_000) {
            controller.enqueue(bytes.slice(from, from + 40_000));
          }
          controller.close();
        },
      });
    for (const size of [limits.bodyBytes - 1, limits.bodyBytes, limits.bodyBytes + 1, 300 * 1024]) {
      for (const body of [ofBytes(size), streamed(ofBytes(size))]) {
        const answer = await storesNothing(() => cast.demo.send("POST", "/v1/actions", body));
        // Within the limit it is read, and found to be no request.
        expectProblem(expect, answer, size > limits.bodyBytes ? "too_large" : "invalid_body");
      }
    }
  });

  test("leaves no trace of a refused one on the prototype of anything", async ({ expect }) => {
    await cast.demo.send("POST", "/v1/actions", '{"__proto__":{"polluted":true}}');
    const action = await cast.demo.asks();
    expect("polluted" in action).toBe(false);
    expect(JSON.stringify(action)).not.toContain("polluted");
  });

  test("is what the checks above are held against: a good one is stored", async ({ expect }) => {
    await expect(storesNothing(() => cast.demo.send("POST", "/v1/actions", requestOf()))).rejects.toThrow(
      "something was stored",
    );
  });
});

describe("every other route that takes a body", () => {
  const routes = (): [Caller, string][] => {
    const { demo, bob, operator } = cast;
    const on = `/v1/actions/${pending.id}`;
    return [
      [bob, `${on}/votes`],
      [demo, `${on}/cancel`],
      [bob, `${on}/revoke`],
      [demo, `${on}/claim`],
      [demo, `${on}/heartbeat`],
      [demo, `${on}/report`],
      [bob, `${on}/rollback`],
      [demo, "/v1/actions/batch"],
      [bob, "/v1/votes/batch"],
      [operator, "/v1/policy"],
      [operator, "/v1/policy/check"],
      [operator, "/v1/policy/diff"],
      [operator, "/v1/policy/activate"],
      [operator, "/v1/delegations"],
      [operator, "/v1/delegations/remove"],
      [operator, "/v1/keys"],
      [operator, "/v1/webhooks"],
      [operator, "/v1/board/repair"],
      [operator, "/v1/workspaces"],
    ];
  };

  test.for(Object.keys(unreadable))("refuses %s and stores nothing", async (name, { expect }) => {
    const bad = unreadable[name]!;
    for (const [who, path] of routes()) {
      const answer = await storesNothing(() => who.send("POST", path, bad.body));
      await expectRefused(expect, answer, bad);
    }
    expect(await cast.demo.sees(pending)).toEqual(pending);
  });

  test("refuses an unknown field, by its pointer", async ({ expect }) => {
    for (const [who, path] of routes()) {
      const answer = await storesNothing(() => who.send("POST", path, { surprise: 1 }));
      expectProblem(expect, answer, "invalid_body");
      expect(pointersOf(answer)).toContain("/surprise");
    }
  });

  test("refuses what is no JSON object, also where it wants no fields", async ({ expect }) => {
    const { operator, omar, bob } = cast;
    const wantNothing: [Caller, string][] = [
      [bob, "/v1/slack/link"],
      [bob, "/v1/tickets"],
      [bob, "/v1/sign-in-links"],
      [operator, "/v1/webhooks/secrets"],
      [omar, "/v1/ledger/rotate"],
    ];
    for (const [who, path] of [...routes(), ...wantNothing]) {
      for (const body of ["7", "[]", "[{}]"]) {
        const answer = await storesNothing(() => who.send("POST", path, body));
        expectProblem(expect, answer, "invalid_body");
        expect([path, body, pointersOf(answer)]).toEqual([path, body, [""]]);
      }
    }
  });
});

describe("a batch", () => {
  test("holds one to a hundred items", async ({ expect }) => {
    const item = { action: requestOf() };
    for (const count of [0, 101, 1_000]) {
      const items = Array.from({ length: count }, () => item);
      const answer = await storesNothing(() => cast.demo.send("POST", "/v1/actions/batch", { items }));
      expect(answer.status).toBe(422);
      expect(pointersOf(answer)[0]).toMatch(/^\/items/u);
    }
    const hundred = Array.from({ length: 100 }, () => ({}));
    const votes = await cast.bob.send("POST", "/v1/votes/batch", { items: hundred });
    expectProblem(expect, votes, "invalid_body");
  });

  test("says of a bad item what a single call would say, under the item's pointer", async ({ expect }) => {
    const items = [{ action: requestOf({ reason: 5 }) }, { action: 7 }, { action: requestOf({ args: {} }) }];
    const answer = await storesNothing(() => cast.demo.send("POST", "/v1/actions/batch", { items }));
    expect(answer.status).toBe(200);
    expectSealed(expect, answer);
    const { items: verdicts } = answer.body as { items: { status: number; problem: { errors: object[] } }[] };
    expect(verdicts.map(({ status }) => status)).toEqual([422, 422, 422]);
    expect(verdicts.map(({ problem }) => problem.errors)).toMatchObject([
      [{ pointer: "/items/0/action/reason" }],
      [{ pointer: "/items/1/action" }],
      [{ pointer: "/items/2/action/args/argv" }],
    ]);
  });
});

test("after all of this the list of actions holds the good ones only", async ({ expect }) => {
  const good = [...actionsOnDisk(engine.stateDir).keys()].toSorted();
  const listed = async (): Promise<string[]> =>
    (await cast.demo.lists()).items.map(({ id }) => id).toSorted();
  await expect.poll(listed, { timeout: 10_000 }).toEqual(good);
  expect(good).toHaveLength(3);
  expect(engine.errors()).toBe("");
});
