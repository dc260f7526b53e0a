import * as v from "valibot";

const shape = "is an RFC 3339 time such as 2026-01-31T12:00:00.000Z";

/** Whether a calendar has the day that a text begins with; 30 February would be read as 2 March without a word. */
function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})/u.exec(text) ?? [];
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  // `Date.UTC` takes the years 0 to 99 for those of the last century.
  date.setUTCFullYear(Number(year));
  return date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
}

/** An RFC 3339 time with an offset, on a day that there is, as somebody sends it: it can be read as epoch milliseconds. */
export const InstantText = v.pipe(
  v.string(),
  v.isoTimestamp(shape),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    if (!isDay(dataset.value)) addIssue({ message: "names a day that its month does not have" });
    else if (Number.isNaN(Date.parse(dataset.value))) addIssue({ message: shape });
  }),
);
