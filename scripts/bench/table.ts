import { styleText } from "node:util";
import type { Summary } from "./statistics.ts";

/** Three figures that count. */
export const fixed = (value: number): string => value.toFixed(value >= 100 ? 0 : 1);

/** Of times in ms. */
export const latencies = ({ p50, p95, p99 }: Summary): string => [p50, p95, p99].map(fixed).join(" / ");

/** Columns as wide as they need to be, the first one to the left; nothing where there are no lines. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  if (lines.length === 0) return "";
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const row = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [styleText("dim", row(head)), ...lines.map(row)].join("\n");
}

export const kib = (bytes: number): string => `${(bytes / 1_024).toFixed(1)} KiB`;
