import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { HoldView } from "../../schemas/hold.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { Caller } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** T16 What people who run the engine write of what they do is kept without the secrets in it too. */

let engine: TestEngine;
let cast: Cast;

const type = "test.glass";
const secret = "Tulip!9731";
const words = `It says password=${secret} all day`;
const marked = /^It says password=\[redacted password [0-9a-f]{8}\] all day$/u;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  const rule = { seat: "dba", n: 1, from: ["group:dba"] };
  await cast.operator.adopts(contractOf(type, { rule, breakGlass: { by: ["group:oncall"] } }));
});

afterAll(async () => {
  await engine?.stop();
});

describe("a secret that somebody writes", () => {
  test("as the reason and the incident of going round the approvers is kept nowhere", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    const { id, digest } = await demo.asks({ type });
    const body = { digest, reason: words, incident: words, confirm: true };
    const broken = await bob.post<ActionView>(`/v1/actions/${id}/break-glass`, body);
    expect(broken.breakGlass).toMatchObject({
      reason: expect.stringMatching(marked),
      incident: expect.stringMatching(marked),
    });
    const uses = await operator.get<{ items: { incident: string }[] }>("/v1/break-glass?state=all");
    expect(uses.items.map(({ incident }) => incident)).toEqual([broken.breakGlass?.incident]);
  });

  test("as the reason of a kill switch, in what it refuses too", async ({ expect }) => {
    const { demo, operator } = cast;
    await operator.post("/v1/kill-switches", { scope: type, reason: words });
    expect(await operator.get("/v1/kill-switches")).toMatchObject({
      switches: [{ scope: type, reason: expect.stringMatching(marked) }],
    });
    const refused = await demo.asks({ type });
    expect(JSON.stringify(refused)).toContain("[redacted password ");
    expect(JSON.stringify(refused)).not.toContain(secret);
    await operator.post("/v1/kill-switches/release", { scope: type });
  });

  test("as the note of a policy, and in it where it says why", async ({ expect }) => {
    const { operator } = cast;
    const { document } = await operator.get<{ document: PolicyInput }>("/v1/policy");
    const [first, ...others] = document.contracts ?? [];
    const described = { ...document, contracts: [{ ...first, description: words }, ...others] };
    await operator.post("/v1/policy", { document: described, note: words });
    const { items } = await operator.get<{ items: { note: string }[] }>("/v1/policy/versions");
    expect(items[0]?.note).toMatch(marked);
    const published = await operator.get<{ document: PolicyInput }>("/v1/policy");
    expect(published.document.contracts?.[0]?.description).toMatch(marked);
  });

  test("in the evidence of an effect, where its target is still the one that was asked for", async ({
    expect,
  }) => {
    const { operator, demo, auditor } = cast;
    const key = await operator.givesKey("service:sensor", { scopes: ["effects:write"] });
    const sensor = new Caller("service:sensor", engine.url, key);
    const resource = `postgres://app:${secret}@db-1/orders`;
    const action = await demo.asks({ type, target: { resource } });
    expect(action.target.resource).not.toContain(secret);
    const evidence = { log: words, env: { API_TOKEN: secret } };
    await sensor.post("/v1/bypasses", { type, target: resource, at: new Date().toISOString(), evidence });
    const { items } = await auditor.get<{ items: { target: string; evidence: { log: string } }[] }>(
      "/v1/bypasses",
    );
    expect(items[0]).toMatchObject({
      target: action.target.resource,
      evidence: {
        log: expect.stringMatching(marked),
        env: { API_TOKEN: expect.stringMatching(/^\[redacted/u) },
      },
    });
  });

  test("as the reason of a hold, of its release, of an erasure and of a purge", async ({ expect }) => {
    const { operator, omar, demo } = cast;
    const asked = await demo.asks({ type, context: { seen: "much" } });
    await demo.cancels(asked);
    const erased = { class: "ephemeral", reason: words };
    await omar.post(`/v1/actions/${asked.id}/erase`, erased);
    const log = await omar.readsLog(asked);
    expect(JSON.stringify(log)).not.toContain(secret);
    const held = await omar.post<HoldView>("/v1/holds", { scope: "type:test.glass", reason: words });
    expect(held.reason).toMatch(marked);
    const ola = await operator.hires("ola", "operators");
    const release = await omar.post<ActionView>(`/v1/holds/${held.id}/release`, { reason: words });
    expect(release.reason).toMatch(marked);
    expect(JSON.stringify(release)).not.toContain(secret);
    await ola.approves(release);
    const purge = { confirm: "default", cancelRunning: true, reason: words };
    const forgetting = await omar.post<ActionView>("/v1/workspace/purge", purge);
    expect(forgetting.reason).toMatch(marked);
    expect(JSON.stringify(forgetting)).not.toContain(secret);
  });

  test("is not said again by what refuses it", async ({ expect }) => {
    const { demo, bob } = cast;
    const sent: [Caller, string, unknown][] = [
      [demo, "/v1/actions", `{"password": ${secret}}`],
      [demo, "/v1/actions", `{"password": "${secret}`],
      [demo, "/v1/actions", { type: secret, reason: 4711, target: secret, args: secret }],
      [bob, "/v1/votes/batch", { votes: secret }],
      [bob, `/v1/actions/act_${"a".repeat(22)}/votes`, { decision: secret, digest: secret }],
    ];
    for (const [who, path, body] of sent) {
      const { status, text } = await who.send("POST", path, body);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain(secret);
    }
  });
});
