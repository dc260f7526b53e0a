import { append, emptyFrontier, tileWidth, type Frontier, type ReadTile } from "../../core/evidence/tiles.ts";
import { sha256 } from "./log-keys.ts";

/** Rows as a ledger keeps them: full tiles written once, and for what is partial only what lies below it. */
export class Rows {
  readonly tiles = new Map<string, { hashes: readonly Uint8Array[]; root: Uint8Array }>();
  reads = 0;
  frontier: Frontier = emptyFrontier;
  readonly #leaves: readonly Uint8Array[];

  constructor(leaves: readonly Uint8Array[], batch: number) {
    this.#leaves = leaves;
    for (let at = 0; at < leaves.length; at += batch) {
      const { frontier, full } = append(this.frontier, leaves.slice(at, at + batch), sha256);
      this.frontier = frontier;
      for (const { level, index, ...row } of full) {
        const key = `${level}/${index}`;
        if (this.tiles.has(key)) throw new Error(`${key} is written twice`);
        this.tiles.set(key, row);
      }
    }
  }

  readonly read: ReadTile = (level, index) => {
    this.reads += 1;
    const full = this.tiles.get(`${level}/${index}`);
    if (full !== undefined) return full.hashes;
    if (level === 0) return this.#leaves.slice(index * tileWidth, (index + 1) * tileWidth);
    const below = Array.from({ length: tileWidth }, (_, nth) =>
      this.tiles.get(`${level - 1}/${index * tileWidth + nth}`),
    );
    return below.flatMap((tile) => (tile === undefined ? [] : [tile.root]));
  };
}
