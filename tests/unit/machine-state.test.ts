import { describe, test } from "vitest";
import { isOver, nextDue } from "../../core/machine/deadlines.ts";
import { erasedText } from "../../core/evidence/payload.ts";
import { foldAll, unborn } from "../../core/machine/fold.ts";
import { nowOf } from "../../core/machine/step.ts";
import type { Event } from "../../schemas/event.ts";
import { cast, contractOf, createdAt, payloadOf, seat } from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";
import {
  after,
  approve,
  approved,
  claim,
  executed,
  executing,
  last,
  quiet,
  requested,
  rollBack,
  succeed,
  undoable,
} from "../model/undoable.ts";

/** What time alone does to an action, and the state that a log leads to. */

const { alice, bob, carol, erin, demo, engine } = cast;

describe("what time alone does", () => {
  const lost = { effect: "unknown", evidence: null, startupMs: null, reported: false, late: false };

  test.for<[string, () => Play, number, object]>([
    [
      "a request that nobody decided",
      requested,
      600_000,
      {
        type: "expired",
        detail: "pending",
        reason: "nobody decided in time",
        data: { dueAt: createdAt + 600_000 },
      },
    ],
    [
      "an approval that nobody used",
      approved,
      60_000,
      {
        type: "expired",
        detail: "approved",
        reason: "nobody claimed it in time",
        data: { dueAt: createdAt + 60_000 },
      },
    ],
    [
      "a lease that is not renewed",
      executing,
      10_000,
      {
        type: "failed",
        detail: "unknown",
        reason: "the executor stopped renewing its lease",
        data: { lease: "lease-1", fence: 1, ...lost },
      },
    ],
    [
      "a lease that may be claimed again",
      () => after(requested(contractOf({ idempotent: true, maxAttempts: 2 })), approve, claim),
      10_000,
      {
        type: "lease_lost",
        detail: null,
        reason: "the executor stopped renewing its lease; it may be claimed again",
        data: { fence: 1, dueAt: createdAt + 10_000 },
      },
    ],
    [
      "a rollback whose lease is not renewed",
      () => after(executed(), rollBack, claim),
      10_000,
      {
        type: "rollback_failed",
        detail: "unknown",
        reason: "the executor stopped renewing its lease",
        data: { lease: "lease-2", fence: 2, ...lost },
      },
    ],
    [
      "a rollback that nobody claims",
      () => after(executed(), rollBack),
      60_000,
      {
        type: "rollback_failed",
        detail: "unknown",
        reason: "nobody claimed the rollback in time",
        data: { lease: "", fence: 1, ...lost },
      },
    ],
  ])("to %s is said by the engine, with the reason", ([, make, ms, event], { expect }) => {
    const play = make();
    play.wait(ms).tick();
    expect(last(play)).toMatchObject({ ...event, actor: engine, at: createdAt + ms });
    expect(last(play)?.data).toEqual((event as Event).data);
  });

  /** Renews its lease until there is no more time. */
  function outOfTime(play: Play): Play {
    for (const ms of [9_000, 9_000]) play.wait(ms).heartbeat();
    play.wait(7_000).tick();
    return play;
  }

  test("to a run or a rollback that goes on and on is said too", ({ expect }) => {
    const run = outOfTime(executing());
    expect(last(run)).toMatchObject({ type: "failed", reason: "the time for executing it was over" });
    expect(run.state).toMatchObject({
      lease: null,
      lastLease: { id: "lease-1" },
      reported: null,
      resolved: false,
      outcome: { outcome: "failed", effect: "unknown" },
    });
    const undoing = outOfTime(after(executed(), rollBack, claim));
    expect(last(undoing)).toMatchObject({
      type: "rollback_failed",
      detail: "unknown",
      reason: "the time for rolling it back was over",
      data: lost,
    });
  });

  test("has happened at its deadline, however late it is noticed", ({ expect }) => {
    const late = executing().wait(50_000);
    late.tick();
    expect(late.state).toMatchObject({
      at: createdAt + 50_000,
      times: { finishedAt: createdAt + 10_000 },
      deadlines: { ...quiet, rollback: createdAt + 70_000 },
    });
    const again = contractOf({ idempotent: true, maxAttempts: 2, rollback: { window: "1m" } });
    const waiting = after(requested(again), approve, claim);
    waiting.wait(10_000).tick();
    expect(waiting.place).toBe("executing");
    waiting.wait(40_000).tick();
    expect(waiting.state).toMatchObject({
      times: { finishedAt: createdAt + 25_000 },
      deadlines: { ...quiet, rollback: createdAt + 85_000 },
    });
    const reported = executing().wait(9_000);
    reported.report({ outcome: "failed", effect: "partial" });
    expect(reported.state.times.finishedAt).toBe(createdAt + 9_000);
    const old = requested().wait(700_000);
    old.tick();
    expect(old.state.deadlines).toEqual(quiet);
  });

  test("to approvers is a reminder, said with the time it was due", ({ expect }) => {
    const play = requested();
    play.wait(130_000).tick();
    expect(last(play)).toMatchObject({
      type: "reminded",
      state: "pending",
      actor: engine,
      reason: null,
      data: { dueAt: createdAt + 120_000 },
    });
    play.wait(170_000).tick();
    expect(last(play)).toMatchObject({ type: "escalated", data: { dueAt: createdAt + 300_000, level: 1 } });
    expect(play.wait(1_000).tick().events).toEqual([]);
  });

  test("is over where nothing is due any more, but a review", ({ expect }) => {
    const over = ({ payload, state }: Play): boolean => isOver(payload, state);
    expect([requested(), approved(), executing(), executed()].map(over)).toEqual([false, false, false, true]);
    const cancelled = after(
      requested(),
      (play) => play.breakGlass(erin),
      (play) => play.stop("cancel", demo),
    );
    expect(nextDue(cancelled.payload, cancelled.state)?.draft.type).toBe("review_overdue");
    expect(over(cancelled)).toBe(true);
    expect(over(after(requested(), (play) => play.breakGlass(erin), claim))).toBe(false);
  });

  test("is seen by whoever only looks, who changes nothing", ({ expect }) => {
    const play = executing();
    const { state } = play;
    expect(nowOf(play.payload, state, play.now + 9_999)).toBe(state);
    expect(nowOf(play.payload, state, play.now + 10_000)).toMatchObject({
      state: "failed",
      detail: "unknown",
    });
    expect(play.state).toBe(state);
  });

  test("is nothing to an action before its first event", ({ expect }) => {
    const play = new Play(payloadOf(undoable));
    expect(play.wait(86_400_000).tick().events).toEqual([]);
  });
});

