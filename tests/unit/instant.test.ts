import * as fc from "fast-check";
import * as v from "valibot";
import { describe, test } from "vitest";
import { InstantText } from "../../schemas/instant.ts";

const complaints = (text: unknown): string[] => {
  const result = v.safeParse(InstantText, text);
  return result.success ? [] : result.issues.map(({ message }) => message);
};

describe("a time that somebody sends", () => {
  test.for([
    "2026-02-28T23:59:59Z",
    "2028-02-29T00:00:00.000Z",
    "2000-02-29T00:00:00Z",
    "2026-12-31T23:59:59.999+14:00",
    "2026-01-31T00:00:00-05:00",
    "0099-02-28T00:00:00Z",
  ])("may be %s", (text, { expect }) => {
    expect(complaints(text)).toEqual([]);
  });

  test.for([
    "2026-02-30T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "1900-02-29T12:00:00Z",
    "2026-04-31T00:00:00.000Z",
    "2026-11-31T00:00:00+02:00",
  ])("is refused as no day of any calendar: %s", (text, { expect }) => {
    expect(complaints(text)).toEqual(["names a day that its month does not have"]);
  });

  test.for([
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-01-01",
    "tomorrow",
    "",
  ])("is refused as no such time, once: %s", (text, { expect }) => {
    expect(complaints(text)).toEqual(["is an RFC 3339 time such as 2026-01-31T12:00:00.000Z"]);
  });

  test("is on the day that it says, whichever that is, and can always be read", () => {
    const at = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2100, 0, 1) });
    fc.assert(fc.property(at, (ms) => complaints(new Date(ms).toISOString()).length === 0));
    const part = (least: number, most: number): fc.Arbitrary<string> =>
      fc.integer({ min: least, max: most }).map((number) => String(number).padStart(2, "0"));
    const text = fc
      .tuple(fc.integer({ min: 1970, max: 2100 }), part(1, 12), part(1, 31))
      .map(([year, month, day]) => `${year}-${month}-${day}T12:00:00Z`);
    fc.assert(
      fc.property(text, (sent) => {
        const read = new Date(sent).toISOString().slice(0, 10);
        return (complaints(sent).length === 0) === (read === sent.slice(0, 10));
      }),
    );
  });
});
