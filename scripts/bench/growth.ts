import type { Cell, What } from "./cells.ts";
import type { Mode, Subject } from "./server.ts";

/** How one figure grows with what waits: the p50 with the fewest pending, and how many times that it is with more. */
export type Growth = {
  readonly mode: Mode;
  readonly what: What;
  readonly clients: number;
  readonly subject: Subject;
  /** ms, with `levels[0]` pending. */
  readonly from: number;
  readonly levels: readonly { readonly pending: number; readonly times: number }[];
};

const keyOf = ({ mode, what, clients }: Cell): string =>
  [mode, what.work, what.work === "resume" ? what.via : "", clients].join(" ");

/** Of every figure that was measured with more than one number of pending actions. */
export function growthOf(cells: readonly Cell[]): Growth[] {
  return [...Map.groupBy(cells, keyOf).values()].flatMap((group) => {
    const sorted = group.toSorted((a, b) => a.pending - b.pending);
    const [least] = sorted;
    if (least === undefined || sorted.length < 2) return [];
    const { mode, what, clients } = least;
    return (["engine", "floor"] as const).map((subject) => {
      const from = least[subject].p50;
      const levels = sorted.map((cell) => ({ pending: cell.pending, times: cell[subject].p50 / from }));
      return { mode, what, clients, subject, from, levels };
    });
  });
}
