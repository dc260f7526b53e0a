import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import { windowMs } from "../../core/budget.ts";
import type { Board } from "../../objects/board/board.ts";
import { Notices, type NoticeAsked } from "../../objects/board/notices.ts";
import type { DueTally } from "../../objects/board/tallies.ts";
import type { State } from "../../schemas/action.ts";
import type { NoticeVerdict } from "../../schemas/notice.ts";
import { change } from "./timed-change.ts";

/** Tomorrow, so that the Board's own alarm is not there before the test. */
const start = Date.now() + 24 * windowMs;
const second = 1_000;

const boardOf = (name: string): DurableObjectStub<Board> => env.BOARD.getByName(`${name}/board`);

const asked = (action: string, parts: Partial<NoticeAsked> = {}): NoticeAsked => ({
  action,
  seq: 1,
  sink: "slack:U0ALICE",
  type: "action.pending",
  risk: "low",
  pending: true,
  key: `key of ${action}`,
  shown: false,
  perHour: 30,
  origin: "https://holdpoint.example",
  now: start,
  ...parts,
});

/** The budgets of a Board of their own, and what it is told of actions. */
function withNotices<Value>(
  name: string,
  run: (notices: Notices, tell: (id: string, state: State, seq?: number) => void) => Value,
): Promise<Value> {
  return runInDurableObject(boardOf(name), (board, state) => {
    const notices = new Notices(state.storage);
    return run(notices, (id, to, seq = 2) => {
      board.apply([change(id, { seq, state: to })]);
      notices.changed([change(id, { seq, state: to })], start);
    });
  });
}

const sent = (verdicts: readonly NoticeVerdict[]): number =>
  verdicts.filter(({ kind }) => kind === "send").length;

/** Tells whatever is due, as Slack would have it. */
function tellAll(notices: Notices, now: number): DueTally["tally"][] {
  const due = notices.tallies.due(now);
  for (const one of due) {
    const place = one.tally.kind === "digest" ? { channel: "D0ALICE", ts: String(now) } : null;
    notices.tallies.told(one, { kind: "told", place }, now);
  }
  return due.map(({ tally }) => tally);
}

describe("T10 a flood of ten thousand requests", () => {
  test("sends a reviewer no more than the budget, and one digest with the right number", async ({
    expect,
  }) => {
    const { cards, digests, suppressed } = await withNotices("flood", (notices) => {
      const verdicts = Array.from({ length: 10_000 }, (_, at) =>
        notices.ask(asked(`act_${at}`, { risk: at % 100 === 0 ? "critical" : "low", now: start + at })),
      );
      return {
        cards: sent(verdicts),
        digests: tellAll(notices, start + 15 * second),
        suppressed: verdicts.filter((one) => one.kind === "suppressed" && one.reason === "budget").length,
      };
    });
    expect(cards).toBe(29);
    expect(suppressed).toBe(10_000 - 29);
    expect(digests).toHaveLength(1);
    // The first 24 of any risk had a card, and five critical ones after them.
    expect(digests[0]).toMatchObject({
      kind: "digest",
      counts: { critical: 94, high: 0, medium: 0, low: 9_877 },
      place: null,
    });
    expect((await boardOf("flood").figures("24h", start)).suppressed).toEqual({
      budget: 9_971,
      coalesced: 0,
    });
    expect(await boardOf("flood").prometheus(start)).toContain(
      'holdpoint_notifications_suppressed_total{reason="budget"} 9971\n',
    );
  });

  test("would send as many as there are places, were there places for all", async ({ expect }) => {
    await withNotices("unbounded", (notices) => {
      const verdicts = Array.from({ length: 500 }, (_, at) =>
        notices.ask(asked(`act_${at}`, { perHour: 1_000 })),
      );
      expect(sent(verdicts)).toBe(500);
    });
  });

  test("is one digest an hour, whose number is edited, and nothing comes after once the hour is over", async ({
    expect,
  }) => {
    await withNotices("digest", (notices, tell) => {
      for (let at = 0; at < 7; at += 1) notices.ask(asked(`act_${at}`, { perHour: 2 }));
      expect(tellAll(notices, start + 2 * second)).toEqual([]);
      expect(tellAll(notices, start + 5 * second)).toMatchObject([{ place: null, counts: { low: 6 } }]);
      notices.ask(asked("act_7", { perHour: 2, risk: "critical", now: start + 6 * second }));
      tell("act_1", "denied");
      expect(tellAll(notices, start + 20 * second)).toEqual([]);
      expect(tellAll(notices, start + 40 * second)).toMatchObject([
        { place: { channel: "D0ALICE" }, counts: { critical: 1, low: 5 } },
      ]);
      // An hour later: the place is free, and what waited gets no card, but one more digest, because more came since.
      const later = start + windowMs + 10 * second;
      expect(tellAll(notices, later)).toMatchObject([{ place: null, counts: { critical: 1, low: 5 } }]);
      expect(tellAll(notices, later + 40 * second)).toEqual([]);
      for (let at = 2; at < 8; at += 1) tell(`act_${at}`, "cancelled");
      expect(tellAll(notices, later + 80 * second)).toMatchObject([
        { place: { channel: "D0ALICE" }, counts: { critical: 0, low: 0 } },
      ]);
      // Nothing has come since, so nobody is told anything in the hours after.
      for (let hour = 2; hour < 6; hour += 1) {
        expect(tellAll(notices, start + hour * windowMs)).toEqual([]);
      }
    });
  });

  test("of one workspace or reviewer leaves the budgets of others as they are", async ({ expect }) => {
    await withNotices("flooded", (notices) => {
      for (let at = 0; at < 100; at += 1) notices.ask(asked(`act_${at}`));
      expect(notices.ask(asked("act_0", { sink: "slack:U0BOB" })).kind).toBe("send");
      expect(notices.ask(asked("act_x")).kind).toBe("suppressed");
    });
    await withNotices("unrelated", (notices) => {
      expect(notices.ask(asked("act_x"))).toEqual({ kind: "send", identical: 0 });
    });
  });
});

