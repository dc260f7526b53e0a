import { parseSync, Visitor } from "vite";

/** One place before or after an `await` of the product. An even number is before, the odd one that follows is after the same one. */
export type Point = {
  readonly n: number;
  readonly file: string;
  readonly line: number;
  readonly side: "before" | "after";
  /** The awaited expression, shortened to its first words. */
  readonly what: string;
};

/** How a point is called in what a person reads. */
export const nameOf = ({ n, file, line, side, what }: Point): string =>
  `${n} ${side} ${file}:${line} ${what}`;

/**
 * The source with a hook on either side of every `await`, and the points that were put in. A hook is a plain call and no `await` of
 * its own: it must not give way where the product does not.
 * @param first the number of the first point
 * @throws Error where the file cannot be read
 */
export function withPoints(file: string, source: string, first: number): { code: string; points: Point[] } {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const inserted: { at: number; text: string }[] = [];
  const points: Point[] = [];
  new Visitor({
    AwaitExpression: ({ start, end }) => {
      const n = first + points.length;
      inserted.push({ at: start, text: `(__crash(${n}), __passed(${n + 1}, ` }, { at: end, text: "))" });
      const line = source.slice(0, start).split("\n").length;
      const what = source.slice(start, end).replaceAll(/\s+/gu, " ").slice(0, 60);
      points.push({ n, file, line, side: "before", what }, { n: n + 1, file, line, side: "after", what });
    },
  }).visit(program);
  let code = source;
  for (const { at, text } of inserted.toSorted((a, b) => b.at - a.at)) {
    code = code.slice(0, at) + text + code.slice(at);
  }
  return { code, points };
}
