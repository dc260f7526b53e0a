import * as fc from "fast-check";
import { describe, test } from "vitest";
import { nextTry, retryAfterMs, rowsFor, type Audience } from "../../core/outbox.ts";
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
    expect(rows.every(({ tries, due }) => tries === 1 && due === 9)).toBe(true);
  });

  test("has no row where nobody is to be told", ({ expect }) => {
    expect(
      lived().events.flatMap((event) =>
        rowsFor(event, { subscribers: [], channels: [], hasCallback: false }, 0, 0),
      ),
    ).toEqual([]);
  });
});
