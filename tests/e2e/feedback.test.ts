import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { Caller, refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What people say of an action afterwards: who may, how often, and what is refused. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

const say = (who: Caller, { id }: { id: string }, label: string, more: object = {}): Promise<ActionView> =>
  who.post(`/v1/actions/${id}/feedback`, { label, ...more });

describe("feedback", () => {
  test("is people's and of services whose key may; agents never give it", async ({ expect }) => {
    const { demo, other, alice, omar, auditor, operator } = cast;
    const action = await demo.asks();
    for (const agent of [demo, other]) {
      expect((await refusalOf(say(agent, action, "harm"))).status).toBe(403);
    }
    expect((await refusalOf(say(auditor, action, "harm"))).status).toBe(403);
    expect(
      await refusalOf(operator.post("/v1/keys", { principal: "agent:demo", scopes: ["feedback:write"] })),
    ).toMatchObject({ status: 422 });
    const key = await operator.givesKey("service:postmortems", { scopes: ["feedback:write"] });
    for (const who of [alice, omar, operator, new Caller("service:postmortems", engine.url, key)]) {
      expect(await say(who, action, "needless_gate")).toMatchObject({ state: "pending" });
    }
  });

  test("said again by the same person replaces, and too often is refused", async ({ expect }) => {
    const { demo, alice } = cast;
    const action = await demo.asks();
    const key = { key: "the-same" };
    const first = await alice.post<ActionView>(`/v1/actions/${action.id}/feedback`, { label: "harm" }, key);
    const again = await alice.post<ActionView>(`/v1/actions/${action.id}/feedback`, { label: "harm" }, key);
    expect(again.seq).toBe(first.seq);
    for (let count = 1; count < 64; count += 1) await say(alice, action, "harm", { note: `word ${count}` });
    expect(await refusalOf(say(alice, action, "harm"))).toMatchObject({ status: 409, state: "pending" });
    expect(await cast.bob.approves(action)).toMatchObject({ state: "approved" });
  });

  test("that does not fit is refused with what to mend", async ({ expect }) => {
    const { demo, alice } = cast;
    const action = await demo.asks();
    for (const [body, pointer] of [
      [{}, "/label"],
      [{ label: "great" }, "/label"],
      [{ label: "harm", note: "a\u202eb" }, "/note"],
      [{ label: "harm", incident: "x".repeat(200) }, "/incident"],
      [{ label: "harm", score: 3 }, "/score"],
    ] as const) {
      expect(await refusalOf(alice.post(`/v1/actions/${action.id}/feedback`, body))).toMatchObject({
        status: 422,
        errors: [{ pointer }],
      });
    }
  });
});
