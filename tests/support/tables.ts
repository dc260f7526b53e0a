/** Tables as other programs read them, worked out without a line of the product. */

/** RFC 4180 to the letter: rows of cells. @throws where the text is no such table */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let [row, at]: [string[], number] = [[], 0];
  while (at < text.length) {
    let cell = "";
    if (text[at] === '"') {
      for (at += 1; ; at += 1) {
        if (at >= text.length) throw new Error("a quoted cell does not end");
        if (text[at] !== '"') cell += text[at];
        else if (text[at + 1] === '"') {
          cell += '"';
          at += 1;
        } else break;
      }
      at += 1;
    } else {
      for (; at < text.length && text[at] !== "," && text[at] !== "\r"; at += 1) {
        if (text[at] === '"' || text[at] === "\n") throw new Error(`a bare cell holds ${text[at]}`);
        cell += text[at];
      }
    }
    row.push(cell);
    if (text[at] === ",") at += 1;
    else if (text.startsWith("\r\n", at)) {
      rows.push(row);
      [row, at] = [[], at + 2];
    } else throw new Error(`a cell ends with ${text[at] ?? "the end of the file"}`);
  }
  return rows;
}

/**
 * The cells as a spreadsheet finds them that forgives much: a cell ends at `separator` or a line's end, and what follows a closing
 * quote belongs to it.
 */
export function cellsAt(separator: string, text: string): string[] {
  const cells: string[] = [];
  let cell = "";
  let state: "start" | "bare" | "quoted" = "start";
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (state === "quoted") {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else state = "bare";
    } else if (character === separator || character === "\r" || character === "\n") {
      cells.push(cell);
      [cell, state] = ["", "start"];
    } else if (state === "start" && character === '"') state = "quoted";
    else {
      cell += character;
      state = "bare";
    }
  }
  return [...cells, cell];
}
