import { describe, test } from "vitest";
import { day, fresh, must, now, type Stub } from "./registries.ts";

/** Who has used the right to break the glass. */

type Use = Parameters<Stub["openGlassUse"]>[0];
const use = (id: string, parts: Partial<Use> = {}): Use => ({
  id,
  person: "person:bob",
  action: `act_${id}`,
  incident: "INC-1",
  now,
  reviewDueMs: 3 * day,
  perPersonPerDay: 2,
  ...parts,
});
const list = async (registry: Stub, state: "open" | "overdue" | "all", at = now): Promise<string[]> => {
  const { items } = await registry.glassUses({ state, cursor: undefined, limit: 100, now: at });
  return items.map(({ id }) => id);
};
const minute = 60_000;

describe("uses of the right to break the glass", () => {
  test("are as many a day as the policy allows one person, and one that came to nothing does not count", async ({
    expect,
  }) => {
    const { registry } = fresh();
    expect(await registry.openGlassUse(use("a"))).toEqual({ kind: "open" });
    expect(await registry.openGlassUse(use("b", { now: now + minute }))).toEqual({ kind: "open" });
    expect(await registry.openGlassUse(use("c", { now: now + 2 * minute }))).toEqual({
      kind: "limited",
      freeAt: now + day,
    });
    expect(await registry.openGlassUse(use("c", { person: "person:alice" }))).toEqual({ kind: "open" });
    await registry.closeGlassUse({ id: "b", now: now + 2 * minute });
    expect(await registry.openGlassUse(use("d", { now: now + 3 * minute }))).toEqual({ kind: "open" });
    // Half-open: a day later to the millisecond the first one counts no more.
    expect((await registry.openGlassUse(use("e", { now: now + day - 1 }))).kind).toBe("limited");
    expect((await registry.openGlassUse(use("e", { now: now + day }))).kind).toBe("open");
  });

  test("T7 count for one human, by whichever of their ids", async ({ expect }) => {
    const { registry } = fresh();
    await must(registry.putPerson({ id: "person:bob" }, "test", now));
    await must(registry.putPerson({ id: "person:rob", sameAs: ["person:bob"] }, "test", now));
    await registry.openGlassUse(use("a"));
    await registry.openGlassUse(use("b", { person: "person:rob" }));
    expect((await registry.openGlassUse(use("c", { person: "person:rob" }))).kind).toBe("limited");
    const later = now + 4 * day;
    expect(await registry.openGlassUse(use("d", { person: "person:rob", now: later }))).toEqual({
      kind: "blocked",
      actions: ["act_a", "act_b"],
    });
    expect((await registry.openGlassUse(use("e", { person: "person:alice", now: later }))).kind).toBe("open");
  });

  test("of which one is overdue for its review block that person, and nobody else, until it is there", async ({
    expect,
  }) => {
    const { registry } = fresh();
    await registry.openGlassUse(use("a"));
    const due = now + 3 * day;
    expect((await registry.openGlassUse(use("b", { now: due - 1 }))).kind).toBe("open");
    expect(await registry.openGlassUse(use("c", { now: due }))).toEqual({
      kind: "blocked",
      actions: ["act_a"],
    });
    expect((await registry.openGlassUse(use("d", { now: due, person: "person:alice" }))).kind).toBe("open");
    expect(await list(registry, "overdue", due)).toEqual(["a"]);
    await registry.reviewGlassUse({ id: "a", by: "person:carol", verdict: "unjustified", at: due });
    // Said twice, the first one stays.
    await registry.reviewGlassUse({ id: "a", by: "person:alice", verdict: "justified", at: due + 1 });
    const { items } = await registry.glassUses({ state: "all", cursor: undefined, limit: 10, now: due });
    expect(items.find(({ id }) => id === "a")?.review).toMatchObject({
      by: "person:carol",
      verdict: "unjustified",
    });
    expect(await list(registry, "overdue", due)).toEqual([]);
    expect((await registry.openGlassUse(use("c", { now: due }))).kind).toBe("open");
  });

  test("of one call that came twice are one, which stays while either call may take effect", async ({
    expect,
  }) => {
    const { registry } = fresh();
    await registry.openGlassUse(use("a", { perPersonPerDay: 1 }));
    expect((await registry.openGlassUse(use("a", { perPersonPerDay: 1 }))).kind).toBe("open");
    await registry.closeGlassUse({ id: "a", now });
    expect(await list(registry, "open")).toEqual(["a"]);
    await registry.closeGlassUse({ id: "a", now });
    expect(await list(registry, "open")).toEqual([]);
    // Nothing to close is no fault.
    await registry.closeGlassUse({ id: "a", now });
  });

  test("that never took effect are ended by a review of their action, once no call can be under way", async ({
    expect,
  }) => {
    const { registry } = fresh();
    await registry.openGlassUse(use("lost", { action: "act_x" }));
    await registry.openGlassUse(use("real", { action: "act_x" }));
    const dismiss = (at: number): Promise<number> =>
      registry.dismissGlassUses({ action: "act_x", effective: "real", by: "person:omar", now: at });
    expect(await dismiss(now + 10 * minute - 1)).toBe(0);
    expect(await dismiss(now + 10 * minute)).toBe(1);
    expect(await list(registry, "open")).toEqual(["real"]);
    const { items } = await registry.glassUses({ state: "all", cursor: undefined, limit: 10, now });
    expect(items.find(({ id }) => id === "lost")?.review?.verdict).toBe("dismissed");
    // What came to nothing is no use of the day's.
    expect((await registry.openGlassUse(use("next", { now: now + 20 * minute }))).kind).toBe("open");
  });

  test("are listed newest first, page by page, and leave a line each in the changes", async ({ expect }) => {
    const { registry } = fresh();
    expect(await list(registry, "all")).toEqual([]);
    for (const id of ["a", "b", "c"]) await registry.openGlassUse(use(id, { perPersonPerDay: 9 }));
    const first = await registry.glassUses({ state: "open", cursor: undefined, limit: 2, now });
    expect(first.items.map(({ id }) => id)).toEqual(["c", "b"]);
    const rest = await registry.glassUses({
      state: "open",
      cursor: first.nextCursor ?? undefined,
      limit: 2,
      now,
    });
    expect(rest.items.map(({ id }) => id)).toEqual(["a"]);
    expect(rest.nextCursor).toBeNull();
    const changes = await registry.changes();
    expect(changes.filter(({ kind }) => kind === "glass.opened")).toHaveLength(3);
  });
});
