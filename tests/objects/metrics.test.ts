import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { describe, test } from "vitest";
import { Board } from "../../objects/board/board.ts";
import type { Point } from "../../objects/board/points.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import { Figures } from "../../schemas/metrics.ts";
import { change, decided, minute, now } from "./timed-change.ts";
import { openWorkspace } from "./workspace.ts";

const boardOf = (name: string): DurableObjectStub<Board> => env.BOARD.getByName(`${name}/board`);

/** The value of one series of a Prometheus text. */
const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

describe("figures", () => {
  test("count what still waits, by type, risk and group, with the age of the oldest", async ({ expect }) => {
    const board = boardOf("pending-figures");
    await board.apply([
      change("act_a", { timings: { createdAt: now - 3 * 24 * 60 * minute } }),
      change("act_b", { risk: "critical", type: "host.shell" }),
      decided("act_c", minute),
    ]);
    const { pending, queueTime } = await board.figures("1h", now);
    expect(pending).toEqual({
      count: 2,
      oldestMs: 3 * 24 * 60 * minute,
      byType: [
        { name: "db.migrate", count: 1, oldestMs: 3 * 24 * 60 * minute },
        { name: "host.shell", count: 1, oldestMs: 10 * minute },
      ],
      byRisk: [
        { name: "low", count: 1, oldestMs: 3 * 24 * 60 * minute },
        { name: "critical", count: 1, oldestMs: 10 * minute },
      ],
      byGroup: [{ name: "dba", count: 2, oldestMs: 3 * 24 * 60 * minute }],
    });
    expect(queueTime.decided).toMatchObject({
      reached: 1,
      waiting: 2,
      p50: { ms: 3 * 24 * 60 * minute, atLeast: true },
    });
  });

  test("leave out what was over before the window began", async ({ expect }) => {
    const board = boardOf("windows");
    await board.apply([decided("act_a", minute)]);
    const later = now + 65 * minute;
    expect((await board.figures("1h", later)).queueTime.decided.reached).toBe(0);
    expect((await board.figures("24h", later)).queueTime.decided.reached).toBe(1);
    expect((await board.figures("7d", now + 8 * 24 * 60 * minute)).queueTime.decided.reached).toBe(0);
  });

  test("survive eviction with who has seen what, and each person's first look counts", async ({ expect }) => {
    const board = boardOf("seen");
    await board.apply([change("act_a")]);
    expect(await board.see("act_a", "person:bob", now - 8 * minute)).toBe(true);
    expect(await board.see("act_a", "person:bob", now)).toBe(true);
    expect(await board.see("act_b", "person:bob", now)).toBe(false);
    await board.apply([
      decided("act_a", 6 * minute, {
        firstVoteAt: now - 4 * minute,
        votes: [{ person: "person:bob", decision: "deny", at: now - 4 * minute, via: "page" }],
      }),
    ]);
    expect(await board.see("act_a", "person:carol", now)).toBe(false);
    await evictDurableObject(board);
    const { reviewers, queueTime, underFiveSeconds } = await board.figures("1h", now);
    expect(reviewers).toEqual([
      {
        person: "person:bob",
        decisions: 1,
        approved: 0,
        denied: 1,
        review: { timed: 1, totalMs: 4 * minute, medianMs: 4 * minute },
      },
    ]);
    expect(queueTime.seen.p50).toEqual({ ms: 2 * minute, atLeast: false });
    expect(underFiveSeconds).toEqual({ count: 0, of: 1, share: 0 });
  });

  test("tell who was quick, and who was asked without enough to go on", async ({ expect }) => {
    const board = boardOf("quick");
    await board.apply([
      decided("act_a", 4_999, { missingContext: true }),
      decided("act_b", 5_000),
      change("act_c", { state: "expired", timings: { leftAt: now, escalations: 2 } }),
    ]);
    const figures = await board.figures("1h", now);
    expect(figures.underFiveSeconds).toEqual({ count: 1, of: 2, share: 0.5 });
    expect(figures.missingContext).toEqual({ count: 1, of: 2, share: 0.5 });
    expect(figures).toMatchObject({
      expired: { pending: 1, approved: 0 },
      escalated: 1,
      decided: { denied: 2 },
    });
  });

  test("take what was sent for told, from the first on", async ({ expect }) => {
    const board = boardOf("told");
    await board.apply([change("act_a", { sends: { failed: 1 } })]);
    await board.apply([
      change("act_a", { sends: { delivered: 1, failed: 1, notifiedAt: now - 9 * minute } }),
    ]);
    await board.apply([
      change("act_a", { sends: { delivered: 2, failed: 1, notifiedAt: now - 9 * minute } }),
    ]);
    await board.apply([change("act_a", { sends: { failed: 1 } })]);
    expect((await board.figures("1h", now)).queueTime.notified).toMatchObject({
      reached: 1,
      p50: { ms: minute, atLeast: false },
    });
  });

  test("leave a row alone that is from before there were timings", async ({ expect }) => {
    const board = boardOf("old-rows");
    const { timings: _, ...old } = change("act_a");
    await board.apply([old]);
    expect((await board.figures("1h", now)).pending.count).toBe(0);
    await board.apply([decided("act_a", minute)]);
    expect((await board.figures("1h", now)).queueTime.decided.reached).toBe(1);
  });
});

