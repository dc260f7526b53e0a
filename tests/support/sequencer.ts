import { BaseSequencer, type TestSpecification } from "vitest/node";

const isIn = (folder: string, { moduleId }: TestSpecification): boolean =>
  moduleId.includes(`/tests/${folder}/`);

/** The order of test files: those in a browser, which keep a processor busy by themselves, at even distances among those that wait. */
export class Interleaved extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const browser = files.filter((file) => isIn("browser", file));
    const engine = files.filter((file) => isIn("e2e", file));
    const others = files.filter((file) => !isIn("browser", file) && !isIn("e2e", file));
    return Promise.resolve([...others, ...spread(browser, engine)]);
  }
}

/** `few` at even distances among `many`. */
function spread<Item>(few: readonly Item[], many: readonly Item[]): Item[] {
  const apart = Math.max(1, Math.floor(many.length / (few.length + 1)));
  const rest = few.slice(Math.ceil(many.length / apart));
  const mixed = many.flatMap((item, at) => {
    const next = at % apart === 0 ? few[at / apart] : undefined;
    return next === undefined ? [item] : [next, item];
  });
  return [...mixed, ...rest];
}
