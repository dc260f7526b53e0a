import * as v from "valibot";
import type { AccessList, AccessView } from "../schemas/evidence-list.ts";
import { LedgerEntry } from "../schemas/ledger.ts";
import { decodeCursor, encodeCursor } from "../core/cursor.ts";

/** The log read back for who has read evidence: its lines are in the order of their times, so a time is found by halving. */

export type AccessQuery = {
  /** Epoch ms. */
  readonly since: number | null;
  readonly until: number | null;
  /** Whose, such as `service:auditor`. */
  readonly by: string | null;
  readonly cursor: string | undefined;
  readonly limit: number;
};

/** Lines that are looked through at once, and how often, before a page is handed out as it is. */
const block = 500;
const blocks = 10;

type Leaf = { readonly index: number; readonly text: string };
/** The part of a ledger that is needed here. */
export type Lines = { leaves(from: number, size: number, limit: number): Promise<Leaf[]> };

/** One page of accesses among the first `size` lines, oldest first. */
export async function accessesIn(log: Lines, size: number, query: AccessQuery): Promise<AccessList> {
  const start = query.cursor === undefined ? null : decodeCursor(query.cursor);
  let from = start ?? (query.since === null ? 0 : await firstSince(log, size, query.since));
  const items: AccessView[] = [];
  for (let read = 0; read < blocks && from < size && items.length < query.limit; read += 1) {
    const leaves = await log.leaves(from, size, block);
    if (leaves.length === 0) return { items, nextCursor: null };
    for (const leaf of leaves) {
      if (items.length === query.limit) break;
      from = leaf.index + 1;
      const line = v.parse(LedgerEntry, JSON.parse(leaf.text));
      if (query.until !== null && line.at >= query.until) return { items, nextCursor: null };
      const view = accessOf(line, leaf.index);
      if (view !== null && (query.by === null || view.by.id === query.by)) items.push(view);
    }
  }
  return { items, nextCursor: from < size ? encodeCursor(from) : null };
}

function accessOf(line: LedgerEntry, index: number): AccessView | null {
  if (line.kind !== "access") return null;
  const { by, route, action, asked, outcome, at } = line;
  return { index, at: new Date(at).toISOString(), by, route, action, asked, outcome };
}

const Timed = v.object({ at: v.number() });
const timeOf = ({ text }: Leaf): number => v.parse(Timed, JSON.parse(text)).at;

/** The index of the first line that is no older than `since` (epoch ms); `size` where there is none. */
async function firstSince(log: Lines, size: number, since: number): Promise<number> {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [leaf] = await log.leaves(middle, size, 1);
    if (leaf === undefined || timeOf(leaf) >= since) high = middle;
    else low = middle + 1;
  }
  return low;
}
