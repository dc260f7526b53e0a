import { lineOf, type Report } from "../../scripts/prove/report.ts";

/**
 * Tells `npm run prove` what a campaign has shown, by a line that it reads from standard output. Called after the last expectation
 * of a test: what has failed must not be counted.
 */
export function proven(report: Report): void {
  console.log(lineOf(report));
}
