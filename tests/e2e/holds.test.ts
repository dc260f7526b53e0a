import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { HoldView } from "../../schemas/hold.ts";
import { type Cast, castOf, type Person } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What a court asks for is kept from the moment that somebody says so, and is let go of only by two. */

let engine: TestEngine;
let cast: Cast;
let ola: Person;
let line: CommandLine;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  const alone = await cast.omar.post<HoldView>("/v1/holds", { scope: "all", reason: "alone" });
  const released = await cast.omar.post(`/v1/holds/${alone.id}/release`, { reason: "alone" });
  if (!JSON.stringify(released).includes("warning")) throw new Error("who is alone is told so");
  ola = await cast.operator.hires("ola", "operators");
  const { url, keys } = engine;
  line = new CommandLine({ url, workspace: "default", keys: { ...keys, "person:ola": ola.key! } });
});

afterAll(async () => {
  line?.close();
  await engine?.stop();
});

const puts = (who: Person, scope: string, parts: object = {}): Promise<HoldView> =>
  who.post("/v1/holds", { scope, reason: "Case 2031", ...parts });
const releases = (who: Person, { id }: { id: string }): Promise<ActionView> =>
  who.post(`/v1/holds/${id}/release`, { reason: "It is closed" });
const holdsOf = async (who: { get: Person["get"] }): Promise<HoldView[]> =>
  (await who.get<{ holds: HoldView[] }>("/v1/holds")).holds;