describe("the state", () => {
  test("is, before its first event, of nobody and nothing", ({ expect }) => {
    expect(unborn(payloadOf(undoable))).toMatchObject({
      state: "pending",
      detail: null,
      seq: 0,
      at: createdAt,
      votes: [],
      seats: [],
      counted: [],
      decidedBy: [],
      via: null,
      deadlines: quiet,
      reminded: false,
      escalations: 0,
      fence: 0,
      attempts: 0,
      resolved: false,
      lateEvents: 0,
    });
  });

  test("opens no window of rollback where none was agreed", ({ expect }) => {
    const unplanned = after(requested(undoable, { rollbackPlan: null }), approve, claim, succeed);
    expect(unplanned.state.deadlines).toEqual(quiet);
    const plan = { rollbackPlan: { migration: "0042_restore" } };
    const unagreed = after(requested(contractOf({}), plan), approve, claim, succeed);
    expect(unagreed.state.deadlines).toEqual(quiet);
    expect(unagreed.rollback().refusal?.detail).toContain("No rollback was agreed");
  });

  test("of a run reported in the end by who had lost the lease is resolved", ({ expect }) => {
    const play = executing();
    play.wait(10_000).tick();
    play.wait(5_000).report({ outcome: "failed", effect: "partial", summary: "half of it" });
    expect(last(play)).toMatchObject({ data: { late: true, reported: true } });
    expect(play.state).toMatchObject({
      resolved: true,
      lease: null,
      lastLease: { id: "lease-1", executor: demo.id },
      outcome: { outcome: "failed", effect: "partial", summary: "half of it", at: createdAt + 15_000 },
      // Its window begins with the report: who undoes it has known of it only since.
      deadlines: { ...quiet, rollback: createdAt + 75_000 },
    });
  });

  test("remembers a lapsed vote as lapsed, and the others as they are", ({ expect }) => {
    const both = { all: [seat("security", 1, "group:security"), seat("dba", 1, "group:dba")] };
    const play = after(requested(contractOf({ rule: both })), approve);
    const groups = { ...staff.groups };
    play.directory = {
      ...staff,
      groups: {
        ...groups,
        security: { ...groups["security"]!, members: [carol.id] },
        dba: { ...groups["dba"]!, members: [bob.id] },
      },
    };
    play.vote(bob, "approve");
    expect(play.events.at(-2)).toMatchObject({
      type: "lapsed",
      state: "pending",
      actor: engine,
      reason: "no longer counts under the directory of now",
      data: { person: alice.id },
    });
    expect(play.state.votes.map(({ person, lapsed }) => [person, lapsed])).toEqual([
      [alice.id, true],
      [bob.id, false],
    ]);
    play.vote(bob, "approve");
    // It is said once.
    expect(play.events.filter(({ type }) => type === "lapsed")).toHaveLength(1);
    const lapsed: Event = {
      type: "lapsed",
      state: "pending",
      detail: null,
      actor: engine,
      reason: "no longer counts under the directory of now",
      data: { person: bob.id },
      seq: play.state.seq + 1,
      at: play.now,
    };
    const { counted, votes } = foldAll(play.payload, [...play.events, lapsed]);
    expect(counted).toEqual([]);
    expect(votes.map((vote) => vote.lapsed)).toEqual([true, true]);
  });

  test("remembers of two votes which has lapsed", ({ expect }) => {
    const three = contractOf({ rule: seat("reviewer", 3, "group:dba", "group:security") });
    const play = after(requested(three), approve, (one) => one.vote(bob, "approve"));
    expect(play.state.counted).toEqual([alice.id, bob.id]);
    const { counted, votes } = foldAll(play.payload, [
      ...play.events,
      {
        type: "lapsed",
        state: "pending",
        detail: null,
        actor: engine,
        reason: null,
        data: { person: bob.id },
        seq: play.state.seq + 1,
        at: play.now,
      },
    ]);
    expect(counted).toEqual([alice.id]);
    expect(votes.map(({ lapsed }) => lapsed)).toEqual([false, true]);
  });

  test("is found by the log alone, also by one whose words have been erased", ({ expect }) => {
    const play = after(
      requested(),
      (one) => one.breakGlass(erin),
      (one) => one.review(bob),
    );
    after(play, claim, succeed, rollBack, claim, succeed);
    expect(foldAll(play.payload, play.events)).toEqual(play.state);
    const erased = foldAll(
      play.payload,
      play.events.map((event) => ({ ...event, reason: null })),
    );
    expect(erased.state).toBe("rolled_back");
    for (const text of [
      erased.breakGlass?.reason,
      erased.breakGlass?.review?.note,
      erased.outcome?.summary,
      erased.rollback?.reason,
      erased.rollback?.outcome?.summary,
    ]) {
      expect(text).toBe(erasedText);
    }
  });

  test("of a log that is not whole stays a state, and invents nothing", ({ expect }) => {
    const play = after(
      requested(),
      (one) => one.breakGlass(erin),
      (one) => one.review(bob),
    );
    const reviewed = play.events.find(({ type }) => type === "reviewed")!;
    const overdue: Event = {
      ...reviewed,
      type: "review_overdue",
      data: { person: erin.id, dueAt: play.now },
    };
    const beat: Event = { ...reviewed, type: "heartbeat", data: { expiresAt: play.now } };
    for (const event of [reviewed, overdue, beat]) {
      const state = foldAll(play.payload, [play.events[0]!, event]);
      expect(state.breakGlass, event.type).toBeNull();
      expect(state.lease, event.type).toBeNull();
    }
    const undone = after(executed(), rollBack, claim, succeed);
    const without = undone.events.filter(({ type }) => type !== "rollback_started");
    expect(foldAll(undone.payload, without).rollback).toBeNull();
  });
});
