import * as fc from "fast-check";
import { describe, test } from "vitest";
import { cardOf } from "../../core/card/card.ts";
import { slackLimits, slackMessage } from "../../core/card/slack.ts";
import { teamsMessage } from "../../workers/channels/teams.ts";
import { fakeAction } from "../support/fake-engine.ts";
import { hostileTexts } from "../support/hostile-texts.ts";

const told = { description: "Run a command", rollback: true };

describe("T1 the agent's own words", () => {
  const quiet = cardOf(fakeAction("pending", 2, { reason: "x", context: null }), told);
  const { agentSays: _, ...facts } = quiet;

  test("change not one byte of anything above them, whatever they are", ({ expect }) => {
    expect(hostileTexts.length).toBeGreaterThanOrEqual(200);
    for (const text of hostileTexts) {
      const action = fakeAction("pending", 2, {
        reason: text,
        context: { note: text, [text.slice(0, 40)]: [text] },
      });
      const { agentSays, ...rest } = cardOf(action, told);
      expect(JSON.stringify(rest)).toBe(JSON.stringify(facts));
      expect(agentSays.length).toBeLessThanOrEqual(61);
    }
  });

  test("stand after the buttons in Slack, and everything before them is the same bytes", ({ expect }) => {
    const before = (reason: string): string => {
      const { blocks } = slackMessage(cardOf(fakeAction("pending", 2, { reason }), told), "default");
      return JSON.stringify(blocks.slice(0, blocks.findIndex(({ type }) => type === "actions") + 1));
    };
    const plain = before("x");
    expect(plain).toContain('"approve"');
    for (const text of hostileTexts) expect(before(text)).toBe(plain);
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => before(text) === plain));
  });
});

describe("a card", () => {
  test("shows every argument whole, and warns of what misleads in what runs", ({ expect }) => {
    const long = "x".repeat(5_000);
    const card = cardOf(
      fakeAction("pending", 2, {
        args: { argv: ["rm", "-rf", "a b", long], env: { A: "\u202Eb" } },
        target: { resource: "\u0430dmin-db" },
      }),
      told,
    );
    const text = JSON.stringify(card.facts);
    expect(text).toContain(long);
    expect(text).toContain('\\"a b\\"');
    expect(text).toContain("in ASCII: [U+0430]dmin-db");
    expect(card.warnings).toHaveLength(2);
  });

  test("says of broken glass first and on every place who broke it, for what, and what its review has found", ({
    expect,
  }) => {
    const at = "2026-01-01T12:00:00.000Z";
    const glass = {
      by: "person:bob",
      incident: "INC-\u202E9",
      reason: "the site is down ".repeat(200),
      at,
      reviewDue: "2026-01-04T12:00:00.000Z",
      overdue: false,
      review: null,
    };
    const card = cardOf(fakeAction("approved", 3, { breakGlass: glass }), told);
    expect(card.status).toBe("Approved by breaking the glass, not yet claimed");
    expect(card.warnings[0]).toContain("person:bob approved this alone");
    expect(card.warnings[0]).toContain("INC-[U+202E]9");
    const slack = slackMessage(card, "default");
    expect(JSON.stringify(slack.blocks)).toContain("Warning: Glass broken: person:bob");
    expect(slack.whole).toBe(true);
    expect(JSON.stringify(slack.blocks).length).toBeLessThan(slackLimits.blocksJson);
    expect(JSON.stringify(teamsMessage(card))).toContain("Glass broken: person:bob");
    const overdue = cardOf(fakeAction("executed", 9, { breakGlass: { ...glass, overdue: true } }), told);
    expect(overdue.warnings[1]).toContain("overdue since");
    const review = { by: "person:carol", verdict: "unjustified" as const, note: "\u202Eno", at };
    const reviewed = cardOf(fakeAction("executed", 9, { breakGlass: { ...glass, review } }), told);
    expect(reviewed.warnings[1]).toContain("person:carol found that unjustified");
    expect(reviewed.breakGlass?.review?.note).toBe("[U+202E]no");
  });

  test("warns of a freeze with its end and its reason, before anything else", ({ expect }) => {
    const freeze = { name: "sale", until: "2026-12-01T08:00:00.000Z", because: "The sale is on\u202e" };
    const card = cardOf(fakeAction("pending", 2, { freeze }), told);
    expect(card.warnings).toEqual(["Frozen until 2026-12-01T08:00:00.000Z (sale): The sale is on[U+202E]"]);
    expect(JSON.stringify(slackMessage(card, "default").blocks)).toContain(
      "Frozen until 2026-12-01T08:00:00.000Z",
    );
    expect(cardOf(fakeAction("pending"), told).warnings).toEqual([]);
  });

  test("says of every state what it is and whether it can be voted on", ({ expect }) => {
    expect(cardOf(fakeAction("pending"), told).open.vote).toBe(true);
    for (const state of ["approved", "denied", "expired", "cancelled", "executed", "failed"] as const) {
      expect(cardOf(fakeAction(state), told).open.vote).toBe(false);
      expect(cardOf(fakeAction(state), told).status).not.toBe("");
    }
  });
});
