import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import * as v from "valibot";
import { afterEach, beforeAll, describe, test, vi } from "vitest";
import { Ledger } from "../../objects/ledger/ledger.ts";
import type { ActionView } from "../../schemas/action.ts";
import { limits } from "../../schemas/limits.ts";
import { sweep } from "../../workers/cron.ts";
import {
  alarmAt,
  day,
  ended,
  hour,
  minute,
  moveTo,
  viewOf,
  workspaceKeeping,
  type Ended,
} from "./erasing.ts";
import { actionNamed, overOf } from "./ledger-lines.ts";
import { objects } from "./lived.ts";
import { kept } from "./one-action.ts";
import type { Workspace } from "./workspace.ts";

/** What no alarm lets go of in time is found by the sweep, which comes by once a minute: also what a hold has kept until now. */

let workspace: Workspace;
beforeAll(async () => {
  workspace = await workspaceKeeping("erasure-sweep");
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const classesGone = ({ erased = [] }: ActionView): string[] => erased.map((one) => one.class);
const loseAlarm = ({ stub }: Pick<Ended, "stub">): Promise<void> =>
  runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());

describe("the sweep", () => {
  test("wakes what has slept since before values had a time to go at, once", async ({ expect }) => {
    const { id, stub, end } = await ended(workspace);
    const { board } = objects(workspace.name);
    // As an engine of before has left it: no alarm, and a Board that never asked.
    await loseAlarm({ stub });
    await runInDurableObject(
      board,
      (_, { storage }) => void storage.sql.exec("UPDATE actions SET woken = NULL WHERE id = ?", id),
    );
    expect(await board.sleeping(100)).toEqual([id]);
    const { ledger } = objects(workspace.name);
    vi.spyOn(Ledger.prototype, "chores").mockReturnValue({ purging: null, overdue: [] });
    moveTo(end + 8 * day);
    await sweep(env, Date.now());
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral", "operational"]);
    expect(await board.sleeping(100)).toEqual([]);
    expect(await ledger.count("conflict")).toBe(0);
  });

  test("lets go of what an alarm has forgotten", async ({ expect }) => {
    const { stub, end } = await ended(workspace);
    await loseAlarm({ stub });
    moveTo(end + hour + minute);
    await sweep(env, Date.now());
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral"]);
  });

  test("lets go of the others where more than a page of those before cannot", async ({ expect }) => {
    const own = await workspaceKeeping("erasure-sweep-many");
    const one = await ended(own);
    await loseAlarm(one);
    const before = { class: "ephemeral", dueAt: one.end, bytes: 1 } as const;
    const stuck = Array.from({ length: limits.listPage + 1 }, (_, nth) =>
      overOf(actionNamed(nth + 1), 3, { holds: [before] }),
    );
    await objects(own.name).ledger.record(stuck, one.end);
    moveTo(one.end + hour + minute);
    await sweep(env, Date.now());
    expect(classesGone(await viewOf(one.stub))).toEqual(["ephemeral"]);
    // The control: those are still there, and come before it.
    const { overdue } = await objects(own.name).ledger.chores(Date.now(), limits.listPage, Date.now());
    expect(overdue).toHaveLength(limits.listPage);
  });
});

describe("once a hold is released", () => {
  const holds = async (body: object, where = workspace): Promise<string> => {
    const put = await where.call("person:alice", "POST", "/v1/holds", { reason: "Case 7", ...body });
    return v.parse(v.object({ id: v.string() }), put.body).id;
  };

  test("what is overdue goes with the next sweep, long before the action would have asked again", async ({
    expect,
  }) => {
    const one = await ended(workspace);
    const id = await holds({ scope: `action:${one.id}` });
    await alarmAt(one.stub, one.end + 7 * day);
    expect(classesGone(await viewOf(one.stub))).toEqual([]);
    const { stored, alarm } = await kept(one.stub);
    expect([stored.askAt, alarm]).toEqual([one.end + 8 * day, one.end + 8 * day]);
    moveTo(one.end + 7 * day + hour);
    // The control: while it is held no sweep lets go of it.
    await sweep(env, Date.now());
    expect(classesGone(await viewOf(one.stub))).toEqual([]);

    const released = await workspace.call("person:alice", "POST", `/v1/holds/${id}/release`, {
      reason: "closed",
    });
    expect(released.status).toBe(200);
    moveTo(one.end + 7 * day + hour + minute);
    await sweep(env, Date.now());
    expect(classesGone(await viewOf(one.stub))).toEqual(["ephemeral", "operational"]);
    const after = await kept(one.stub);
    expect(after.stored.askAt).toBeUndefined();
    expect(after.alarm).toBeLessThanOrEqual(one.end + 400 * day);
  });

  test("by its own end, the action's alarm lets go at that moment, and the sweep where that is lost", async ({
    expect,
  }) => {
    // Of its own: the clock of a log does not go back to before the other tests.
    const own = await workspaceKeeping("erasure-sweep-until");
    const [one, other] = [await ended(own), await ended(own)];
    const until = Math.max(one.end, other.end) + 3 * hour;
    for (const { id } of [one, other]) {
      await holds({ scope: `action:${id}`, until: new Date(until).toISOString() }, own);
    }
    for (const { stub, end } of [one, other]) {
      await alarmAt(stub, end + 2 * hour);
      expect((await kept(stub)).alarm).toBe(until);
    }
    await loseAlarm(other);
    await alarmAt(one.stub, until);
    expect(classesGone(await viewOf(one.stub))).toEqual(["ephemeral"]);
    moveTo(until + minute);
    await sweep(env, Date.now());
    expect(classesGone(await viewOf(other.stub))).toEqual(["ephemeral"]);
  });
});
