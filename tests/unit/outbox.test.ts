import * as fc from "fast-check";
import { describe, test } from "vitest";
import {
  maxSends,
  nextTry,
  reportDue,
  reportOf,
  retryAfterMs,
  rowsFor,
  sendLease,
  sendLeaseMs,
  type Answers,
  type Audience,
} from "../../core/outbox.ts";
import type { NoticeType } from "../../schemas/webhook.ts";
import { cast, contractOf, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

const hour = 3_600_000;
const subscriber = (
  id: string,
  events: NoticeType[] = [],
  active = true,
): Audience["subscribers"][number] => ({ id, events, active });

function lived(): Play {
  const play = new Play(payloadOf(contractOf({ rollback: { window: "1m" } }))).request();
  play.wait(120_000).tick();
  play.wait(180_000).tick();
  play.vote(cast.alice, "approve");
  play.claim();
  play.heartbeat();
  play.report();
  play.rollback();
  play.claim();
  play.report();
  return play;
}

describe("the outbox", () => {
  test("tries again for a day and more, and then no more", ({ expect }) => {
    let [now, tries] = [0, 1];
    for (let at = nextTry(tries, now, 0, null); at !== null; at = nextTry((tries += 1), now, 0, null)) {
      now = at;
    }
    expect(now).toBeGreaterThanOrEqual(24 * hour);
    expect(tries).toBe(retryAfterMs.length + 1);
    expect(nextTry(tries, now, 0.99, 5)).toBeNull();
  });

  test("comes back soon at first: three times within three minutes, each wait longer than the last", ({
    expect,
  }) => {
    expect(retryAfterMs.slice(0, 3).reduce((sum, ms) => sum + ms, 0)).toBeLessThan(180_000);
    expect(retryAfterMs).toEqual(retryAfterMs.toSorted((a, b) => a - b));
  });

  test("waits its time and up to a fifth more, and no less than the receiver asks for", () => {
    const tries = fc.integer({ min: 1, max: retryAfterMs.length });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        tries,
        random,
        fc.option(fc.integer({ min: 0, max: 48 * hour })),
        fc.nat(),
        (tried, chance, atLeast, now) => {
          const wait = (nextTry(tried, now, chance, atLeast) ?? Infinity) - now;
          const planned = retryAfterMs[tried - 1] ?? 0;
          const asked = atLeast ?? 0;
          return wait >= Math.max(planned, asked) && wait <= Math.max(planned * 1.2, asked);
        },
      ),
    );
  });

  test("sends what nobody confirms less and less often, for a day and no longer", ({ expect }) => {
    const leases = Array.from({ length: maxSends }, (_, sent) => sendLease(sent + 1));
    expect(leases[0]).toBe(sendLeaseMs);
    expect(leases).toEqual(leases.toSorted((a, b) => a - b));
    expect(leases.slice(0, 5).every((lease, sent) => lease === sendLeaseMs * 2 ** sent)).toBe(true);
    const all = leases.reduce((sum, lease) => sum + lease, 0);
    expect(all).toBeGreaterThan(23 * hour);
    expect(all).toBeLessThan(25 * hour);
    // However long it has been so: somebody may be waiting for it once the way is open again.
    expect(Math.max(...leases)).toBeLessThanOrEqual(hour / 4);
  });

  test("has one row for each sink that wants the notice, under the event's seq (I6)", ({ expect }) => {
    const sinks = [
      subscriber("all"),
      subscriber("ends", ["action.executed", "action.rolled_back"]),
      subscriber("off", [], false),
    ];
    const rows = lived().events.flatMap((event) =>
      rowsFor(event, { subscribers: sinks, channels: [], hasCallback: true }, 0, 9),
    );
    expect(rows.map(({ seq, sink, type }) => `${seq} ${sink} ${type}`)).toEqual([
      "1 webhook:all action.pending",
      "3 webhook:all action.escalated",
      "3 callback action.escalated",
      "5 webhook:all action.approved",
      "5 callback action.approved",
      "6 webhook:all action.executing",
      "6 callback action.executing",
      "8 webhook:all action.executed",
      "8 webhook:ends action.executed",
      "8 callback action.executed",
      "9 webhook:all action.rolling_back",
      "9 callback action.rolling_back",
      "11 webhook:all action.rolled_back",
      "11 webhook:ends action.rolled_back",
      "11 callback action.rolled_back",
    ]);
    expect(new Set(rows.map(({ seq, sink }) => `${seq}:${sink}`)).size).toBe(rows.length);
    expect(rows.every(({ tries, sends, due }) => tries === 1 && sends === 1 && due === 9)).toBe(true);
  });

  test("has no row where nobody is to be told", ({ expect }) => {
    expect(
      lived().events.flatMap((event) =>
        rowsFor(event, { subscribers: [], channels: [], hasCallback: false }, 0, 0),
      ),
    ).toEqual([]);
  });
});

describe("what came of sending", () => {
  const answers: Answers = { delivered: 2, failed: 1, notifiedAt: 1_000, lastAt: 5_000, open: 1 };
  const nothing = { answers: 0, notified: false };

  test("is told to the Board soon where people have heard for the first time", ({ expect }) => {
    expect(reportDue(answers, nothing, false)).toBe(5_000 + sendLeaseMs);
    expect(reportDue(answers, { answers: 1, notified: false }, true)).toBe(5_000 + sendLeaseMs);
  });

  test("is otherwise taken along by what goes there anyway, or goes by itself in the end", ({ expect }) => {
    const before = { answers: 2, notified: true };
    expect(reportDue(answers, before, false)).toBe(5_000 + hour / 6);
    expect(reportDue(answers, before, true)).toBe(5_000 + hour / 6);
    expect(reportDue({ ...answers, open: 0 }, before, true)).toBe(5_000 + sendLeaseMs);
    expect(reportDue({ ...answers, open: 0 }, before, false)).toBe(5_000 + hour / 6);
  });

  test("is told once", ({ expect }) => {
    expect(reportDue(answers, reportOf(answers), true)).toBeNull();
    const none = { ...answers, delivered: 0, failed: 0, notifiedAt: null, lastAt: null };
    expect(reportDue(none, nothing, true)).toBeNull();
  });
});
