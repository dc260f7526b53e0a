import { describe, test } from "vitest";
import {
  ageOf,
  countedAs,
  erasureOf,
  otherPrincipals,
  readsByPrincipal,
  readsOf,
  retentionOf,
  toleranceMs,
} from "../../core/evidence/figures.ts";
import { evidenceText } from "../../core/evidence/figures-prometheus.ts";
import type { ReadCounts } from "../../schemas/evidence-figures.ts";
import { formatEvidence } from "../../scripts/holdpoint/render/evidence-figures.ts";
import { evidenceFiguresOf } from "../support/evidence-figures.ts";
import { hasPrometheus, promtool } from "../support/prometheus.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

describe("how a value went", () => {
  const cells: [afterMs: number | null, name: "ephemeral" | "operational" | "compliance", how: string][] = [
    [0, "ephemeral", "inTime"],
    [15 * minute, "ephemeral", "inTime"],
    [15 * minute + 1, "ephemeral", "late"],
    [day, "operational", "inTime"],
    [day + 1, "operational", "late"],
    [day, "compliance", "inTime"],
    [day + 1, "compliance", "late"],
    [-1, "ephemeral", "early"],
    [null, "compliance", "asked"],
  ];
  test.for(cells)("%s ms after its time, of class %s, is %s", ([afterMs, name, how], { expect }) => {
    const dueAt = 5 * day;
    expect(erasureOf(name, afterMs === null ? 1 : dueAt + afterMs, afterMs === null ? null : dueAt)).toBe(
      how,
    );
  });

  test("is counted under its line's kind and under how it went", ({ expect }) => {
    const line = { v: 1, workspace: "w", at: 9 * day, kind: "erased", number: 1, action: "act" } as const;
    const more = { class: "ephemeral", dueAt: 0, events: 1, head: `sha256:${"0".repeat(64)}` } as const;
    const by = { kind: "engine", id: "engine" } as const;
    expect(countedAs({ ...line, ...more, by })).toEqual(["erased", "erased/ephemeral/late"]);
    expect(countedAs({ v: 1, workspace: "w", at: 1, kind: "purging", by })).toEqual(["purging"]);
  });
});

test("an age ends where the next one begins", ({ expect }) => {
  const ends = [0, 60 * minute - 1, 60 * minute, day, 7 * day, 30 * day, 400 * day - 1, 400 * day];
  expect(ends.map(ageOf)).toEqual(["1h", "1h", "1d", "7d", "30d", "400d", "400d", "more"]);
});

describe("retention", () => {
  test("of nothing has no rate", ({ expect }) => {
    expect(retentionOf({}, [], 0)[0]).toMatchObject({
      due: 0,
      done: 0,
      successRate: null,
      oldestOverdueMs: null,
    });
  });

  test("does not count as gone what the log says is going and is still there", ({ expect }) => {
    const counts = { "erased/ephemeral/inTime": 5 };
    const there = {
      class: "ephemeral",
      held: 0,
      waiting: 1,
      late: 1,
      oldest: 1,
      promised: { inTime: 2 },
    } as const;
    const [row] = retentionOf(counts, [there], 100);
    expect(row).toMatchObject({ due: 5, done: 3, late: 1, successRate: 0.75, oldestOverdueMs: 99 });
  });

  test("holds nothing against anybody that is kept by a hold, or is within what is tolerated", ({
    expect,
  }) => {
    const there = { class: "operational", held: 9, waiting: 9, late: 0, oldest: 1, promised: {} } as const;
    const [, row] = retentionOf({ "erased/operational/inTime": 1 }, [there], 100);
    expect(row).toMatchObject({ due: 19, done: 1, held: 9, late: 0, successRate: 1 });
    expect(row?.toleranceMs).toBe(toleranceMs.operational);
  });
});

