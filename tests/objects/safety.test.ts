import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import type { Registry } from "../../objects/registry/registry.ts";
import { ActionChanged } from "../../schemas/message.ts";
import { sweep } from "../../workers/cron.ts";
import { consumeEvents } from "../../workers/queue.ts";
import * as v from "valibot";
import { callsOn, catchMessages, kept, sql, stubOf, typesOf } from "./one-action.ts";
import { current, day, must, now, refused, staffed, type Stub } from "./registries.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** Kill switches, schedules and owners from the inside, and what happens where they cannot be read. */

beforeEach(() => void catchMessages());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const registryOf = ({ name }: Workspace): DurableObjectStub<Registry> =>
  env.REGISTRY.getByName(`${name}/registry`);
const engaged = (scope: string) => ({ scope, reason: "INC-7", by: "service:operator", at: now });
/** Makes the Board know an action, as its queue would. */
async function boarded(workspace: Workspace, ...ids: string[]): Promise<void> {
  const changes = await Promise.all(
    ids.map(async (id) =>
      v.parse(ActionChanged, JSON.parse((await stubOf(workspace, id).refresh()) ?? "null")),
    ),
  );
  await consumeEvents(changes, env);
}

describe("the directory's rosters", () => {
  const schedule = (parts: object = {}): object => ({
    id: "primary",
    timeZone: "Europe/Berlin",
    rotations: [{ people: ["person:alice", "person:bob"], starts: "2026-01-05T09:00", every: "7d" }],
    ...parts,
  });

  test("are no part of a snapshot while there are none, and a change of one is a new version", async ({
    expect,
  }) => {
    const opened = await staffed();
    const { registry } = opened;
    const before = await current(opened);
    expect(Object.keys(before.directory).toSorted()).toEqual([
      "agents",
      "delegations",
      "groups",
      "people",
      "version",
    ]);
    expect(before).not.toHaveProperty("switches");
    await must(registry.putSchedule(schedule(), "test", now));
    await must(registry.putSchedule(schedule(), "test", now));
    const after = await current(opened);
    expect(after.version).toBe(before.version + 1);
    expect(after.directory.schedules?.["primary"]).toMatchObject({ ...schedule(), overrides: [] });
  });

  const until = now + day;
  const refusals: [string, (registry: Stub) => PromiseLike<never>, string][] = [
    [
      "a schedule of strangers",
      (r: Stub) =>
        r.putSchedule(
          schedule({ rotations: [{ people: ["person:zoe"], starts: "2026-01-05T09:00", every: "7d" }] }),
          "test",
          now,
        ),
      "invalid_body /rotations/0/people/0",
    ],
    [
      "a schedule in a place that does not exist",
      (r: Stub) => r.putSchedule(schedule({ timeZone: "Europe/Atlantis" }), "test", now),
      "invalid_body /timeZone",
    ],
    [
      "a schedule with a name of the prototype",
      (r: Stub) => r.putSchedule(schedule({ id: "constructor" }), "test", now),
      "invalid_body /id",
    ],
    [
      "strangers on call",
      (r: Stub) => r.putOnCall("primary", { people: ["person:zoe"], until }, "test", now),
      "invalid_body /people/0",
    ],
    [
      "who was on call",
      (r: Stub) => r.putOnCall("primary", { people: [], until: now }, "test", now),
      "invalid_body /until",
    ],
    [
      "on call for good",
      (r: Stub) => r.putOnCall("primary", { people: [], until: now + 14 * day + 1 }, "test", now),
      "invalid_body /until",
    ],
    [
      "owners who are not there",
      (r: Stub) => r.putOwners([{ targets: ["*"], owner: "group:nothing" }], "test", now),
      "invalid_body /owners/0/owner",
    ],
    [
      "owners of nothing",
      (r: Stub) => r.putOwners([{ targets: [], owner: "group:dba" }], "test", now),
      "invalid_body /owners/0/targets",
    ],
    ["the removal of no schedule", (r: Stub) => r.removeSchedule("primary", "test", now), "not_found"],
    [
      "the release of no switch",
      (r: Stub) => r.releaseSwitch({ scope: "*", actor: "test", now }),
      "not_found",
    ],
    ["a switch that fits no type", (r: Stub) => r.engageSwitch(engaged("db.*")), "invalid_body /scope"],
  ] as unknown as [string, (registry: Stub) => PromiseLike<never>, string][];
  test.for(refusals)("refuse %s, and nothing changes", async ([, put, expected], { expect }) => {
    const opened = await staffed();
    const before = await current(opened);
    expect(await refused(put(opened.registry))).toBe(expected);
    expect(await current(opened)).toEqual(before);
  });

  test("keep a person who is in them, and let go of what was only said", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    await must(registry.putSchedule(schedule(), "test", now));
    await must(registry.putOwners([{ targets: ["*"], owner: "person:carol" }], "test", now));
    await must(registry.putOnCall("primary", { people: ["person:alice", "person:bob"], until }, "test", now));
    expect(await refused(registry.removePerson("person:alice", "test", now))).toBe("conflict");
    expect(await refused(registry.removePerson("person:carol", "test", now))).toBe("conflict");
    await must(registry.removeSchedule("primary", "test", now));
    await must(registry.removePerson("person:alice", "test", now));
    expect((await current(opened)).directory.onCall).toEqual({ primary: { people: ["person:bob"], until } });
  });
});