describe("T10 a message to people", () => {
  test("that a queue hands out five times takes once", async ({ expect }) => {
    await withNotices("redelivered", (notices) => {
      const five = Array.from({ length: 5 }, () => notices.ask(asked("act_a", { perHour: 3 })));
      expect(sent(five)).toBe(5);
      expect(notices.ask(asked("act_b", { perHour: 3 })).kind).toBe("send");
      const again = Array.from({ length: 5 }, () => notices.ask(asked("act_c", { perHour: 3 })));
      expect(again).toEqual(Array.from({ length: 5 }, () => ({ kind: "suppressed", reason: "budget" })));
    });
    expect((await boardOf("redelivered").figures("24h", start)).suppressed.budget).toBe(1);
  });

  test("that edits a card takes nothing, and one whose card was not sent has nothing to edit", async ({
    expect,
  }) => {
    await withNotices("edits", (notices) => {
      expect(notices.ask(asked("act_a", { perHour: 2 })).kind).toBe("send");
      for (const type of ["action.voted", "action.approved", "action.executed"] as const) {
        const edit = { type, seq: 5, shown: true, perHour: 2, pending: false };
        expect(notices.ask(asked("act_a", edit)).kind).toBe("send");
      }
      expect(notices.ask(asked("act_b", { perHour: 2 })).kind).toBe("suppressed");
      // Also when there is room again: nothing floods in.
      const later = start + 2 * windowMs;
      const edit = { type: "action.denied", seq: 3, pending: false, perHour: 2, now: later } as const;
      expect(notices.ask(asked("act_b", edit))).toEqual({ kind: "suppressed", reason: "budget" });
      expect(notices.ask(asked("act_c", { perHour: 2, now: later })).kind).toBe("send");
    });
  });

  test("that reminds or escalates is a message of its own, and a critical one has places of its own", async ({
    expect,
  }) => {
    await withNotices("reminders", (notices) => {
      for (let at = 0; at < 24; at += 1) notices.ask(asked(`act_${at}`));
      const reminded = { type: "action.reminded", seq: 2, shown: true } as const;
      expect(notices.ask(asked("act_0", reminded)).kind).toBe("suppressed");
      expect(notices.ask(asked("act_h", { risk: "high" })).kind).toBe("send");
      const escalated = { type: "action.escalated", seq: 2, risk: "critical" } as const;
      expect(notices.ask(asked("act_c", escalated)).kind).toBe("send");
      // Whoever has a card is not in the digest for a reminder that was not sent.
      expect(tellAll(notices, start + 5 * second)).toEqual([]);
    });
  });

  test("about broken glass is always sent", async ({ expect }) => {
    await withNotices("glass", (notices) => {
      for (let at = 0; at < 3; at += 1) notices.ask(asked(`act_${at}`, { perHour: 1 }));
      const broke = { type: "action.broke_glass", seq: 2, pending: false, perHour: 1 } as const;
      expect(notices.ask(asked("act_0", broke)).kind).toBe("send");
    });
  });
});

