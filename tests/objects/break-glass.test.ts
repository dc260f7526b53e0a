import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** What is left when a call dies between the Registry and the action, and that it stops nobody for ever. */

const day = 86_400_000;
const registryOf = ({ name }: Workspace) => env.REGISTRY.getByName(`${name}/registry`);
const why = { reason: "nobody on call answers the pager", incident: "INC-1", confirm: true };

const breaks = (workspace: Workspace, { id, digest }: ActionView) =>
  workspace.call("person:carol", "POST", `/v1/actions/${id}/break-glass`, { digest, ...why });

/** What the Worker does before it tells the action, `ago` ms ago. */
const opens = (workspace: Workspace, action: string, ago: number, reviewDueMs: number) =>
  registryOf(workspace).openGlassUse({
    id: `use_${crypto.randomUUID()}`,
    person: "person:carol",
    action,
    incident: "INC-0",
    now: Date.now() - ago,
    reviewDueMs,
    perPersonPerDay: 2,
  });
const openUses = async (workspace: Workspace): Promise<string[]> => {
  const input = { state: "open" as const, cursor: undefined, limit: 100, now: Date.now() };
  const { items } = await registryOf(workspace).glassUses(input);
  return items.map(({ action }) => action);
};

describe("a use of the right to break the glass", () => {
  test("whose call died before the action was told is without an effect, and blocks nobody once it is due", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("g-died");
    const lost = await workspace.ask();
    await opens(workspace, lost.id, 2 * day, day);
    expect(await openUses(workspace)).toEqual([lost.id]);
    const action = await workspace.ask();
    expect(await breaks(workspace, action)).toMatchObject({ status: 200, body: { state: "approved" } });
    expect(await openUses(workspace)).toEqual([action.id]);
  });

  test("whose review the Registry has not heard of blocks nobody either", async ({ expect }) => {
    const workspace = await openWorkspace("g-unheard");
    const action = await workspace.ask();
    expect((await breaks(workspace, action)).status).toBe(200);
    const key = "a review";
    const path = `/v1/actions/${action.id}/break-glass/review`;
    const body = { verdict: "justified", note: "I saw it" };
    expect((await workspace.call("person:bob", "POST", path, body, key)).status).toBe(200);
    expect(await openUses(workspace)).toEqual([]);
    // Sent again, it says the same, there and here.
    expect((await workspace.call("person:bob", "POST", path, body, key)).status).toBe(200);
    expect(await openUses(workspace)).toEqual([]);
  });

  test("is ended by an operator's review of its action where it came to nothing", async ({ expect }) => {
    const workspace = await openWorkspace("g-ended");
    const lost = await workspace.ask();
    await opens(workspace, lost.id, day / 2, 3 * day);
    const path = `/v1/actions/${lost.id}/break-glass/review`;
    const body = { verdict: "justified", note: "It never happened" };
    expect((await workspace.call("person:bob", "POST", path, body)).status).toBe(409);
    expect(await openUses(workspace)).toEqual([lost.id]);
    expect(await workspace.call("service:operator", "POST", path, body)).toMatchObject({
      status: 200,
      body: { id: lost.id, state: "pending", breakGlass: null },
    });
    expect(await openUses(workspace)).toEqual([]);
  });

  test("counts for its day although nobody knows what it did, and is closed where the action says no", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("g-counts");
    for (const ago of [1_000, 2_000]) await opens(workspace, (await workspace.ask()).id, ago, 3 * day);
    expect((await breaks(workspace, await workspace.ask())).status).toBe(429);
    const other = await openWorkspace("g-refused");
    const denied = await other.ask();
    const vote = { decision: "deny", digest: denied.digest, reason: "no" };
    await other.call("person:bob", "POST", `/v1/actions/${denied.id}/votes`, vote);
    expect((await breaks(other, denied)).status).toBe(409);
    expect(await openUses(other)).toEqual([]);
  });
});
