import { describe, test } from "vitest";
import { current, must, now, refused, staffed, type Stub } from "./registries.ts";

describe("the directory", () => {
  test("fills in defaults, and putting the same again changes nothing", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    const before = await current(opened);
    expect(before.directory.people["person:alice"]).toEqual({
      id: "person:alice",
      manager: null,
      active: true,
    });
    expect(await must(registry.putPerson({ id: "person:alice" }, "test", now))).toEqual({
      id: "person:alice",
      manager: null,
      active: true,
    });
    expect((await current(opened)).version).toBe(before.version);
    await must(registry.putPerson({ id: "person:alice", active: false }, "test", now));
    const after = await current(opened);
    expect(after.version).toBe(before.version + 1);
    expect(after.directory.people["person:alice"]?.active).toBe(false);
  });

  const until = now + 1;
  const helper = { id: "agent:helper", owner: "person:omar", roles: [], segments: [] };
  const refusals: [
    name: string,
    put: (
      registry: Stub,
    ) => PromiseLike<Parameters<typeof refused>[0] extends PromiseLike<infer Given> ? Given : never>,
    expected: string,
  ][] = [
    ["a person without an id", (r) => r.putPerson({ name: "Zoe" }, "test", now), "invalid_body /id"],
    [
      "a person with a field of ours",
      (r) => r.putPerson({ id: "person:zoe", admin: true }, "test", now),
      "invalid_body /admin",
    ],
    [
      "an address with the Kelvin sign for a k",
      (r) => r.putPerson({ id: "person:zoe", email: "\u212Aelly@example.com" }, "test", now),
      "invalid_body /email",
    ],
    [
      "somebody who is the same as a stranger",
      (r) => r.putPerson({ id: "person:alice", sameAs: ["person:bob", "person:zoe"] }, "test", now),
      "invalid_body /sameAs/1",
    ],
    [
      "somebody who is the same as themselves",
      (r) => r.putPerson({ id: "person:alice", sameAs: ["person:alice"] }, "test", now),
      "invalid_body /sameAs/0",
    ],
    [
      "an agent that acts for one that is not there",
      (r) => r.putAgent({ ...helper, actsFor: "agent:nobody" }, "test", now),
      "invalid_body /actsFor",
    ],
    [
      "an agent that acts for itself",
      (r) => r.putAgent({ ...helper, id: "agent:demo", actsFor: "agent:demo" }, "test", now),
      "invalid_body /actsFor",
    ],
    [
      "an agent of nobody",
      (r) => r.putAgent({ id: "agent:a", owner: "person:zoe", roles: [], segments: [] }, "test", now),
      "invalid_body /owner",
    ],
    [
      "a group of strangers",
      (r) => r.putGroup({ id: "g", members: ["person:alice", "person:zoe"] }, "test", now),
      "invalid_body /members/1",
    ],
    [
      "a group with a name of the prototype",
      (r) => r.putGroup({ id: "constructor", members: [] }, "test", now),
      "invalid_body /id",
    ],
    [
      "a delegation to oneself",
      (r) =>
        r.putDelegation({ from: "person:alice", to: "person:alice", groups: ["dba"], until }, "test", now),
      "invalid_body /to",
    ],
    [
      "a delegation that is over",
      (r) =>
        r.putDelegation({ from: "person:alice", to: "person:bob", groups: ["dba"], until: now }, "test", now),
      "invalid_body /until",
    ],
    [
      "a delegation of a group that is not there",
      (r) => r.putDelegation({ from: "person:alice", to: "person:bob", groups: ["x"], until }, "test", now),
      "invalid_body /groups/0",
    ],
    [
      "a delegation without an end",
      (r) => r.putDelegation({ from: "person:alice", to: "person:bob", groups: ["dba"] }, "test", now),
      "invalid_body /until",
    ],
    ["the removal of an owner", (r) => r.removePerson("person:omar", "test", now), "conflict"],
    ["the removal of nobody", (r) => r.removePerson("person:zoe", "test", now), "not_found"],
    [
      "the removal of no delegation",
      (r) => r.removeDelegation({ from: "person:alice", to: "person:bob" }, "test", now),
      "not_found",
    ],
  ];
  test.for(refusals)("refuses %s, and nothing changes", async ([, put, expected], { expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    const before = await current(opened);
    expect(await refused(put(registry))).toBe(expected);
    expect(await current(opened)).toEqual(before);
  });

  test("takes a person out of every group and delegation", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    await must(
      registry.putDelegation({ from: "person:alice", to: "person:bob", groups: ["dba"], until }, "test", now),
    );
    await must(
      registry.putDelegation(
        { from: "person:carol", to: "person:alice", groups: ["security"], until },
        "test",
        now,
      ),
    );
    await must(registry.removePerson("person:alice", "test", now));
    const directory = (await current(opened)).directory;
    expect(directory?.people["person:alice"]).toBeUndefined();
    expect(directory?.groups).toMatchObject({ oncall: { members: ["person:bob"] }, dba: { members: [] } });
    expect(directory?.delegations).toEqual([]);
  });

  test("keeps one delegation for each pair, and removes it", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    const pair = { from: "person:alice", to: "person:bob" };
    await must(registry.putDelegation({ ...pair, groups: ["dba"], until }, "test", now));
    await must(registry.putDelegation({ ...pair, groups: ["oncall"], until }, "test", now));
    expect((await current(opened)).directory.delegations).toEqual([{ ...pair, groups: ["oncall"], until }]);
    await must(registry.removeDelegation(pair, "test", now));
    expect((await current(opened)).directory.delegations).toEqual([]);
  });
});
