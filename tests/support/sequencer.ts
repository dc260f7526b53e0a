import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take long, mostly waiting for leases and retries to come due, the longest first. */
const waitingLong = [
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
];

const isIn = (folder: string, { moduleId }: TestSpecification): boolean =>
  moduleId.includes(`/tests/${folder}/`);

/**
 * The order of test files: the long ones early and at even distances, because they mostly wait, which others can use; so are those in a
 * browser, which keep a processor busy by themselves.
 */
export class Interleaved extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      waitingLong.findIndex((name) => moduleId.endsWith(`/tests/${name}`));
    const waiting = files
      .filter((file) => rank(file) !== -1)
      .toSorted((one, other) => rank(one) - rank(other));
    const rest = files.filter((file) => rank(file) === -1);
    const browser = rest.filter((file) => isIn("browser", file));
    const engine = rest.filter((file) => isIn("e2e", file));
    const others = rest.filter((file) => !isIn("browser", file) && !isIn("e2e", file));
    return Promise.resolve([...others, ...spread(waiting, spread(browser, engine))]);
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
