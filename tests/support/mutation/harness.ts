import {
  chai,
  ASYMMETRIC_MATCHERS_OBJECT,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";

/**
 * Stands in for "vitest" while thousands of changed programs are tried: what a test file says is kept, and its tests can be run as
 * often as one likes, in a process that is there already. Vitest itself takes half a second to begin, for each change anew. The
 * assertions are vitest's own. A test file that asks for something that is not here fails, and with it the run.
 */

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

const matchers: unknown = Reflect.get(globalThis, ASYMMETRIC_MATCHERS_OBJECT);
export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  matchers,
);
Reflect.set(globalThis, GLOBAL_EXPECT, expect);
setState({ assertionCalls: 0, isExpectingAssertions: false }, expect as never);

type Hook = () => unknown;
type Context = { expect: typeof expect; onTestFinished: (hook: Hook) => void };
type Body = (context: Context) => unknown;
type Suite = {
  readonly name: string;
  readonly parent: Suite | null;
  readonly beforeAll: Hook[];
  readonly afterAll: Hook[];
  readonly beforeEach: Hook[];
  readonly afterEach: Hook[];
};
export type Test = { readonly id: string; readonly suite: Suite; readonly body: Body };

const suiteOf = (name: string, parent: Suite | null): Suite => ({
  name,
  parent,
  beforeAll: [],
  afterAll: [],
  beforeEach: [],
  afterEach: [],
});

let suite = suiteOf("", null);
let tests = new Map<string, Test>();

/** Collects the tests of files, one after the other. */
export async function collected(
  files: readonly string[],
  load: (file: string) => Promise<unknown>,
): Promise<ReadonlyMap<string, Test>> {
  tests = new Map();
  for (const file of files) {
    suite = suiteOf(file, null);
    // oxlint-disable-next-line no-await-in-loop -- what is collected goes to the suite that is open
    await load(file);
    await Promise.all(pending);
    pending = [];
  }
  return tests;
}

/** Suites whose body is asynchronous. */
let pending: unknown[] = [];

const nameOf = (one: Suite): string =>
  one.parent === null ? one.name : `${nameOf(one.parent)} > ${one.name}`;

type Options = { readonly timeout?: number };

/** The body may come before or after the options. */
function bodyOf<Each>(first: Each | Options | undefined, second: Each | Options | undefined): Each {
  const body: unknown = typeof first === "function" ? first : second;
  if (typeof body !== "function") throw new Error("A test without a body");
  return body as Each;
}

function define(name: string, body: Body): void {
  let id = `${nameOf(suite)} > ${name}`;
  // Rows that are called the same are told apart by their place.
  for (let count = 2; tests.has(id); count++) id = `${nameOf(suite)} > ${name} (${count})`;
  tests.set(id, { id, suite, body });
}

function open(name: string, body: Hook): void {
  const outer = suite;
  suite = suiteOf(name, outer);
  pending.push(body());
  suite = outer;
}

type Define = (name: string, first?: Body | Options, second?: Body | Options) => void;
type Rows = (rows: readonly unknown[]) => (name: string, first: unknown, second?: unknown) => void;
type RowBody = (row: unknown, context: Context) => unknown;
type SpreadBody = (...row: unknown[]) => unknown;

const nothing: Define = () => undefined;
/** By its place and not by what it says: a row may hold what is drawn anew, and a test has to be found again when all is loaded anew. */
const titled = (name: string, index: number): string =>
  `${name.replaceAll(/%[sdifjoO#$]/gu, "%")} [${index}]`;

const forRows: Rows = (rows) => (name, first, second) => {
  const body = bodyOf<RowBody>(first as RowBody, second as RowBody);
  for (const [index, row] of rows.entries()) {
    define(titled(name, index), (context) => body(row, context));
  }
};
const eachRows: Rows = (rows) => (name, first, second) => {
  const body = bodyOf<SpreadBody>(first as SpreadBody, second as SpreadBody);
  for (const [index, row] of rows.entries()) {
    define(titled(name, index), () => (Array.isArray(row) ? body(...(row as unknown[])) : body(row)));
  }
};

/** Tests that are too slow to be made for every change, by the beginnings of their names. */
const slow = (process.env["HOLDPOINT_MUTATION_SLOW"] ?? "").split("|").filter((name) => name !== "");
/** Campaigns ask for more (ms), and are parts of their own. */
const quickMs = 300_000;
const isCampaign = (options: Body | Options | undefined): boolean =>
  typeof options === "object" && (options.timeout ?? 0) > quickMs;

const defineTest: Define = (name, first, second) => {
  if (isCampaign(first) || isCampaign(second) || slow.some((each) => name.startsWith(each))) return;
  define(name, bodyOf<Body>(first, second));
};
export const test = Object.assign(defineTest, {
  for: forRows,
  each: eachRows,
  skip: nothing,
  skipIf: (skip: unknown): Define => (skip ? nothing : defineTest),
  runIf: (run: unknown): Define => (run ? defineTest : nothing),
});
export const it = test;

const defineSuite = (name: string, first?: Hook | Options, second?: Hook | Options): void =>
  open(name, bodyOf<Hook>(first, second));
export const describe = Object.assign(defineSuite, {
  for: (rows: readonly unknown[]) => (name: string, body: (row: unknown) => unknown) => {
    for (const [index, row] of rows.entries()) open(titled(name, index), () => body(row));
  },
  skipIf: (skip: unknown) => (skip ? nothing : defineSuite),
  runIf: (run: unknown) => (run ? defineSuite : nothing),
});

export const beforeAll = (hook: Hook): void => void suite.beforeAll.push(hook);
export const afterAll = (hook: Hook): void => void suite.afterAll.push(hook);
export const beforeEach = (hook: Hook): void => void suite.beforeEach.push(hook);
export const afterEach = (hook: Hook): void => void suite.afterEach.push(hook);

const outerFirst = (one: Suite | null): Suite[] => (one === null ? [] : [...outerFirst(one.parent), one]);

/** Runs one test with everything that belongs round it. @returns what went wrong, or null. */
export async function runTest({ suite: own, body }: Test): Promise<unknown> {
  const suites = outerFirst(own);
  const finished: Hook[] = [];
  const each = async (hooks: readonly Hook[]): Promise<void> => {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what they mean
    for (const hook of hooks) await hook();
  };
  try {
    await each(suites.flatMap((one) => [...one.beforeAll]));
    await each(suites.flatMap((one) => [...one.beforeEach]));
    await body({ expect, onTestFinished: (hook) => void finished.push(hook) });
    return null;
  } catch (error) {
    return error ?? new Error("a test threw nothing");
  } finally {
    await each([
      ...finished,
      ...suites.toReversed().flatMap((one) => one.afterEach),
      ...suites.toReversed().flatMap((one) => one.afterAll),
    ]);
  }
}