describe("counters", () => {
  test("are sums over the rows, and no eviction, summing up or late delivery takes anything back", async ({
    expect,
  }) => {
    const board = boardOf("counters");
    const some = Array.from({ length: 700 }, (_, at) =>
      decided(`act_${at}`, at * 100, { escalations: at % 2 }),
    );
    await board.apply([change("act_open"), ...some]);
    const series = {
      holdpoint_requests_total: 701,
      'holdpoint_decisions_total{outcome="denied",via="page"}': 700,
      holdpoint_escalations_total: 350,
      holdpoint_quick_decisions_total: 50,
      holdpoint_decision_duration_seconds_count: 700,
      'holdpoint_decision_duration_seconds_bucket{le="15"}': 151,
      'holdpoint_pending{type="db.migrate",risk="low"}': 1,
    };
    const read = async (): Promise<Record<string, number | undefined>> => {
      const text = await board.prometheus(now);
      return Object.fromEntries(Object.keys(series).map((name) => [name, valueOf(text, name)]));
    };
    expect(await read()).toEqual(series);
    const totals = await runInDurableObject(board, (_, state) =>
      state.storage.sql.exec<{ body: string }>("SELECT body FROM totals").toArray(),
    );
    expect(JSON.parse(totals[0]?.body ?? "{}")).toMatchObject({
      upToRow: 701,
      open: [1],
      counters: { requests: 700 },
    });
    expect(await read()).toEqual(series);
    await evictDurableObject(board);
    expect(await read()).toEqual(series);

    const late = { ...decided("act_1", 100), sends: { delivered: 1, failed: 2, notifiedAt: now } };
    const told = { ...decided("act_open", minute), sends: { delivered: 2, failed: 0, notifiedAt: now } };
    const fresh = change("act_new", { sends: { delivered: 1 } });
    for (const round of [1, 2, 3]) await board.apply(round === 2 ? [fresh, told, late] : [late, told, fresh]);
    // What an action says of itself is never less than what it has said.
    await board.apply([decided("act_1", 100), change("act_open", { sends: { delivered: 1 } })]);
    await evictDurableObject(board);
    const text = await board.prometheus(now);
    expect(valueOf(text, 'holdpoint_webhook_deliveries_total{result="delivered"}')).toBe(4);
    expect(valueOf(text, 'holdpoint_webhook_deliveries_total{result="failed"}')).toBe(2);
    expect(valueOf(text, 'holdpoint_decisions_total{outcome="denied",via="page"}')).toBe(701);
    expect(valueOf(text, "holdpoint_requests_total")).toBe(702);
  });

  test("cost no written row but one for each five hundred that are over", async ({ expect }) => {
    await runInDurableObject(boardOf("frugal"), (board: Board, { storage: { sql } }) => {
      const written = (work: () => void): number => {
        const before = sql.exec<{ n: number }>("SELECT total_changes() AS n").one().n;
        work();
        return sql.exec<{ n: number }>("SELECT total_changes() AS n").one().n - before;
      };
      expect(written(() => board.apply([change("act_a")]))).toBe(1);
      const grown = { ...decided("act_a", 1), sends: { delivered: 1, failed: 0, notifiedAt: now } };
      expect(written(() => board.apply([grown]))).toBe(1);
      expect(written(() => board.apply([grown]))).toBe(0);
      expect(written(() => void board.prometheus(now))).toBe(0);
      board.apply(Array.from({ length: 500 }, (_, at) => decided(`act_${at}`, at)));
      expect(written(() => void board.prometheus(now))).toBe(1);
      expect(written(() => void board.prometheus(now))).toBe(0);
    });
  });
});

