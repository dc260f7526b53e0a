import { describe, test } from "vitest";
import { cast, contractOf, otherDigest, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

/** Whose report settles what, and whose is only kept. */

const { alice, demo } = cast;
const contract = contractOf({ rollback: { window: "1m" } });
function played(moves: readonly ((play: Play) => unknown)[]): Play {
  const play = new Play(payloadOf(contract)).request();
  for (const move of moves) move(play);
  return play;
}
const approve = (play: Play): unknown => play.vote(alice, "approve");
const claim = (play: Play): unknown => play.claim();
const approved = (): Play => played([approve]);
const executed = (): Play => played([approve, claim, (play) => play.report()]);

describe("a report", () => {
  test("repeats its answer to the very lease that settled the run, and to no other", ({ expect }) => {
    for (const grip of [
      { lease: "lease-1", fence: 2 },
      { lease: "lease-2", fence: 1 },
    ]) {
      const { refusal, events } = executed().report({}, grip);
      expect(refusal?.code).toBe("fenced");
      expect(events.map(({ type }) => type)).toEqual(["fenced_report"]);
    }
    const play = executed();
    expect(play.report({}, { lease: "lease-1", fence: 1 })).toMatchObject({ refusal: null, answerSeq: 5 });
  });

  test("settles a lost run for the very lease that was lost, and for no other", ({ expect }) => {
    const lost = (): Play => {
      const play = played([approve, claim]);
      play.wait(10_000).tick();
      return play;
    };
    for (const grip of [
      { lease: "lease-1", fence: 2 },
      { lease: "lease-2", fence: 1 },
    ]) {
      expect(lost().report({}, grip).refusal?.code).toBe("fenced");
    }
    expect(lost().report({}, { lease: "lease-1", fence: 1 }).refusal).toBeNull();
  });

  test("that settles a lost run with an effect has the engine undo it, where that was agreed", ({
    expect,
  }) => {
    const auto = contractOf({ rollback: { window: "1m", auto: "failed" } });
    const play = new Play(payloadOf(auto)).request();
    for (const move of [approve, claim]) move(play);
    play.wait(10_000).tick();
    const { events } = play.report({ outcome: "failed", effect: "partial" });
    expect(events.map(({ type }) => type)).toEqual(["failed", "rollback_started"]);
    expect(play.place).toBe("rolling_back");
  });

  test("of a failure with an effect ends it where no rollback was agreed, or none that begins by itself", ({
    expect,
  }) => {
    for (const parts of [{}, { rollback: { window: "1m" } }]) {
      const play = new Play(payloadOf(contractOf(parts))).request();
      for (const move of [approve, claim]) move(play);
      expect(play.report({ outcome: "failed", effect: "partial" }).refusal).toBeNull();
      expect(play.place).toBe("failed{partial}");
    }
  });

  test("of a rollback under another fence is kept, and moves nothing", ({ expect }) => {
    const play = executed();
    play.rollback();
    claim(play);
    const { refusal, events } = play.report(
      { outcome: "failed", effect: "partial" },
      { lease: "x", fence: 9 },
    );
    expect(refusal?.code).toBe("fenced");
    expect(events.map(({ type }) => type)).toEqual(["fenced_report"]);
    expect(play.place).toBe("rolling_back");
  });

  test("is the only command whose refusal leaves a word of what was done", ({ expect }) => {
    const play = played([approve, claim]);
    expect(play.heartbeat({ lease: "x", fence: 9 })).toMatchObject({
      refusal: { code: "fenced" },
      events: [],
    });
    expect(approved().claim(demo, { digest: otherDigest }).events).toEqual([]);
  });
});
