/**
 * Tables that a spreadsheet opens (RFC 4180: every cell quoted, CRLF after every row, UTF-8) and in which no cell is a formula, whoever
 * wrote what stands in it (threat T24). A leading apostrophe is what spreadsheets themselves write for "this is text".
 */

export type Cell = string | number | boolean | null;

/** `=`, `+`, `-`, `@`, in every width that a spreadsheet may take for them. */
const signs =
  "=+\\-@\u2212\uFE62\uFE63\uFE66\uFE6B\uFF0B\uFF0D\uFF1D\uFF20\u207A\u207B\u207C\u208A\u208B\u208C";
/** What readers skip, or are not shown, before the first character that counts. */
const skipped = "\\s\\p{Cc}\\p{Cf}\\p{Z}\"'";

/** Begins like a formula. A tab or a carriage return alone may make one of what follows. */
const begins = new RegExp(`^(?:[\\t\\r\\n]|[${skipped}]*[${signs}])`, "u");
/**
 * The same in the middle of a cell, behind what another reader takes for the end of a cell or a row: where a list is separated by
 * semicolons, `,"x;=1+1"` is a cell `=1+1"`.
 */
const goesOn = new RegExp(`([;|\\t\\r\\n])(?=[${skipped}]*[${signs}])`, "gu");

/** One cell as it stands in the file. */
export function csvCell(value: Cell): string {
  const text = value === null ? "" : String(value);
  const safe = typeof value === "string" ? harmless(text) : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

function harmless(text: string): string {
  const inside = text.replaceAll(goesOn, "$1'");
  return begins.test(inside) ? `'${inside}` : inside;
}

/** A row with its end. */
export function csvRow(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}
