import { evictDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import starter from "../../scripts/starter/policy.json" with { type: "json" };
import { current, must, policyOf, now, refused, staffed, type Stub } from "./registries.ts";

describe("policy versions", () => {
  const publish = (registry: Stub, document: unknown, at = now) =>
    registry.publishPolicy({ document, actor: "person:omar", note: "why", now: at });
  const changed = { ...starter, description: "another" };

  test("are published, shown, listed, rolled back to, and survive a restart", async ({ expect }) => {
    const { registry } = await staffed();
    expect(await policyOf(registry, null)).toBeNull();
    const first = await must(publish(registry, starter));
    expect(first).toEqual({
      version: expect.stringMatching(/^sha256:[0-9a-f]{64}$/u),
      publishedAt: now,
      created: true,
    });
    const second = await must(publish(registry, changed, now + 1));
    expect(second.version).not.toBe(first.version);
    await evictDurableObject(registry);

    expect(await registry.policyVersions()).toEqual([
      {
        version: second.version,
        publishedAt: now + 1,
        publishedBy: "person:omar",
        note: "why",
        active: true,
      },
      { version: first.version, publishedAt: now, publishedBy: "person:omar", note: "why", active: false },
    ]);
    expect((await policyOf(registry, first.version))?.document.contracts.map(({ type }) => type)).toEqual(
      starter.contracts.map(({ type }) => type),
    );
    expect(
      await must(registry.activatePolicy({ version: first.version, actor: "person:omar", now: now + 2 })),
    ).toMatchObject({ active: true });
    expect((await policyOf(registry, null))?.version).toBe(first.version);
    expect(await policyOf(registry, `sha256:${"0".repeat(64)}`)).toBeNull();
    expect(
      await refused(registry.activatePolicy({ version: `sha256:${"0".repeat(64)}`, actor: "x", now })),
    ).toBe("not_found");
  });

  test("published again are the same version, put in force without a new one", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    const first = await must(publish(registry, starter));
    const { version } = await current(opened);
    expect(await must(publish(registry, starter, now + 9))).toEqual({ ...first, created: false });
    expect((await current(opened)).version).toBe(version);
    await must(publish(registry, changed, now + 10));
    expect(await must(publish(registry, starter, now + 11))).toEqual({ ...first, created: false });
    expect((await policyOf(registry, null))?.version).toBe(first.version);
    expect(await registry.policyVersions()).toHaveLength(2);
  });

  test("with faults are refused with every one, and change nothing", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    await must(publish(registry, starter));
    const before = await current(opened);
    const [shell, ...others] = starter.contracts;
    const spoilt = { ...starter, extra: 1, contracts: [{ ...shell, risk: "enormous" }, ...others] };
    expect(await refused(publish(registry, spoilt))).toBe("invalid_body /contracts/0/risk /extra");
    expect(await refused(publish(registry, null))).toBe("invalid_body ");
    expect(await current(opened)).toEqual(before);
    expect(await registry.policyVersions()).toHaveLength(1);
  });

  test("P25 that nobody can satisfy are refused, new or rolled back to", async ({ expect }) => {
    const { registry } = await staffed();
    const first = await must(publish(registry, starter));
    const [shell, ...others] = starter.contracts;
    const nobody = { ...shell, rule: { seat: "a", n: 1, from: ["group:nobody"] } };
    expect(await refused(publish(registry, { ...starter, contracts: [nobody, ...others] }))).toBe(
      "invalid_body /contracts/0/rule/from/0 /contracts/0/rule",
    );
    await must(publish(registry, { roles: starter.roles, contracts: [] }));
    await must(registry.removeGroup("dba", "test", now));
    expect(await refused(registry.activatePolicy({ version: first.version, actor: "x", now }))).toContain(
      "invalid_body /contracts/1/rule",
    );
  });

  test("hold at most 256 KiB", async ({ expect }) => {
    const { registry } = await staffed();
    const [shell] = starter.contracts;
    const contracts = Array.from({ length: 300 }, (_, index) => ({ ...shell, type: `host.shell${index}` }));
    expect(await refused(publish(registry, { ...starter, contracts }))).toBe("too_large");
    expect(await registry.policyVersions()).toEqual([]);
  });
});
