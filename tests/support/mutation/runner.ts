import { registerHooks } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { seedVariable } from "../../../scripts/prove/part.ts";
import { collected, runTest, type Test } from "./harness.ts";

/**
 * Runs the tests for Stryker inside its own process (harness.ts). Code that runs once, when a module is loaded, is loaded again for
 * each of its changes; everything else is loaded once. What a change may leave behind in a module is seen: a test that has failed
 * has to pass without the change, or everything is loaded again and the change is tried afresh.
 */

type Coverage = { static: Record<string, number>; perTest: Record<string, Record<string, number>> };
/** What the changed code and the runner tell each other: Stryker's own names. */
type Shared = {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: Coverage | undefined;
};
type MutantRun = {
  readonly testFilter?: readonly string[];
  readonly hitLimit?: number;
  readonly activeMutant: { readonly id: string };
  readonly mutantActivation: "runtime" | "static";
};

const files = (process.env["HOLDPOINT_MUTATION_TESTS"] ?? "").split(",").filter((file) => file !== "");
const harness = new URL("harness.ts", import.meta.url).href;

/** Where the changed code looks for the number of the change that is to be in force. */
const namespace = "__stryker__";

class Runner {
  readonly #shared: Shared = {};
  #tests: ReadonlyMap<string, Test> = new Map();
  /** How long each took without a change (ms): the quickest are tried first. */
  readonly #durations = new Map<string, number>();
  #loads = 0;
  /** Nothing is loaded, or something that a change has got into. */
  #isSpoilt = true;

  capabilities(): { reloadEnvironment: true } {
    return { reloadEnvironment: true };
  }

  init(): void {
    Reflect.set(globalThis, namespace, this.#shared);
    // A change that only some draws show would be found on some days: every day draws the same. Nor is a failure made small.
    fc.configureGlobal({ seed: 1, endOnFailure: true });
    process.env[seedVariable] = "1";
    console.log = () => undefined;
    const sandbox = pathToFileURL(join(process.cwd(), "/")).href;
    registerHooks({
      resolve: (specifier, context, next) => {
        if (specifier === "vitest") return { url: harness, shortCircuit: true };
        const found = next(specifier, context);
        if (!found.url.startsWith(sandbox) || found.url.includes("?")) return found;
        return { ...found, url: `${found.url}?load=${this.#loads}` };
      },
    });
  }

  async #load(): Promise<void> {
    this.#loads += 1;
    this.#tests = await collected(
      files,
      (file) => import(`${pathToFileURL(resolve(file)).href}?load=${this.#loads}`),
    );
  }

  async dryRun(): Promise<unknown> {
    try {
      await this.#load();
    } catch (error) {
      return { status: "error", errorMessage: textOf(error) };
    }
    this.#isSpoilt = false;
    const results: unknown[] = [];
    for (const [id, one] of this.#tests) {
      this.#shared.currentTestId = id;
      const started = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- what it covers is told by the one test that runs
      const error = await runTest(one);
      const timeSpentMs = performance.now() - started;
      this.#durations.set(id, timeSpentMs);
      results.push({
        id,
        name: id,
        timeSpentMs,
        ...(error === null ? { status: 0 } : { status: 1, failureMessage: textOf(error) }),
      });
    }
    this.#shared.currentTestId = undefined;
    return { status: "complete", tests: results, mutantCoverage: this.#shared.mutantCoverage };
  }

  async mutantRun(run: MutantRun): Promise<unknown> {
    const once = await this.#attempt(run);
    if (once !== null) return once;
    this.#isSpoilt = true;
    return (
      (await this.#attempt(run)) ?? { status: "error", errorMessage: "a test fails without the change too" }
    );
  }

  /** @returns null where a test that failed does so without the change too. */
  async #attempt({ activeMutant, mutantActivation, testFilter, hitLimit }: MutantRun): Promise<unknown> {
    const shared = this.#shared;
    const isStatic = mutantActivation === "static";
    shared.hitLimit = hitLimit;
    shared.hitCount = hitLimit === undefined ? undefined : 0;
    shared.activeMutant = isStatic ? activeMutant.id : undefined;
    const isFresh = this.#isSpoilt;
    if (isStatic || this.#isSpoilt) {
      try {
        await this.#load();
      } catch (error) {
        this.#isSpoilt = true;
        // A test file that cannot even be loaded fails `npm test` as well.
        const killedBy = testFilter?.slice(0, 1) ?? [];
        return { status: "killed", killedBy, failureMessage: textOf(error).slice(0, 500), nrOfTests: 0 };
      }
      this.#isSpoilt = isStatic;
    }
    shared.activeMutant = activeMutant.id;
    const lost = testFilter?.find((id) => !this.#tests.has(id));
    if (lost !== undefined) return { status: "error", errorMessage: `there is no test ${lost} any more` };
    const chosen = this.#chosen(testFilter);
    for (const [place, one] of chosen.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- the first that fails ends it
      const error = await runTest(one);
      if ((shared.hitCount ?? 0) > (shared.hitLimit ?? Infinity)) {
        this.#isSpoilt = true;
        return { status: "timeout", reason: "it goes round and round" };
      }
      if (error === null) continue;
      shared.activeMutant = undefined;
      // oxlint-disable-next-line no-await-in-loop -- as above
      const passes =
        isStatic || (await runTest(one)) === null || (isFresh && (await this.#passesAfresh(one)));
      if (!passes) return null;
      return {
        status: "killed",
        killedBy: [one.id],
        failureMessage: textOf(error).slice(0, 500),
        nrOfTests: place + 1,
      };
    }
    return { status: "survived", nrOfTests: chosen.length };
  }

  /** Whether a test passes where the change has never been: what stays of a change, such as in a cache, is the change's own doing. */
  async #passesAfresh({ id }: Test): Promise<boolean> {
    await this.#load();
    const one = this.#tests.get(id);
    return one !== undefined && (await runTest(one)) === null;
  }

  #chosen(filter: readonly string[] | undefined): Test[] {
    const wanted = filter === undefined ? null : new Set(filter);
    const duration = ({ id }: Test): number => this.#durations.get(id) ?? 0;
    return [...this.#tests.values()]
      .filter(({ id }) => wanted?.has(id) ?? true)
      .toSorted((a, b) => duration(a) - duration(b));
  }
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

export const strykerPlugins = [{ kind: "TestRunner", name: "holdpoint", factory: () => new Runner() }];
