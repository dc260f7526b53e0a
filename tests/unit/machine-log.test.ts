import { describe, test } from "vitest";
import { emit } from "../../core/machine/emissions.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { cast, contractOf, createdAt, digest } from "../model/cast.ts";
import { type Play, staff } from "../model/play.ts";
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

/** What the log says word for word of each command, and the state that it leads to. */

const { alice, bob, erin, omar, demo, other, engine } = cast;
const filled = { seat: "reviewer", n: 1, from: ["group:dba"] };

describe("an emission", () => {
  test("is made of its own command only", ({ expect }) => {
    const { payload, state, now } = requested();
    const command = { type: "tick", actor: engine } as const;
    const facts = { contract: undoable, directory: staff, operator: false, outOfScope: null, judge };
    for (const emission of ["voted", "claimed", "executed", "brokeGlass"] as const) {
      expect(() => emit(emission, { payload, state, command, facts, now })).toThrow(
        /^tick cannot emit what/u,
      );
    }
  });
});

describe("the log of an action", () => {
  test("that people approve and an executor runs says who did what, in this form", ({ expect }) => {
    const play = after(approved().wait(1_000), claim);
    play.wait(2_000).heartbeat();
    play.wait(3_000).do({
      type: "report",
      actor: demo,
      ...play.grip,
      outcome: "succeeded",
      effect: "none",
      summary: "done",
      evidence: { rows: 3 },
      startupMs: 40,
    });
    const at = createdAt;
    const { policyVersion } = play.payload;
    const lease = { lease: "lease-1", fence: 1 };
    expect(play.events).toStrictEqual([
      {
        type: "requested",
        state: "pending",
        detail: null,
        actor: demo,
        reason: "room before the sale",
        data: { digest, policyVersion, seats: [{ ...filled, filled: 0 }] },
        seq: 1,
        at,
      },
      {
        type: "voted",
        state: "pending",
        detail: null,
        actor: alice,
        reason: null,
        data: {
          person: alice.id,
          decision: "approve",
          via: "api",
          selectors: ["group:dba"],
          identity: alice.id,
          seats: [{ ...filled, filled: 1 }],
          counted: [alice.id],
        },
        seq: 2,
        at,
      },
      {
        type: "approved",
        state: "approved",
        detail: null,
        actor: alice,
        reason: null,
        data: { via: "quorum", by: [alice.id] },
        seq: 3,
        at,
      },
      {
        type: "claimed",
        state: "executing",
        detail: null,
        actor: demo,
        reason: null,
        data: { ...lease, executor: demo.id, expiresAt: at + 11_000, executionEnds: at + 26_000 },
        seq: 4,
        at: at + 1_000,
      },
      {
        type: "heartbeat",
        state: "executing",
        detail: null,
        actor: demo,
        reason: null,
        data: { expiresAt: at + 13_000 },
        seq: 5,
        at: at + 3_000,
      },
      {
        type: "executed",
        state: "executed",
        detail: null,
        actor: demo,
        reason: "done",
        data: { ...lease, effect: "none", evidence: { rows: 3 }, startupMs: 40, reported: true, late: false },
        seq: 6,
        at: at + 6_000,
      },
    ]);
    expect(play.state).toMatchObject({
      decidedBy: [alice.id],
      via: "quorum",
      lease: null,
      lastLease: {
        id: "lease-1",
        executor: demo.id,
        fence: 1,
        purpose: "execute",
        claimedAt: at + 1_000,
        expiresAt: at + 13_000,
        executionEnds: at + 26_000,
      },
      reported: { ...lease, seq: 6 },
      outcome: {
        outcome: "succeeded",
        effect: "none",
        summary: "done",
        evidence: { rows: 3 },
        startupMs: 40,
        at: at + 6_000,
      },
      deadlines: { ...quiet, rollback: at + 66_000 },
    });
  });

  test("that is undone says who began it and how it went", ({ expect }) => {
    const undone = after(executed().wait(1_000), rollBack);
    expect(last(undone)).toMatchObject({ actor: omar, reason: "it broke", data: {} });
    expect(undone.state.rollback).toEqual({ startedBy: omar.id, reason: "it broke", outcome: null });
    expect(undone.state.deadlines).toEqual({ ...quiet, rollback: createdAt + 61_000 });
    after(undone.wait(1_000), claim);
    expect(last(undone)).toMatchObject({
      type: "rollback_claimed",
      state: "rolling_back",
      detail: null,
      actor: demo,
      reason: null,
      data: { executor: demo.id, expiresAt: createdAt + 12_000, executionEnds: createdAt + 27_000 },
    });
    after(undone.wait(1_000), succeed);
    expect(last(undone)).toMatchObject({ state: "rolled_back", detail: null, actor: demo, reason: "done" });
    expect(undone.state).toMatchObject({
      rollback: {
        startedBy: omar.id,
        reason: "it broke",
        outcome: { outcome: "succeeded", effect: "none", summary: "done", at: createdAt + 3_000 },
      },
      // What was done stays what was done.
      outcome: { outcome: "succeeded", at: createdAt },
      lease: null,
      lastLease: { id: "lease-2", purpose: "rollback" },
      reported: { lease: "lease-2", fence: 2, seq: undone.state.seq },
      deadlines: quiet,
    });

    const stuck = after(executed(), rollBack, claim, (play) =>
      play.report({ outcome: "failed", effect: "partial", summary: "half of it" }),
    );
    expect(last(stuck)).toMatchObject({ detail: null, reason: "half of it", data: { effect: "partial" } });
    expect(stuck.state.rollback?.outcome).toMatchObject({ outcome: "failed", effect: "partial" });
  });

  test("that fails and is undone by the engine says both, and by whom", ({ expect }) => {
    const play = after(requested(contractOf({ rollback: { window: "1m", auto: "failed" } })), approve, claim);
    play.report({ outcome: "failed", effect: "partial", summary: "half of it" });
    expect(play.events.slice(-2)).toMatchObject([
      { state: "failed", detail: "partial", actor: demo, reason: "half of it", data: { effect: "partial" } },
      {
        state: "rolling_back",
        detail: null,
        actor: engine,
        reason: "the contract rolls a failure back by itself",
        data: {},
      },
    ]);
    expect(play.state).toMatchObject({
      outcome: { outcome: "failed", effect: "partial" },
      rollback: { startedBy: engine.id, outcome: null },
    });
  });

  test.for([
    ["allow", "approved"],
    ["deny", "denied"],
  ] as const)("that the policy itself answers with %s says so", ([outcome, state], { expect }) => {
    const play = requested(undoable, { decision: { outcome, because: "policy db.migrate" } });
    expect(last(play)).toEqual({
      type: state,
      state,
      detail: null,
      actor: engine,
      reason: "policy db.migrate",
      data: { via: "policy", by: [] },
      seq: 2,
      at: createdAt,
    });
    expect(play.state).toMatchObject({ decidedBy: [], via: "policy" });
  });

  test("that is denied names who denied it, and why", ({ expect }) => {
    const play = after(requested(), (one) => one.vote(bob, "deny"));
    expect(last(play)).toMatchObject({
      type: "denied",
      detail: null,
      actor: bob,
      reason: "too risky",
      data: { via: "votes", by: [bob.id] },
    });
    expect(play.state.votes).toEqual([
      {
        person: bob.id,
        decision: "deny",
        reason: "too risky",
        at: createdAt,
        via: "api",
        selectors: ["group:dba"],
        identity: bob.id,
        lapsed: false,
      },
    ]);
  });

  test("keeps what the voter was shown with the vote", ({ expect }) => {
    const play = requested();
    const shown = { digest: `sha256:${"e".repeat(64)}` } as never;
    play.do(
      { type: "vote", actor: alice, decision: "approve", digest, reason: null, via: "slack" },
      { shown },
    );
    expect(play.events[1]?.data).toMatchObject({ shown, via: "slack" });
    expect(after(requested(), approve).events[1]?.data).not.toHaveProperty("shown");
  });

  test("that is cancelled says by whom, why, and what came instead", ({ expect }) => {
    expect(last(after(requested(), (play) => play.stop("cancel", demo)))).toMatchObject({
      detail: "requester",
      actor: demo,
      reason: "not needed",
      data: { supersededBy: null },
    });
    expect(last(after(approved(), (play) => play.stop("revoke", alice)))).toMatchObject({
      detail: "revoked",
      actor: alice,
      reason: "not needed",
    });
    expect(last(after(requested(), (play) => play.supersede()))).toMatchObject({
      detail: "superseded",
      actor: demo,
      reason: "superseded by act_next",
      data: { supersededBy: "act_next" },
    });
    expect(last(after(requested(), (play) => play.stopByPolicy()))).toMatchObject({
      detail: "policy",
      actor: engine,
      reason: "disabled",
    });
  });

  test("that the policy stops under somebody who wants it to run lays it to nobody's door", ({ expect }) => {
    const wants: Readonly<Record<string, (play: Play) => unknown>> = {
      vote: (play) => play.vote(bob, "deny"),
      breakGlass: (play) => play.breakGlass(erin),
    };
    for (const [name, want] of Object.entries(wants)) {
      const play = requested();
      play.contract = { ...undoable, mode: "disabled" };
      want(play);
      expect(last(play), name).toMatchObject({
        detail: "policy",
        actor: engine,
        reason: name === "vote" ? "too risky" : null,
      });
      expect(play.state.deadlines, name).toEqual(quiet);
    }
  });

  test("tells a failed delivery from a time that has come", ({ expect }) => {
    const play = requested().wait(1_000);
    play.do({ type: "escalate", actor: engine, level: 1 });
    expect(last(play)).toEqual({
      type: "escalated",
      state: "pending",
      detail: null,
      actor: engine,
      reason: "a delivery has failed",
      data: { dueAt: createdAt + 1_000, level: 1 },
      seq: 2,
      at: createdAt + 1_000,
    });
    expect(play.state.escalations).toBe(1);
  });

  test("keeps a word on the action as it was said, and moves nothing", ({ expect }) => {
    const play = executing();
    const note = "it should have been asked";
    play.do({ type: "feedback", actor: bob, label: "missed_gate", incident: "INC-1", note });
    expect(last(play)).toMatchObject({
      state: "executing",
      detail: null,
      actor: bob,
      reason: note,
      data: { label: "missed_gate", incident: "INC-1" },
    });
    expect(play.state.feedback).toEqual({ count: 1, said: [{ by: bob.id, label: "missed_gate" }] });
    const failed = after(executing(), (one) => one.report({ outcome: "failed", effect: "partial" }));
    failed.do({ type: "feedback", actor: bob, label: "harm", incident: null, note: null });
    expect(failed.place).toBe("failed{partial}");
    failed.do({ type: "feedback", actor: bob, label: "needless_gate", incident: null, note: null });
    failed.do({ type: "feedback", actor: bob, label: "harm", incident: null, note: null });
    expect(failed.state.feedback).toEqual({
      count: 3,
      said: [
        { by: bob.id, label: "needless_gate" },
        { by: bob.id, label: "harm" },
      ],
    });
  });

  test("of a command that came too late says who wanted what", ({ expect }) => {
    const play = executed();
    play.stop("cancel", demo);
    expect(last(play)).toStrictEqual({
      type: "late_command",
      state: "executed",
      detail: null,
      actor: demo,
      reason: "not needed",
      data: { command: "cancel", decision: null },
      seq: 6,
      at: createdAt,
    });
    play.claim(other);
    expect(last(play)).toMatchObject({ actor: other, reason: null, data: { command: "claim" } });
  });
});
