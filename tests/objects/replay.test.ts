import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import policy from "../../scripts/starter/policy.json" with { type: "json" };
import type { ActionSummary } from "../../schemas/action.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { ReplayAnswer } from "../../schemas/replay.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

const boardOf = (workspace: string) => env.BOARD.getByName(`${workspace}/board`);
const days = (count: number): string => new Date(Date.now() - count * 86_400_000).toISOString();

/** A row of the Board for an action asked for at this time, which may not be there any more. */
function row(id: string, createdAt: string): ActionChanged {
  const summary: ActionSummary = {
    id,
    type: "host.shell",
    class: "production-change",
    risk: "high",
    state: "executed",
    detail: null,
    seq: 5,
    digest: `sha256:${"0".repeat(64)}`,
    requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
    target: { resource: "prod-db-1" },
    seats: [],
    groups: [],
    deadline: null,
    createdAt,
    updatedAt: createdAt,
  };
  const rest = { dueAt: null, deadLetters: [], deliveries: [] };
  return { workspace: "default", action: id, seq: 5, ack: false, summary, ...rest };
}

async function pagesOf(workspace: Workspace, body: object): Promise<ReplayAnswer[]> {
  const pages: ReplayAnswer[] = [];
  let cursor: string | null = null;
  do {
    const asked = { ...body, ...(cursor !== null && { cursor }) };
    const answer = await workspace.call("service:operator", "POST", "/v1/policy/replay", asked);
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    const page = answer.body as ReplayAnswer;
    pages.push(page);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}

describe("the Board's list since a time", () => {
  test("goes back to that time and no further, page by page, without one twice", async ({ expect }) => {
    const board = boardOf("since");
    const ages = [9, 8, 3, 7, 2, 1, 0.5];
    await board.apply(ages.map((age, index) => row(`act_${index}`, days(age))));
    const found: string[] = [];
    let before: number | null = null;
    do {
      const page: { ids: string[]; nextRow: number | null } = await board.since(days(4), before, 2);
      expect(page.ids.length).toBeLessThanOrEqual(2);
      found.push(...page.ids);
      before = page.nextRow;
    } while (before !== null);
    expect(found).toEqual(["act_6", "act_5", "act_4", "act_2"]);
    expect(await boardOf("nothing").since(days(4), null, 10)).toEqual({ ids: [], nextRow: null });
  });
});

describe("a replay of a workspace", () => {
  test("counts actions of which nothing is kept as not replayable, and names those that change", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("replayed");
    const asked = [await workspace.ask(), await workspace.ask({ args: { argv: ["df", "-h"] } })];
    const purged = ["act_purged", "act_purged_too"].map((id) => row(id, days(1)));
    await boardOf("replayed").apply([...asked.map(({ id }) => row(id, days(0))), ...purged]);
    const [shell, ...contracts] = policy.contracts;
    const decide = [{ when: "args.argv[0] == 'df'", then: "allow" }];
    const document = { ...policy, contracts: [{ ...shell, decide }, ...contracts] };
    const pages = await pagesOf(workspace, { document, days: 7, limit: 1 });
    const sum = (pick: (page: ReplayAnswer) => number): number =>
      pages.reduce((all, page) => all + pick(page), 0);
    expect(sum(({ replayed }) => replayed)).toBe(2);
    expect(sum(({ notReplayable }) => notReplayable)).toBe(2);
    expect(pages.flatMap(({ changed }) => changed)).toMatchObject([
      { id: asked[1]!.id, was: { outcome: "gate" }, would: { outcome: "allow" } },
    ]);
    // What is in force changes nothing.
    expect((await pagesOf(workspace, { days: 7 })).flatMap(({ changed }) => changed)).toEqual([]);
  });

  test("goes by the agent as it was when it asked", async ({ expect }) => {
    const workspace = await openWorkspace("agents-then");
    const asked = await workspace.ask();
    await boardOf("agents-then").apply([row(asked.id, days(0))]);
    const registry = env.REGISTRY.getByName("agents-then/registry");
    const gone = { id: "agent:demo", owner: "person:omar", roles: [], segments: [], active: false };
    await registry.putAgent(gone, "test", Date.now());
    const [page] = await pagesOf(workspace, { days: 1 });
    expect(page).toMatchObject({ replayed: 1, changed: [] });
  });
});
