import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take long, mostly waiting for leases and retries to come due, the longest first: none of them is to start last. */
const long = [
  "e2e/outage-kills.test.ts",
  "e2e/slack-outage.test.ts",
  "e2e/webhooks.test.ts",
  "e2e/webhook-egress.test.ts",
  "e2e/flood.test.ts",
  "e2e/canaries.test.ts",
  "e2e/metrics.test.ts",
  "e2e/evidence-kills.test.ts",
  "e2e/cli-run.test.ts",
  "e2e/cli-evidence.test.ts",
  "e2e/start.test.ts",
  "e2e/checkpoint.test.ts",
  "unit/evidence-go.test.ts",
  "objects/purge.test.ts",
];

const isIn = (folder: string, { moduleId }: TestSpecification): boolean =>
  moduleId.includes(`/tests/${folder}/`);

/**
 * The order of test files: the long ones first, and those in a browser, which keep a processor busy by themselves, spread among the
 * others with an engine, which mostly wait.
 */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = long.findIndex((name) => moduleId.endsWith(`/tests/${name}`));
      return at === -1 ? long.length : at;
    };
    const ordered = files.toSorted((one, other) => rank(one) - rank(other));
    const browser = ordered.filter((file) => isIn("browser", file));
    const engine = ordered.filter((file) => isIn("e2e", file));
    const others = ordered.filter((file) => !isIn("browser", file) && !isIn("e2e", file));
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