describe("T10 identical requests", () => {
  const same = { key: "the same" };

  test("are counted on the first one's card, which is told so, and each still waits by itself", async ({
    expect,
  }) => {
    await withNotices("identical", (notices, tell) => {
      const verdicts = Array.from({ length: 42 }, (_, at) => notices.ask(asked(`act_${at}`, same)));
      expect(sent(verdicts)).toBe(1);
      expect(verdicts.at(-1)).toEqual({ kind: "suppressed", reason: "coalesced" });
      expect(tellAll(notices, start + 5 * second)).toMatchObject([
        { kind: "card", action: "act_0", identical: 41 },
      ]);
      tell("act_7", "approved");
      expect(tellAll(notices, start + 40 * second)).toMatchObject([{ kind: "card", identical: 40 }]);
      expect(tellAll(notices, start + 80 * second)).toEqual([]);
      // An edit of that card shows the number too.
      const edit = { ...same, type: "action.voted", seq: 2, shown: true } as const;
      expect(notices.ask(asked("act_0", edit))).toEqual({ kind: "send", identical: 40 });
      // They took one place of the budget.
      expect(sent(Array.from({ length: 30 }, (_, at) => notices.ask(asked(`act_more_${at}`))))).toBe(23);
    });
    expect((await boardOf("identical").figures("24h", start)).suppressed.coalesced).toBe(41);
  });

  test("go into the digest once the card they were counted on is closed, and the next one has a card", async ({
    expect,
  }) => {
    await withNotices("leaderless", (notices, tell) => {
      for (let at = 0; at < 4; at += 1) notices.ask(asked(`act_${at}`, same));
      tellAll(notices, start + 5 * second);
      tell("act_0", "approved");
      // The card is not told again: what closes it does that.
      expect(tellAll(notices, start + 40 * second)).toEqual([]);
      expect(tellAll(notices, start + 50 * second)).toMatchObject([
        { kind: "digest", counts: { low: 3 }, place: null },
      ]);
      expect(notices.ask(asked("act_4", same)).kind).toBe("send");
      expect(notices.ask(asked("act_5", same)).kind).toBe("suppressed");
    });
  });

  test("of another reviewer, or an hour later, are counted by themselves", async ({ expect }) => {
    await withNotices("apart", (notices) => {
      notices.ask(asked("act_a", same));
      expect(notices.ask(asked("act_b", { ...same, sink: "slack:U0BOB" })).kind).toBe("send");
      expect(notices.ask(asked("act_c", { ...same, now: start + windowMs })).kind).toBe("send");
    });
  });
});

describe("a digest that could not be told", () => {
  const full = (notices: Notices, now = start): void => {
    for (const id of ["act_a", "act_b"]) notices.ask(asked(id, { perHour: 1, now }));
  };

  test("is posted a little later where nothing was posted, and not for an hour where nobody knows", async ({
    expect,
  }) => {
    await withNotices("slack-busy", (notices) => {
      full(notices);
      const [first] = notices.tallies.due(start + 5 * second);
      if (first === undefined) throw new Error("nothing is due");
      notices.tallies.told(first, { kind: "later", afterMs: 60 * second }, start + 6 * second);
      expect(notices.tallies.due(start + 30 * second)).toEqual([]);
      const [second_] = notices.tallies.due(start + 70 * second);
      expect(second_?.tally).toMatchObject({ kind: "digest", place: null });
      if (second_ !== undefined) notices.tallies.told(second_, { kind: "unsure" }, start + 71 * second);
      for (let minute = 3; minute < 60; minute += 1) {
        expect(notices.tallies.due(start + minute * 60 * second)).toEqual([]);
      }
      expect(notices.tallies.due(start + windowMs + 90 * second)).toMatchObject([{ tally: { place: null } }]);
    });
  });

  test("is not posted twice by a process that dies in between", async ({ expect }) => {
    await withNotices("died", (notices) => {
      full(notices);
      expect(notices.tallies.due(start + 5 * second)).toHaveLength(1);
      for (let minute = 1; minute < 60; minute += 1) {
        expect(notices.tallies.due(start + minute * 60 * second)).toEqual([]);
      }
      expect(notices.tallies.due(start + windowMs + 90 * second)).toMatchObject([{ tally: { place: null } }]);
    });
  });
});
