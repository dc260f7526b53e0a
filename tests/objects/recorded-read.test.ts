import { SELF } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, test, vi } from "vitest";
import { Ledger } from "../../objects/ledger/ledger.ts";
import * as v from "valibot";
import { LedgerEntry } from "../../schemas/ledger.ts";
import { askedBy } from "../../workers/recorded-read.ts";
import { routes } from "../../workers/routes/index.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** A read of evidence is in the workspace's log before it is answered, or it is not answered. */

afterEach(() => {
  vi.restoreAllMocks();
});

type Line = Extract<LedgerEntry, { kind: "access" }>;

/** Every access in the log of a workspace, oldest first. */
async function accesses({ name }: Workspace): Promise<Line[]> {
  const leaves = await env.LEDGER.getByName(`${name}/ledger`).leaves(0, 1_000_000, 10_000);
  return leaves
    .map(({ text }) => v.parse(LedgerEntry, JSON.parse(text)))
    .filter((line) => line.kind === "access");
}

const unknown = `act_${"0".repeat(22)}`;
const recorded = routes.filter(({ evidence, answer }) => evidence !== undefined && answer.status !== 101);
const addressOf = (path: string, id: string): string => path.replace(":id", id);

describe("T16 T26: a read of evidence", () => {
  test("is written down on every route, whatever comes of it, and once", async ({ expect }) => {
    const workspace = await openWorkspace("recorded");
    const action = await workspace.ask();
    const cases: [who: string, id: string, query: string][] = [
      ["service:operator", action.id, ""],
      ["service:operator", unknown, ""],
      ["service:operator", "no-id-at-all", ""],
      ["service:operator", action.id, "?surprise=1&type=x.y"],
      ["agent:demo", action.id, ""],
    ];
    for (const route of recorded) {
      for (const [who, id, query] of cases) {
        const before = (await accesses(workspace)).length;
        const body = route.body === undefined ? undefined : {};
        await workspace.call(who, route.method, addressOf(route.path, id) + query, body);
        const lines = await accesses(workspace);
        expect(lines.length, `${who} ${route.path} ${id} ${query}`).toBe(before + 1);
        const refused = who === "agent:demo" && route.scope !== "actions:read";
        expect(lines.at(-1)).toMatchObject({
          by: { kind: who.split(":")[0], id: who },
          route: `${route.method} ${route.path}`,
          action: route.path.includes(":id") && id !== "no-id-at-all" ? id : null,
          outcome: refused ? "refused" : "allowed",
        });
      }
    }
    expect(recorded.length).toBeGreaterThan(5);
  });

  test("by HEAD is a read", async ({ expect }) => {
    const workspace = await openWorkspace("recorded-head");
    const { id } = await workspace.ask();
    for (const { path } of recorded.filter(({ method }) => method === "GET")) {
      const before = (await accesses(workspace)).length;
      await workspace.call("service:operator", "HEAD", addressOf(path, id));
      expect((await accesses(workspace)).length, path).toBe(before + 1);
    }
  });

  test("by nobody who is proven is refused, and fills no log", async ({ expect }) => {
    const workspace = await openWorkspace("recorded-nobody");
    const { id } = await workspace.ask();
    for (const { method, path } of recorded) {
      const url = `https://holdpoint.invalid${addressOf(path, id)}`;
      expect((await SELF.fetch(url, { method })).status).toBe(401);
    }
    expect(await accesses(workspace)).toEqual([]);
  });

  test("is not answered while it cannot be written down", async ({ expect }) => {
    const workspace = await openWorkspace("recorded-down");
    const { id } = await workspace.ask();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Ledger.prototype, "access").mockImplementation(() => {
      throw new Error("the disk is full");
    });
    for (const { method, path, body } of recorded) {
      const sent = body === undefined ? undefined : {};
      const answer = await workspace.call("service:operator", method, addressOf(path, id), sent);
      expect(answer, path).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
      expect(JSON.stringify(answer.body)).not.toContain("It does not answer");
      expect(JSON.stringify(answer.body)).not.toContain(id);
    }
    // What is no evidence goes on: whoever has to decide can.
    expect((await workspace.call("person:bob", "GET", `/v1/actions/${id}`)).status).toBe(200);
    vi.restoreAllMocks();
    const after = await workspace.call("service:operator", "GET", `/v1/actions/${id}/events`);
    expect(after.status).toBe(200);
    expect(await accesses(workspace)).toHaveLength(1);
  });
});

describe("T15: evidence of another workspace", () => {
  test("is not there, to the byte, and asking for it is in one's own log alone", async ({ expect }) => {
    const [own, other] = [await openWorkspace("recorded-own"), await openWorkspace("recorded-other")];
    const { id } = await other.ask();
    const strangers = (await accesses(other)).length;
    for (const { method, path } of recorded.filter((route) => route.path.includes(":id"))) {
      const answers = [];
      for (const asked of [id, unknown]) {
        answers.push(await own.call("service:operator", method, addressOf(path, asked)));
      }
      expect(answers[0], path).toMatchObject({ status: 404 });
      expect(JSON.stringify(answers[0])).toBe(JSON.stringify(answers[1]));
    }
    expect((await accesses(own)).filter(({ action }) => action === id)).not.toHaveLength(0);
    expect((await accesses(other)).length).toBe(strangers);
  });
});

describe("T16: what is written down of a question", () => {
  const route = { query: { since: "", type: "", by: "", cursor: "" } };
  const asked = (query: string): string => askedBy(route, new URL(`https://x.invalid/v1/evidence?${query}`));

  test.for([
    ["", ""],
    ["type=db.migrate&since=2026-01-31T12:00:00Z", "type=db.migrate&since=2026-01-31T12:00:00Z"],
    ["by=service:auditor", "by=service:auditor"],
    ["since=2026-01-31T12:00:00%2B01:00", "since=2026-01-31T12:00:00+01:00"],
    ["by=hp_default_0123456789abcdefghij", "by=(31 characters)"],
    ["type=eyJhbGciOi.J9", "type=(13 characters)"],
    ["type=%3Cscript%3E", "type=(8 characters)"],
    ["token=hunter2&type=x", "type=x&(1 unknown)"],
    ["hp_default_secret=1", "(1 unknown)"],
  ])("of ?%s is %j", ([query = "", wanted], { expect }) => {
    expect(asked(query)).toBe(wanted);
  });

  test("is never more than 512 characters", ({ expect }) => {
    const long = Array.from({ length: 200 }, () => `type=${"a".repeat(100)}`).join("&");
    expect(asked(long)).toHaveLength(512);
  });
});
