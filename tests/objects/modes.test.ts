import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import policy from "../../scripts/starter/policy.json" with { type: "json" };
import { kept, stubOf } from "./one-action.ts";
import { openWorkspace } from "./workspace.ts";

describe("who is told of a request that a contract only watches", () => {
  const sink = "slack:C0123ABC";

  test("is nobody in shadow, and whoever the contract names when it warns", async ({ expect }) => {
    const told: Record<string, string[]> = {};
    for (const mode of ["shadow", "warn", "enforce"] as const) {
      const name = `watching-${mode}`;
      const workspace = await openWorkspace(name);
      const [shell, ...contracts] = policy.contracts;
      const document = { ...policy, contracts: [{ ...shell, mode, notify: [sink] }, ...contracts] };
      const registry = env.REGISTRY.getByName(`${name}/registry`);
      const published = await registry.publishPolicy({
        document,
        actor: "test",
        note: null,
        now: Date.now(),
      });
      expect(published.ok).toBe(true);
      const { id, state } = await workspace.ask();
      expect(state).toBe(mode === "enforce" ? "pending" : "approved");
      const { outbox, payload } = await kept(stubOf(workspace, id));
      told[mode] = outbox.filter((line) => line.sink === sink).map(({ type }) => type);
      expect(payload.decision.would?.outcome).toBe(mode === "enforce" ? undefined : "gate");
      expect(payload.agent).toMatchObject({ roles: ["controlled-remediation"] });
    }
    expect(told).toEqual({
      shadow: [],
      warn: ["action.pending", "action.approved"],
      enforce: ["action.pending"],
    });
  });
});
