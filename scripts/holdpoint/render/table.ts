import { stripVTControlCharacters } from "node:util";

type Row = readonly string[];

/** Rows in columns as wide as their widest cell; the last column is never padded. */
export function formatColumns(rows: readonly Row[]): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => padded(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Rows under their headings. */
export function formatTable(headings: Row, rows: readonly Row[], dim: (text: string) => string): string {
  const [first = "", ...rest] = formatColumns([headings, ...rows]);
  return [dim(first), ...rest].join("\n");
}

function padded(cell: string, width: number): string {
  return cell + " ".repeat(width - widthOf(cell));
}

/** Cells are coloured by us and made visible before: what is left has one column a code point, near enough. */
function widthOf(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}
