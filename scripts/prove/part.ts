/** How one part is run. Files are vitest files; a program prints its own reports, a line each (scripts/prove/report.ts). */
export type Runs =
  | { readonly files: readonly string[] }
  | { readonly command: readonly [program: string, ...args: string[]] };

/** One line of the scoreboard: what is proven, by how many trials of what, and what is broken to see that it would show. */
export type Part = {
  /** What `--only` takes. */
  readonly name: string;
  readonly proves: string;
  /** What one trial is, in the plural. */
  readonly unit: string;
  readonly runs: Runs;
  /** The variable that tells the part how many trials to make; null: it makes all there are, however it is run. */
  readonly size: string | null;
  /** The least trials of a quick run, which `npm test` makes; null: it takes too long for one. */
  readonly quick: number | null;
  /** The least trials of a whole run. */
  readonly whole: number;
  /** The least controls: ways to break the product, or the check, that must have been noticed. */
  readonly controls: number;
  /** In how many processes a whole run divides the trials, each with a seed of its own. */
  readonly shards?: number;
  /** Last arguments of the program, where a whole run makes one process for each. */
  readonly each?: readonly string[];
  /** It mostly waits for leases and retries to come due, so it runs beside the parts that keep a processor busy. */
  readonly waits?: true;
  /** Variables besides size and seed. */
  readonly env?: Readonly<Record<string, string>>;
};

/** How much of a part is done. */
export type Extent = "quick" | "whole";

/** The variable that every part takes its random numbers from. */
export const seedVariable = "HOLDPOINT_SEED";

/** The files of a part, where it has any. */
export const filesOf = ({ runs }: Part): readonly string[] => ("files" in runs ? runs.files : []);

/** The least trials it has to make, or null where it is not made at all. */
export const wantedOf = (part: Part, extent: Extent): number | null =>
  extent === "quick" ? part.quick : part.whole;
