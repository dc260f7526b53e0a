import type { Access } from "../../schemas/ledger.ts";
import type { Migration } from "../migrate.ts";

/**
 * Who has read evidence, counted. One row a principal, route and outcome, written with the line of the read: evidence is
 * read far more rarely than actions are made, and counting the lines anew would mean to parse every one of a log that only
 * grows.
 */
export const readsMigration = {
  id: "reads",
  sql: `
    CREATE TABLE reads (
      principal TEXT NOT NULL,
      route TEXT NOT NULL,
      outcome TEXT NOT NULL,
      count INTEGER NOT NULL,
      first_at INTEGER NOT NULL,
      PRIMARY KEY (principal, route, outcome)
    ) WITHOUT ROWID;`,
} as const satisfies Migration;

/** How often somebody has read by a route, since there is a log. `firstAt` is epoch ms. */
export type ReadCount = {
  readonly principal: string;
  readonly route: string;
  readonly outcome: Access["outcome"];
  readonly count: number;
  readonly firstAt: number;
};

/** Counts a read, in the transaction that writes its line. */
export function countAccess(sql: SqlStorage, { by, route, outcome }: Access, now: number): void {
  sql.exec(
    `INSERT INTO reads (principal, route, outcome, count, first_at) VALUES (?, ?, ?, 1, ?)
     ON CONFLICT DO UPDATE SET count = count + 1`,
    `${by.kind}:${bare(by)}`,
    route,
    outcome,
    now,
  );
}

/** People's and agents' ids carry their kind already. */
const bare = ({ kind, id }: Access["by"]): string =>
  id.startsWith(`${kind}:`) ? id.slice(kind.length + 1) : id;

/** All of them, whoever reads most first. */
export function readCounts(sql: SqlStorage): ReadCount[] {
  return sql
    .exec<{ principal: string; route: string; outcome: string; count: number; first_at: number }>(
      "SELECT principal, route, outcome, count, first_at FROM reads ORDER BY count DESC, principal, route, outcome",
    )
    .toArray()
    .map(({ first_at: firstAt, outcome, ...rest }) => ({
      ...rest,
      outcome: outcome === "allowed" ? "allowed" : "refused",
      firstAt,
    }));
}
