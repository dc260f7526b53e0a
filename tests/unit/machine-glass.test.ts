import { describe, test } from "vitest";
import { nextDue } from "../../core/machine/deadlines.ts";
import type { Event } from "../../schemas/event.ts";
import { cast, contractOf, createdAt, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

/** Broken glass in the log, and until it has been reviewed. */

const { alice, bob, erin, demo, engine } = cast;
const undoable = contractOf({ rollback: { window: "1m" }, breakGlass: { by: [erin.id] } });
const requested = (contract = undoable, parts: Parameters<typeof payloadOf>[1] = {}): Play =>
  new Play(payloadOf(contract, parts)).request();
const after = (play: Play, ...moves: ((play: Play) => unknown)[]): Play => {
  for (const move of moves) move(play);
  return play;
};
const claim = (play: Play): unknown => play.claim();
const succeed = (play: Play): unknown => play.report();
const rollBack = (play: Play): unknown => play.rollback();

const last = (play: Play): Event | undefined => play.events.at(-1);
const quiet = { pending: null, approval: null, lease: null, execution: null, rollback: null, review: null };
const filled = { seat: "reviewer", n: 1, from: ["group:dba"] };

describe("broken glass", () => {
  const broken = (): Play => after(requested(), (play) => play.wait(1_000).breakGlass(erin));
  const reviewDue = createdAt + 1_000 + 72 * 3_600_000;

  test("is written down with who, why, round whom and until when it is to be looked at", ({ expect }) => {
    const play = broken();
    expect(play.events.slice(1)).toEqual([
      {
        type: "broke_glass",
        state: "pending",
        detail: null,
        actor: erin,
        reason: "the site is down and nobody answers",
        data: {
          person: erin.id,
          identity: erin.id,
          use: "use",
          incident: "INC-1",
          skipped: [{ ...filled, filled: 0 }],
          told: [alice.id, bob.id],
          reviewDue,
        },
        seq: 2,
        at: createdAt + 1_000,
      },
      {
        type: "approved",
        state: "approved",
        detail: null,
        actor: erin,
        reason: null,
        data: { via: "break_glass", by: [erin.id] },
        seq: 3,
        at: createdAt + 1_000,
      },
    ]);
    expect(play.state).toMatchObject({
      via: "break_glass",
      breakGlass: {
        person: erin.id,
        identity: erin.id,
        use: "use",
        incident: "INC-1",
        reason: "the site is down and nobody answers",
        at: createdAt + 1_000,
        dueAt: reviewDue,
        overdue: false,
        review: null,
      },
      deadlines: { ...quiet, approval: createdAt + 61_000, review: reviewDue },
    });
  });

  test("waits for its review whatever becomes of the action, and is then looked at", ({ expect }) => {
    const ends: Readonly<Record<string, (play: Play) => unknown>> = {
      executing: claim,
      executed: (play) => after(play, claim, succeed),
      "rolled back": (play) => after(play, claim, succeed, rollBack, claim, succeed),
      cancelled: (play) => play.stop("cancel", demo),
      expired: (play) => play.wait(60_000).tick(),
    };
    for (const [name, end] of Object.entries(ends)) {
      const play = broken();
      end(play);
      expect(play.state.deadlines.review, name).toBe(reviewDue);
      expect(play.state.breakGlass?.review, name).toBeNull();
      const { place } = play;
      expect(play.review(bob).refusal, name).toBeNull();
      expect(play.place, name).toBe(place);
      expect(last(play), name).toMatchObject({
        type: "reviewed",
        actor: bob,
        reason: "so it was",
        data: { person: bob.id, verdict: "justified" },
      });
      expect(play.state.breakGlass, name).toMatchObject({
        person: erin.id,
        review: { by: bob.id, verdict: "justified", note: "so it was", at: play.now },
      });
      expect(play.state.deadlines.review, name).toBeNull();
    }
  });

  test("that nobody has reviewed is called overdue, in a state that stays", ({ expect }) => {
    const play = after(broken(), claim, (one) => one.report({ outcome: "failed", effect: "partial" }));
    play.wait(73 * 3_600_000).tick();
    expect(last(play)).toMatchObject({
      type: "review_overdue",
      state: "failed",
      detail: "partial",
      actor: engine,
      reason: "nobody has reviewed yet why person:erin broke the glass for INC-1",
      data: { person: erin.id, dueAt: reviewDue },
    });
    expect(play.state.breakGlass).toMatchObject({ person: erin.id, overdue: true });
    expect(nextDue(play.payload, play.state)).toBeNull();
  });
});