describe("a kill switch", () => {
  test("that its own call could not sweep is swept by the cron, action by action", async ({ expect }) => {
    const workspace = await openWorkspace("s-sweep");
    const [first, second, other] = [
      await workspace.ask(),
      await workspace.ask(),
      await workspace.ask({
        type: "db.migrate",
        args: { migration: "1.sql" },
        target: { resource: "orders-db", segment: "prod-data" },
      }),
    ];
    await callsOn(workspace, second).approve();
    await boarded(workspace, first.id, second.id, other.id);
    await must(registryOf(workspace).engageSwitch(engaged("host.*")));
    // One that cannot be asked keeps up none of the others, and is tried again.
    await sql(stubOf(workspace, first.id), "ALTER TABLE docs RENAME TO gone");
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect((await sweep(env, Date.now())).failed).toBeGreaterThanOrEqual(1);
    expect((await kept(stubOf(workspace, second.id))).stored.state).toMatchObject({
      state: "cancelled",
      detail: "policy",
    });
    await sql(stubOf(workspace, first.id), "ALTER TABLE gone RENAME TO docs");
    await sweep(env, Date.now());
    expect((await kept(stubOf(workspace, first.id))).stored.state).toMatchObject({
      state: "cancelled",
      detail: "policy",
    });
    expect((await kept(stubOf(workspace, other.id))).stored.state.state).toBe("pending");
    const left = await env.BOARD.getByName(`${workspace.name}/board`).waiting(0, 9);
    expect(left.items.map(({ id }) => id)).toEqual([other.id]);
    // Sweeping again finds nothing and writes nothing.
    const events = typesOf(await kept(stubOf(workspace, first.id)));
    await sweep(env, Date.now());
    expect(typesOf(await kept(stubOf(workspace, first.id)))).toEqual(events);
  });

  test("stops nothing that has run or is running, and no action of another type", async ({ expect }) => {
    const workspace = await openWorkspace("s-running");
    const action = await workspace.ask();
    const calls = callsOn(workspace, action);
    await calls.approve();
    await calls.claim();
    const stub = stubOf(workspace, action.id);
    const before = await kept(stub);
    await stub.stop([engaged("*")]);
    expect((await kept(stub)).events).toEqual(before.events);
    const waiting = await workspace.ask();
    await stubOf(workspace, waiting.id).stop([engaged("db.*")]);
    expect((await kept(stubOf(workspace, waiting.id))).stored.state.state).toBe("pending");
  });

  test("finds what it stops already over where its time was up", async ({ expect }) => {
    const workspace = await openWorkspace("s-over");
    const { id } = await workspace.ask({ notAfter: new Date(Date.now() + 60_000).toISOString() });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    await stubOf(workspace, id).stop([engaged("*")]);
    expect(typesOf(await kept(stubOf(workspace, id)))).toEqual(["requested", "expired"]);
  });
});

describe("P20 where policy or directory cannot be read", () => {
  const broken: [string, string, string][] = [
    ["a schedule", "UPDATE rosters SET value = '{' || value", "UPDATE rosters SET value = substr(value, 2)"],
    [
      "the policy",
      "UPDATE policies SET document = '{' || document",
      "UPDATE policies SET document = substr(document, 2)",
    ],
    [
      "a kill switch",
      "UPDATE kill_switches SET value = '{' || value",
      "UPDATE kill_switches SET value = substr(value, 2)",
    ],
    [
      "a group",
      "UPDATE directory SET value = '{' || value WHERE kind = 'group'",
      "UPDATE directory SET value = substr(value, 2) WHERE kind = 'group'",
    ],
  ];
  test.for(broken)(
    "a claim is answered 503 and changes nothing: %s",
    async ([what, breakIt, mendIt], { expect }) => {
      const workspace = await openWorkspace(`s-broken-${what.replaceAll(" ", "-")}`);
      const registry = registryOf(workspace);
      await must(
        registry.putSchedule(
          {
            id: "primary",
            timeZone: "UTC",
            rotations: [{ people: ["person:alice"], starts: "2026-01-05T09:00", every: "7d" }],
          },
          "test",
          Date.now(),
        ),
      );
      // Of another type, so that it stops nothing here.
      await must(registry.engageSwitch(engaged("db.*")));
      const action = await workspace.ask();
      const calls = callsOn(workspace, action);
      await calls.approve();
      const before = await kept(stubOf(workspace, action.id));
      const run = (statement: string): Promise<void> =>
        runInDurableObject(registry, (_, { storage }) => {
          storage.sql.exec(statement);
          // As a write of its own would, so that nothing goes by what was read before.
          storage.sql.exec("UPDATE meta SET value = value + 1 WHERE key = 'version'");
        });
      await run(breakIt);
      vi.spyOn(console, "error").mockImplementation(() => undefined);
      const answer = await calls.post("agent:demo", "claim", { digest: action.digest });
      expect(answer).toMatchObject({ status: 503, body: { code: "policy_unavailable" } });
      expect(await kept(stubOf(workspace, action.id))).toEqual(before);
      await run(mendIt);
      expect((await calls.claim()).action.state).toBe("executing");
    },
  );
});