describe("reads of evidence", () => {
  const reader = (nth: number, counts: Partial<ReadCounts> = {}): ReadCounts => ({
    principal: `person:p${nth}`,
    route: "GET /v1/evidence",
    allowed: 1,
    refused: 0,
    since: new Date(nth * 1_000).toISOString(),
    ...counts,
  });

  test("by route are one row, whatever the outcome", ({ expect }) => {
    const read = { principal: "person:a", route: "r", firstAt: 5 };
    const rows = readsOf([
      { ...read, outcome: "allowed", count: 3 },
      { ...read, outcome: "refused", count: 2, firstAt: 1 },
    ]);
    const since = new Date(1).toISOString();
    expect(rows).toEqual([{ principal: "person:a", route: "r", allowed: 3, refused: 2, since }]);
  });

  test("are shown of the twenty who read first, and no number ever goes down as more come", ({ expect }) => {
    const rows = Array.from({ length: 40 }, (_, nth) => reader(nth));
    let before = new Map<string, number>();
    for (let count = 1; count <= rows.length; count += 1) {
      // The later ones read more, so that whoever counted the most by name would change all the time.
      const read = rows.slice(0, count).map((row, nth) => ({ ...row, allowed: count - nth + nth * 3 }));
      const shown = readsByPrincipal(read, 20);
      expect(shown.length).toBeLessThanOrEqual(21);
      expect(shown.reduce((sum, { allowed }) => sum + allowed, 0)).toBe(
        read.reduce((sum, { allowed }) => sum + allowed, 0),
      );
      const now = new Map(shown.map(({ principal, allowed }) => [principal, allowed]));
      for (const [principal, allowed] of before) expect(now.get(principal)).toBeGreaterThanOrEqual(allowed);
      before = now;
    }
    expect(before.has(otherPrincipals)).toBe(true);
  });
});

describe("for Prometheus", () => {
  const text = evidenceText(evidenceFiguresOf());

  test("say what is kept, what is overdue and who reads, in base units", ({ expect }) => {
    const lines = text.split("\n");
    for (const line of [
      "holdpoint_ledger_lines 1234",
      "holdpoint_checkpoint_lag_seconds 42",
      "holdpoint_ledger_conflicts_total 1",
      "holdpoint_holds 2",
      'holdpoint_evidence_reads_total{principal="service:auditor",outcome="allowed"} 12',
      'holdpoint_evidence_reads_total{principal="agent:demo",outcome="refused"} 7',
      'holdpoint_retention_due_total{class="ephemeral"} 106',
      'holdpoint_retention_done_total{class="ephemeral"} 99',
      'holdpoint_retention_late{class="ephemeral"} 2',
      'holdpoint_retention_held{class="ephemeral"} 4',
      'holdpoint_retention_early_total{class="compliance"} 0',
      'holdpoint_retention_oldest_overdue_seconds{class="ephemeral"} 1800',
      'holdpoint_retention_success_ratio{class="ephemeral"} 0.98',
      'holdpoint_held_bytes{class="compliance",age="30d"} 9000000',
      'holdpoint_context_bytes{type="odd\\"type"} 2000',
      'holdpoint_context_largest_bytes{type="odd\\"type"} 1500',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test.runIf(hasPrometheus())("promtool finds nothing wrong with them", async ({ expect }) => {
    expect(await promtool(["check", "metrics"], text)).toEqual({ code: 0, output: "" });
    const none = evidenceText(evidenceFiguresOf({ held: [], context: [], reads: [], retention: [] }));
    expect(await promtool(["check", "metrics"], none)).toEqual({ code: 0, output: "" });
  });
});

describe("at the command line", () => {
  const plain = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };
  test("the figures say what is overdue, held and read", ({ expect }) => {
    const text = formatEvidence(evidenceFiguresOf(), plain);
    expect(text).toMatch(/ephemeral +106 +99 +2 +4 +98\.0 % +30 min/u);
    expect(text).toContain("1234 lines of 300 actions");
    expect(text).toContain("1 action contradicts what it had said before");
    expect(text).toMatch(/service:auditor +GET \/v1\/actions\/:id\/evidence +12 +0/u);
    expect(text).toContain("9.0 MB");
  });
});

function same(text: string): string {
  return text;
}
