import { beforeAll, describe, test } from "vitest";
import { workspaceKeeping } from "./erasing.ts";
import type { Workspace } from "./workspace.ts";

/** What agents add for reviewers has a budget for each contract, so that what is kept for an hour does not become a store of data. */

let workspace: Workspace;
beforeAll(async () => {
  workspace = await workspaceKeeping("context-budget");
});

describe("what an agent has to say", () => {
  const asks = (own: Workspace, context: object) =>
    own.call("agent:demo", "POST", "/v1/actions", {
      type: "host.shell",
      target: { resource: "prod-db-1", segment: "prod-hosts" },
      args: { argv: ["uptime"] },
      reason: "It does not answer",
      context,
    });

  test("is refused where it is more than the contract takes, with both sizes", async ({ expect }) => {
    const own = await workspaceKeeping("context-twenty", { contextBytes: 20 });
    expect(await asks(own, { a: "é".repeat(6) })).toMatchObject({ status: 201 });
    const refused = await asks(own, { a: "é".repeat(7) });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        code: "invalid_body",
        errors: [
          {
            pointer: "/context",
            detail: expect.stringMatching(/is 22 bytes, and 20 are the most.*reference/u),
          },
        ],
      },
    });
    const none = await workspaceKeeping("context-none", { contextBytes: 0 });
    expect(await asks(none, {})).toMatchObject({ status: 422 });
  });

  test("is 32 KiB where it says nothing", async ({ expect }) => {
    // `{"a":""}` and what is in it.
    expect(await asks(workspace, { a: "x".repeat(32 * 1024 - 8) })).toMatchObject({ status: 201 });
    expect(await asks(workspace, { a: "x".repeat(32 * 1024 - 7) })).toMatchObject({ status: 422 });
  });
});