describe("a hold", () => {
  test("is in force at once, and named with what of its scope is gone", async ({ expect }) => {
    const put = await puts(cast.omar, "type:db.migrate");
    expect(put).toMatchObject({
      id: expect.stringMatching(/^hold_/u),
      by: { kind: "person", id: "person:omar" },
      releasedAt: null,
      gone: { actions: 0, byClass: { ephemeral: 0, operational: 0, compliance: 0 } },
    });
    expect(await holdsOf(ola)).toContainEqual(expect.objectContaining({ id: put.id, reason: "Case 2031" }));
  });

  test("is let go of only once another operator agrees, who sees what was held and why", async ({
    expect,
  }) => {
    const put = await puts(cast.omar, "requester:agent:demo");
    const asked = await releases(cast.omar, put);
    expect(asked).toMatchObject({
      type: "holdpoint.hold.release",
      state: "pending",
      target: { resource: `hold ${put.id}` },
      args: { hold: put.id, scope: "requester:agent:demo", heldBy: "person:omar", because: "Case 2031" },
      reason: "It is closed",
    });
    const inForce = async (): Promise<boolean> =>
      (await holdsOf(ola)).find(({ id }) => id === put.id)?.releasedAt === null;
    expect(await inForce()).toBe(true);
    expect(await refusalOf(cast.omar.approves(asked))).toMatchObject({ code: "not_eligible" });
    expect(await inForce()).toBe(true);
    await ola.approves(asked);
    expect((await ola.sees(asked)).state).toBe("executed");
    const [released] = (await holdsOf(ola)).filter(({ id }) => id === put.id);
    expect(released).toMatchObject({
      releasedBy: { id: "person:omar" },
      releasedBecause: "It is closed",
      releasedUnder: asked.id,
    });
  });

  test("stays where the other operator says no", async ({ expect }) => {
    const put = await puts(cast.omar, "type:email.send");
    const asked = await releases(cast.omar, put);
    await ola.denies(asked);
    const [kept] = (await holdsOf(ola)).filter(({ id }) => id === put.id);
    expect(kept?.releasedAt).toBeNull();
  });

  test("that was released meanwhile is released by nothing any more", async ({ expect }) => {
    const put = await puts(cast.omar, "type:email.send");
    const [first, second] = [await releases(cast.omar, put), await releases(cast.omar, put)];
    await ola.approves(first);
    await ola.approves(second);
    expect(await ola.sees(second)).toMatchObject({
      state: "failed",
      outcome: { summary: expect.stringContaining("nothing was changed") },
    });
    expect(await refusalOf(releases(cast.omar, put))).toMatchObject({ code: "conflict" });
  });

  test("put twice under one key is one hold", async ({ expect }) => {
    const key = "hold-once";
    const body = { scope: "type:payment.refund", reason: "Case 7" };
    const [first, second] = [
      await cast.omar.post<HoldView>("/v1/holds", body, { key }),
      await cast.omar.post<HoldView>("/v1/holds", body, { key }),
    ];
    expect(second.id).toBe(first.id);
    expect((await holdsOf(ola)).filter(({ reason }) => reason === "Case 7")).toHaveLength(1);
  });

  const strangers: [who: string, caller: () => { post: Person["post"] }, code: string][] = [
    ["a service with every scope", () => cast.operator, "not_eligible"],
    ["an agent", () => cast.demo, "not_eligible"],
    ["a person who does not run the engine", () => cast.bob, "forbidden"],
  ];
  test.for(strangers)("is neither put nor released by %s", async ([, caller, code], { expect }) => {
    const put = await puts(cast.omar, "type:dns.change");
    const body = { scope: "all", reason: "mine" };
    expect(await refusalOf(caller().post("/v1/holds", body))).toMatchObject({ code });
    const release = caller().post(`/v1/holds/${put.id}/release`, { reason: "mine" });
    expect(await refusalOf(release)).toMatchObject({ code });
  });

  const bad: [what: string, body: object, at: string][] = [
    ["a scope that is none", { scope: "everything", reason: "x" }, "/scope"],
    ["a type that is none", { scope: "type:Host Shell", reason: "x" }, "/scope"],
    ["no reason", { scope: "all" }, "/reason"],
    ["an end that is no time", { scope: "all", reason: "x", until: "tomorrow" }, "/until"],
    ["more than is asked for", { scope: "all", reason: "x", by: "person:bob" }, "/by"],
  ];
  test.for(bad)("with %s is refused, naming it", async ([, body, at], { expect }) => {
    const refused = await refusalOf(cast.omar.post("/v1/holds", body));
    expect(refused).toMatchObject({
      code: "invalid_body",
      errors: [expect.objectContaining({ pointer: at })],
    });
  });

  test("whose end has passed already is refused, and so is one that is not there", async ({ expect }) => {
    const until = "2020-01-01T00:00:00Z";
    expect(await refusalOf(puts(cast.omar, "all", { until }))).toMatchObject({ code: "conflict" });
    const nowhere = releases(cast.omar, { id: "hold_AAAAAAAAAAAAAAAAAAAAAA" });
    expect(await refusalOf(nowhere)).toMatchObject({ code: "not_found" });
  });
});

describe("at the command line", () => {
  test("a hold is put, listed and released", async ({ expect }) => {
    const put = await line.run("hold", "put", "type:cli.hold", "--reason", "Case 9", "--as", "person:omar");
    expect(put).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("Nothing of it had been let go of"),
    });
    const [id = ""] = /hold_\S+/u.exec(put.stdout) ?? [];
    expect((await line.run("hold", "list")).stdout).toMatch(new RegExp(`${id} +type:cli\\.hold`, "u"));
    const release = ["hold", "release", id, "--reason", "over", "--as", "person:omar"];
    const waits = await line.run(...release);
    expect(waits.stdout).toContain("waits for 1 of group:operators");
  });

  test("the end of a workspace is refused while it is held, by name", async ({ expect }) => {
    const hold = await puts(cast.omar, "type:kept.type");
    const purge = ["workspace", "purge", "--confirm", "default", "--reason", "over", "--as", "person:omar"];
    const refused = await line.run(...purge);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("while it is held");
    expect(hold.id).toMatch(/^hold_/u);
    const other = await line.run(
      "workspace",
      "purge",
      "--confirm",
      "other",
      "--reason",
      "over",
      "--as",
      "person:omar",
    );
    expect(other.stderr).toContain("is not default");
    const none = await line.run("workspace", "purge", "--as", "person:omar");
    expect(none.stderr).toContain("Nobody has asked");
  });
});