describe("points", () => {
  test("one a decided action, however often its messages come", async ({ expect }) => {
    const points: Point[] = [];
    const dataset = { writeDataPoint: (point: Point) => void points.push(point) };
    await runInDurableObject(boardOf("points"), (_, state) => {
      const board = new Board(state, { ...env, ANALYTICS: dataset } as Env);
      const approved = change("act_a", {
        seq: 2,
        state: "approved",
        timings: {
          decidedAt: now - 8 * minute,
          firstVoteAt: now - 9 * minute,
          decision: "approved",
          via: "slack",
        },
      });
      board.apply([change("act_a"), approved, approved]);
      board.apply([approved, { ...approved, seq: 3 }]);
      board.apply([change("act_b")]);
    });
    expect(points).toEqual([
      {
        indexes: ["db.migrate"],
        blobs: ["default", "db.migrate", "low", "approved", "slack"],
        doubles: [60, 120, 0],
      },
    ]);
  });
});

describe("over HTTP", () => {
  test("the figures follow an action from asking to execution", async ({ expect }) => {
    const workspace = await openWorkspace("figures-http");
    const { id, digest } = await workspace.ask();
    await workspace.ask();
    await settle(workspace.name, [id]);
    const seen = await workspace.call("person:bob", "POST", `/v1/actions/${id}/seen`, {});
    expect(seen).toEqual({ status: 200, body: { seen: true } });
    await workspace.call("person:bob", "POST", `/v1/actions/${id}/votes`, {
      decision: "deny",
      digest,
      reason: "Missing context: which host?",
    });
    await settle(workspace.name, [id]);
    const { status, body } = await workspace.call("person:bob", "GET", "/v1/metrics?window=1h");
    expect(status).toBe(200);
    const figures = v.parse(Figures, body);
    expect(figures).toMatchObject({
      complete: true,
      decided: { denied: 1, byVia: { api: 1 } },
      missingContext: { count: 1, of: 1, share: 1 },
      reviewers: [{ person: "person:bob", denied: 1, review: { timed: 1 } }],
    });
    expect(figures.queueTime.decided.reached).toBe(1);
  });

  test("are for those who may read them, and a look is a person's", async ({ expect }) => {
    const { call, ask } = await openWorkspace("figures-scopes");
    for (const path of ["/metrics", "/v1/metrics"]) {
      expect((await call("agent:demo", "GET", path)).status).toBe(403);
      expect((await call("nobody", "GET", path)).status).toBe(401);
    }
    expect((await call("person:bob", "GET", "/v1/metrics?window=2h")).status).toBe(400);
    const { id } = await ask();
    expect((await call("service:operator", "POST", `/v1/actions/${id}/seen`, {})).status).toBe(403);
    const unknown = await call("person:bob", "POST", `/v1/actions/${id.slice(0, -1)}_/seen`, {});
    expect(unknown).toEqual({ status: 200, body: { seen: false } });
  });
});

/** What a queue would have brought the Board by now. */
async function settle(workspace: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const text = await env.ACTIONS.getByName(`${workspace}/${id}`).refresh();
    await boardOf(workspace).restore([JSON.parse(text ?? "") as ActionChanged]);
  }
}
