import { createHash } from "node:crypto";
import * as v from "valibot";
import { canonicalJson } from "../../core/canonical.ts";
import { hashBytes, leafHash, type Sha256 } from "../../core/evidence/merkle.ts";
import {
  append,
  emptyFrontier,
  frontierOf,
  hashesOfLevel,
  rootAt,
  tileConsistency,
  tileInclusion,
  tileRoot,
  tileWidth,
  type Frontier,
  type FullTile,
} from "../../core/evidence/tiles.ts";
import { plainObject } from "../../core/plain-json.ts";
import type { LedgerEntry } from "../../schemas/ledger.ts";
import type { Leaf } from "./messages.ts";

/**
 * The lines of one ledger and the tree over them. Nothing of the tree is stored but its full tiles: the rest, at most 255 hashes
 * a level, is made again from the last lines when the object wakes, and kept in memory from then on.
 */

export const sha256: Sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());

/** A row is cut well below the 2 MB that one may have, also where every character takes three bytes. */
const maxRowCharacters = 400_000;

export class Log {
  readonly #sql: SqlStorage;
  #frontier: Frontier | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get size(): number {
    return this.#edge().size;
  }

  /** To be called where a transaction did not come to its end: what is in memory may be more than what is stored. */
  forget(): void {
    this.#frontier = null;
  }

  /** Puts lines at the end: a row for all of them, and one for each tile that is full by it. Within a transaction. */
  append(entries: readonly LedgerEntry[]): void {
    if (entries.length === 0) return;
    const texts = entries.map((entry) => canonicalJson(plainObject(entry)));
    const before = this.#edge();
    let first = before.size;
    for (const row of rowsOf(texts)) {
      const next = first + row.length;
      const text = JSON.stringify(row);
      this.#sql.exec("INSERT INTO lines (first, next, texts) VALUES (?, ?, ?)", first, next, text);
      first = next;
    }
    const leaves = texts.map((text) => leafHash(text, sha256));
    const { frontier, full } = append(before, leaves, sha256);
    for (const tile of full) insertTile(this.#sql, tile);
    this.#frontier = frontier;
  }

  /** The root over the first `size` lines, 32 bytes. */
  root(size: number): Uint8Array {
    const edge = this.#edge();
    return size === edge.size ? rootAt(edge, sha256) : tileRoot(size, this.#tile, sha256);
  }

  /** @throws RangeError where there is no such line below `size`. */
  inclusion(index: number, size: number): Uint8Array[] {
    return tileInclusion(index, size, this.#tile, sha256);
  }

  /** Null where the log never had these sizes, one after the other. */
  consistency(from: number, to: number): Uint8Array[] | null {
    const whole = Number.isSafeInteger(from) && Number.isSafeInteger(to);
    if (!whole || from < 0 || from > to || to > this.size) return null;
    return tileConsistency(from, to, this.#tile, sha256);
  }

  /** At most `limit` lines from `from` on, those before `size`. */
  leaves(from: number, size: number, limit: number): Leaf[] {
    const end = Math.min(from + limit, size, this.size);
    if (end <= from) return [];
    return this.#lines(from, end);
  }

  /** @throws RangeError where there is no such line. */
  text(index: number): string {
    const [leaf] = this.leaves(index, index + 1, 1);
    if (leaf === undefined) throw new RangeError(`the log has no line ${index}`);
    return leaf.text;
  }

  #edge(): Frontier {
    this.#frontier ??= this.#load();
    return this.#frontier;
  }

  #load(): Frontier {
    const [last] = this.#sql
      .exec<{ next: number }>("SELECT next FROM lines ORDER BY first DESC LIMIT 1")
      .toArray();
    if (last === undefined) return emptyFrontier;
    const { next: size } = last;
    return frontierOf(size, (level, index) => this.#unfinished(level, index, size));
  }

  /** A tile that is not full yet, out of what lies below it. */
  #unfinished(level: number, index: number, size: number): Uint8Array[] {
    const from = index * tileWidth;
    const { partial } = hashesOfLevel(level, size);
    if (level === 0) {
      return this.#lines(from, size).map(({ text }) => leafHash(text, sha256));
    }
    return this.#sql
      .exec<{ root: ArrayBuffer }>(
        "SELECT root FROM tiles WHERE level = ? AND number >= ? AND number < ? ORDER BY number",
        level - 1,
        from,
        from + partial,
      )
      .toArray()
      .map(({ root }) => new Uint8Array(root));
  }

  /** The lines from `from` on, those before `end`. Where the row begins that holds the first of them is found by the key. */
  #lines(from: number, end: number): Leaf[] {
    const rows = this.#sql
      .exec<{ first: number; texts: string }>(
        `SELECT first, texts FROM lines
         WHERE first >= coalesce((SELECT first FROM lines WHERE first <= ? ORDER BY first DESC LIMIT 1), 0) AND first < ?
         ORDER BY first`,
        from,
        end,
      )
      .toArray();
    return rows.flatMap(({ first, texts }) =>
      v
        .parse(Texts, JSON.parse(texts))
        .map((text, nth) => ({ index: first + nth, text }))
        .filter(({ index }) => index >= from && index < end),
    );
  }

  readonly #tile = (level: number, index: number): readonly Uint8Array[] => {
    const { size, partial } = this.#edge();
    if (index >= Math.floor(hashesOfLevel(level, size).all / tileWidth)) return partial[level] ?? [];
    const [row] = this.#sql
      .exec<{ hashes: ArrayBuffer }>("SELECT hashes FROM tiles WHERE level = ? AND number = ?", level, index)
      .toArray();
    return row === undefined ? [] : hashesIn(row.hashes);
  };
}

const Texts = v.array(v.string());

function rowsOf(texts: readonly string[]): string[][] {
  const rows: string[][] = [];
  let room = 0;
  for (const text of texts) {
    const row = rows.at(-1);
    if (row === undefined || text.length > room) {
      rows.push([text]);
      room = maxRowCharacters - text.length;
    } else {
      row.push(text);
      room -= text.length;
    }
  }
  return rows;
}

function insertTile(sql: SqlStorage, { level, index, root, hashes }: FullTile): void {
  const bytes = new Uint8Array(hashes.length * hashBytes);
  for (const [nth, hash] of hashes.entries()) bytes.set(hash, nth * hashBytes);
  sql.exec(
    "INSERT INTO tiles (level, number, root, hashes) VALUES (?, ?, ?, ?)",
    level,
    index,
    new Uint8Array(root).buffer,
    bytes.buffer,
  );
}

function hashesIn(buffer: ArrayBuffer): Uint8Array[] {
  const count = buffer.byteLength / hashBytes;
  return Array.from({ length: count }, (_, nth) => new Uint8Array(buffer, nth * hashBytes, hashBytes));
}
