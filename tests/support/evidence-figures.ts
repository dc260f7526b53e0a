import { retentionOf } from "../../core/evidence/figures.ts";
import type { EvidenceFigures } from "../../schemas/evidence-figures.ts";

/** Figures of a log, with something in every part of them. */
export function evidenceFiguresOf(parts: Partial<EvidenceFigures> = {}): EvidenceFigures {
  const now = Date.parse("2026-01-10T00:00:00Z");
  const at = new Date(now).toISOString();
  return {
    at,
    complete: true,
    log: { lines: 1_234, actions: 300, conflicts: 1, holds: 2 },
    checkpoint: { signed: 1_200, unsigned: 34, at: "2026-01-09T23:59:18.000Z", lagMs: 42_000 },
    retention: retentionOf(
      { "erased/ephemeral/inTime": 98, "erased/ephemeral/late": 1, "erased/operational/asked": 3 },
      [{ class: "ephemeral", held: 4, waiting: 2, late: 1, oldest: now - 1_800_000, promised: {} }],
      now,
    ),
    held: [
      { class: "ephemeral", age: "1h", bytes: 2_048, actions: 3 },
      { class: "compliance", age: "30d", bytes: 9_000_000, actions: 290 },
    ],
    context: [{ type: 'odd"type', actions: 3, bytes: 2_000, most: 1_500 }],
    reads: [
      {
        principal: "service:auditor",
        route: "GET /v1/actions/:id/evidence",
        allowed: 12,
        refused: 0,
        since: at,
      },
      { principal: "agent:demo", route: "GET /v1/evidence", allowed: 0, refused: 7, since: at },
    ],
    ...parts,
  };
}
