import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that wait long for leases and retries to come due, the longest first. What starts last must not be what takes longest. */
const long = [
  "e2e/kill.test.ts",
  "e2e/outage-kills.test.ts",
  "e2e/evidence-kills.test.ts",
  "e2e/slack-outage.test.ts",
  "e2e/webhooks.test.ts",
  "e2e/webhook-egress.test.ts",
  "e2e/flood.test.ts",
  "e2e/metrics.test.ts",
  "model/bugs.test.ts",
  "model/exhaustive-policy.test.ts",
  "model/tampering.test.ts",
  "model/retention.test.ts",
];

/** The order of test files: the long ones first, the others as they are found. */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = long.findIndex((name) => moduleId.endsWith(`/tests/${name}`));
      return at === -1 ? long.length : at;
    };
    return Promise.resolve(files.toSorted((one, other) => rank(one) - rank(other)));
  }
}
