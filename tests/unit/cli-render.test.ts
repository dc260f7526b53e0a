import * as fc from "fast-check";
import { describe, test } from "vitest";
import { formatCard } from "../../scripts/holdpoint/render/card.ts";
import { formatTable } from "../../scripts/holdpoint/render/table.ts";
import { ago, formatBytes, formatMs, left } from "../../scripts/holdpoint/render/time.ts";
import { formatTimeline } from "../../scripts/holdpoint/render/timeline.ts";
import type { Paint } from "../../scripts/holdpoint/terminal.ts";
import type { EventView } from "../../schemas/action.ts";
import { fakeAction } from "../support/fake-engine.ts";

const same = (text: string): string => text;
const plain: Paint = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };
const now = Date.parse("2026-01-31T12:00:10.000Z");

describe("a card", () => {
  test("shows every fact that is approved, untruncated, and the agent's words last and marked", ({
    expect,
  }) => {
    const long = "x".repeat(5_000);
    const action = fakeAction("pending", 2, {
      args: { argv: ["rm", "-rf", "a b", long], cwd: "/srv" },
      rollbackPlan: { argv: ["cp", "-r", "backup", "a b"] },
      preconditions: { etag: "41" },
      requester: { kind: "agent", id: "agent:demo", owner: "person:omar", onBehalfOf: "person:mira" },
      reason: "tidy up",
      context: { ticket: "OPS-1" },
      notAfter: "2026-02-01T00:00:00.000Z",
    });
    const card = formatCard(action, plain, now);
    const before = [
      "host.shell",
      "risk high",
      "prod-db-1 · segment prod-hosts",
      `rm -rf 'a b' ${long}`,
      `"${long}"`,
      "cp -r backup 'a b'",
      '"etag": "41"',
    ];
    for (const fact of [
      ...before,
      "agent:demo (owner person:omar) on behalf of person:mira",
      "2026-02-01",
      action.digest,
      "oncall 0/1 from group:oncall",
    ]) {
      expect(card).toContain(fact);
    }
    const [facts, words] = card.split("agent says (unverified)");
    expect(facts).not.toContain("tidy up");
    expect(words).toContain("│ tidy up");
    expect(words).toContain('│   "ticket": "OPS-1"');
  });

  test("T1: for any words of the agent's, the facts are the same bytes, and every line of its words is marked", ({
    expect,
  }) => {
    const facts = formatCard(fakeAction("pending", 2, { reason: "" }), plain, now).split("agent says")[0];
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (reason) => {
        const card = formatCard(fakeAction("pending", 2, { reason }), plain, now);
        expect(card.split("agent says")[0]).toBe(facts);
        const words = card.slice(card.indexOf("agent says")).split("\n").slice(1);
        expect(words.every((line) => line.startsWith("  │ "))).toBe(true);
      }),
    );
  });

  test("warns of what cannot be seen in what is approved", ({ expect }) => {
    const card = formatCard(
      fakeAction("pending", 2, { args: { argv: ["rm", "txt.\u202Egpj"] } }),
      plain,
      now,
    );
    expect(card).toContain("rm 'txt.[U+202E]gpj'");
    expect(card).toContain("cannot be seen");
    expect(formatCard(fakeAction(), plain, now)).not.toContain("cannot be seen");
  });

  test("a line break in an argument cannot begin a line of the card", ({ expect }) => {
    const card = formatCard(
      fakeAction("pending", 2, { args: { argv: ["sh", "-c", "a\n  digest        sha256:forged"] } }),
      plain,
      now,
    );
    expect(card.split("\n").filter((line) => line.startsWith("  digest"))).toHaveLength(1);
  });
});

describe("times, tables and timelines", () => {
  test("lengths of time are said as a person says them", ({ expect }) => {
    expect([0, 999, 1_500, 42_000, 240_000, 3_600_000, 12_000_000, 187_200_000].map(formatMs)).toEqual([
      "0 ms",
      "999 ms",
      "1.5 s",
      "42 s",
      "4 min",
      "1 h",
      "3 h 20 min",
      "2 d 4 h",
    ]);
    expect([900, 1_250, 60_000_000].map(formatBytes)).toEqual(["900 B", "1.3 kB", "60.0 MB"]);
    expect(ago("2026-01-31T12:00:00.000Z", now)).toBe("10 s ago");
    expect(left("2026-01-31T12:01:10.000Z", now)).toBe("60 s");
    expect(left("2026-01-31T12:00:10.000Z", now)).toBe("over");
    expect(left(null, now)).toBeNull();
  });

  test("a table's columns line up, colours aside", ({ expect }) => {
    const red = "\u001B[31mred\u001B[39m";
    expect(
      formatTable(
        ["A", "B"],
        [
          ["xx", "y"],
          [red, "z"],
        ],
        same,
      ),
    ).toBe(`A    B\nxx   y\n${red}  z`);
  });

  test("a timeline has a line for each event, and one for a run of heartbeats", ({ expect }) => {
    const event = (seq: number, type: string, more: Partial<EventView> = {}): EventView => ({
      seq,
      at: new Date(now + seq * 1_000).toISOString(),
      type,
      state: "executing",
      detail: null,
      actor: { kind: "agent", id: "agent:demo" },
      target: "prod-db-1",
      reason: null,
      outcome: "executing",
      data: {},
      ...more,
    });
    const lines = formatTimeline(
      [
        event(1, "claimed", { data: { fence: 1 } }),
        event(2, "heartbeat"),
        event(3, "heartbeat"),
        event(4, "failed", { detail: "unknown", reason: "lost\u202E" }),
      ],
      plain,
    ).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain("claimed       agent:demo  fence 1");
    expect(lines[1]).toContain("heartbeat ×2");
    expect(lines[2]).toContain("unknown · “lost[U+202E]”");
  });
});
