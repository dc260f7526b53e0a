import * as v from "valibot";
import { describe, test } from "vitest";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** A workspace whose agents may ask for so many actions an hour. */
async function workspaceWith(name: string, perAgentPerHour: number): Promise<Workspace> {
  const workspace = await openWorkspace(name);
  const { body } = await workspace.call("service:operator", "GET", "/v1/policy");
  const { document } = v.parse(v.object({ document: v.looseObject({}) }), body);
  const published = await workspace.call("service:operator", "POST", "/v1/policy", {
    document: { ...document, requests: { perAgentPerHour } },
  });
  if (published.status >= 300) throw new Error(JSON.stringify(published.body));
  return workspace;
}

const request = {
  type: "host.shell",
  target: { resource: "prod-db-1", segment: "prod-hosts" },
  args: { argv: ["uptime"] },
  reason: "It does not answer",
};

describe("T10 an agent that asks for more than its hour", () => {
  test("is refused, with nothing taken in and nothing decided, and a repeat gets its first answer", async ({
    expect,
  }) => {
    const workspace = await workspaceWith("asks-much", 3);
    const first = await workspace.call("agent:demo", "POST", "/v1/actions", request, "key-1");
    expect(first.status).toBe(201);
    // The same request under the same key is no further one, however often it comes.
    for (let times = 0; times < 5; times += 1) {
      const again = await workspace.call("agent:demo", "POST", "/v1/actions", request, "key-1");
      expect(again.body).toMatchObject({ id: v.parse(v.object({ id: v.string() }), first.body).id });
    }
    await workspace.ask();
    await workspace.ask();
    const refused = await workspace.call("agent:demo", "POST", "/v1/actions", request, "key-4");
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(JSON.stringify(refused.body)).toContain("same Idempotency-Key");
    const repeated = await workspace.call("agent:demo", "POST", "/v1/actions", request, "key-1");
    expect(repeated.body).toMatchObject({ state: "pending" });
    const batch = await workspace.call("agent:demo", "POST", "/v1/actions/batch", {
      items: [{ action: request }, { action: { ...request, type: "no.such.type" } }],
    });
    expect(batch.body).toMatchObject({ items: [{ status: 429 }, { status: 422 }] });
  });

  test("keeps nobody else from asking, and may still do what is no new request", async ({ expect }) => {
    const workspace = await workspaceWith("asked-enough", 1);
    const action = await workspace.ask();
    expect((await workspace.call("agent:demo", "POST", "/v1/actions", request)).status).toBe(429);
    const unrelated = await openWorkspace("asks-little");
    expect((await unrelated.ask()).state).toBe("pending");
    const vote = { decision: "approve", digest: action.digest };
    const approved = await workspace.call("person:bob", "POST", `/v1/actions/${action.id}/votes`, vote);
    expect(approved.body).toMatchObject({ state: "approved" });
    const claim = { digest: action.digest };
    expect((await workspace.call("agent:demo", "POST", `/v1/actions/${action.id}/claim`, claim)).status).toBe(
      200,
    );
  });
});
