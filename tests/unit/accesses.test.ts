import fc from "fast-check";
import { describe, test } from "vitest";
import type { AccessView } from "../../schemas/evidence-list.ts";
import type { LedgerEntry } from "../../schemas/ledger.ts";
import { accessesIn, type AccessQuery, type Lines } from "../../workers/accesses.ts";

/** Reads of evidence, found in a log among everything else that is in it. */

const seed = Date.now() % 2 ** 31;
const base = { v: 1, workspace: "default" } as const;
const readers = ["service:auditor", "person:bob", "agent:demo"] as const;

function lineOf(at: number, reader: (typeof readers)[number] | null): LedgerEntry {
  if (reader === null) {
    return { ...base, at, kind: "held", hold: "h", scope: "all", by: { kind: "person", id: "person:omar" } };
  }
  const by = { kind: "service", id: reader } as const;
  return { ...base, at, kind: "access", by, route: "GET /x", action: null, asked: null, outcome: "allowed" };
}

/** A log that answers as the object does, and counts how often it is asked. */
function logOf(lines: readonly LedgerEntry[]) {
  const texts = lines.map((line) => JSON.stringify(line));
  const asked = { times: 0 };
  const leaves = (from: number, size: number, limit: number) => {
    asked.times += 1;
    const found = texts.slice(from, Math.min(from + limit, size));
    return Promise.resolve(found.map((text, index) => ({ index: from + index, text })));
  };
  return { asked, log: { leaves } };
}

const everything: AccessQuery = { since: null, until: null, by: null, cursor: undefined, limit: 100 };

async function readAll(log: Lines, size: number, query: AccessQuery): Promise<AccessView[]> {
  const found: AccessView[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await accessesIn(log, size, { ...query, cursor });
    found.push(...page.items);
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
}

const lines = fc
  .array(fc.tuple(fc.nat(3), fc.constantFrom(null, ...readers)), { maxLength: 60 })
  .map((steps) => {
    let at = 1_000;
    return steps.map(([later, reader]) => lineOf((at += later), reader));
  });
const moment = fc.option(fc.integer({ min: 990, max: 1_190 }));

describe("the reads of evidence", () => {
  test(`are those of their time and reader, page after page, none twice (seed ${seed})`, async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.record({
          since: moment,
          until: moment,
          by: fc.option(fc.constantFrom(...readers)),
          limit: fc.integer({ min: 1, max: 7 }),
        }),
        async (entries, asked) => {
          const query = { ...everything, ...asked };
          const wanted = entries.flatMap((line, index) =>
            line.kind === "access" &&
            (query.since === null || line.at >= query.since) &&
            (query.until === null || line.at < query.until) &&
            (query.by === null || line.by.id === query.by)
              ? [index]
              : [],
          );
          const found = await readAll(logOf(entries).log, entries.length, query);
          expect(found.map(({ index }) => index)).toEqual(wanted);
        },
      ),
      { seed, numRuns: 500 },
    );
  });

  test("of a time are found without reading the log before it", async ({ expect }) => {
    const entries = Array.from({ length: 100_000 }, (_, at) => lineOf(at, "person:bob"));
    const { log, asked } = logOf(entries);
    const page = await accessesIn(log, entries.length, { ...everything, since: 99_990 });
    expect(page).toMatchObject({ items: { length: 10 }, nextCursor: null });
    expect(asked.times).toBeLessThan(25);
  });

  test("that are far apart are handed out in pages that may be empty, and the cursor goes on", async ({
    expect,
  }) => {
    const entries = Array.from({ length: 20_000 }, (_, at) =>
      lineOf(at, at === 19_999 ? "person:bob" : null),
    );
    const { log } = logOf(entries);
    const first = await accessesIn(log, entries.length, everything);
    expect(first.items).toEqual([]);
    expect(first.nextCursor).not.toBeNull();
    expect(await readAll(log, entries.length, everything)).toHaveLength(1);
  });

  test("that came after the tree was looked at are in none of its pages", async ({ expect }) => {
    const entries = Array.from({ length: 10 }, (_, at) => lineOf(at, "person:bob"));
    expect(await readAll(logOf(entries).log, 4, everything)).toHaveLength(4);
  });
});
