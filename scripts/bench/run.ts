import { setTimeout as delay } from "node:timers/promises";
import {
  clientCounts,
  fillBoth,
  measureCell,
  pairOf,
  warmUp,
  whats,
  type Cell,
  type Effort,
  type Pair,
  type What,
} from "./cells.ts";
import { hasBrowser, measurePage, type PageFigures } from "./page.ts";
import {
  baselineOf,
  measureRestart,
  shareOf,
  sizes,
  type PendingFootprint,
  type Restart,
} from "./pending.ts";
import { measureEvaluation, type Evaluation } from "./evaluation.ts";
import { measureEvidence, type EvidenceCost } from "./evidence.ts";
import {
  type BoardLag,
  type HotAction,
  type HotWorkspace,
  measureBoardLag,
  measureHotAction,
  measureHotWorkspace,
} from "./hot.ts";
import { measureProfile, type Profile } from "./profile/measure.ts";
import { measureWaiters, type Waiting } from "./waiters.ts";
import { measureRoundtrip, type Roundtrip } from "./roundtrip.ts";
import { type Mode, startServer } from "./server.ts";

export const sections = [
  "roundtrip",
  "create",
  "resume",
  "pending",
  "waiters",
  "hot",
  "profile",
  "evaluation",
  "evidence",
  "page",
] as const;
export type Section = (typeof sections)[number];

/** What to measure, how thoroughly, and who is told how far it is. */
export type Plan = Effort & {
  readonly modes: readonly Mode[];
  readonly sections: readonly Section[];
  /** How many actions are to be pending, ascending. */
  readonly levels: readonly number[];
  /** A fill that takes longer goes on with what there is. */
  readonly maxFillSeconds: number;
  /** The operating system is given this long to put what was filled in on the disk. */
  readonly settleSeconds: number;
  /**
   * After this long without a request the memory and disk of idle objects are measured; 0 leaves that out. The runtime
   * puts an object away after ten seconds.
   */
  readonly idleSeconds: number;
  readonly restarts: number;
  /** Whether what a user could take instead takes part in the round trip, and how thoroughly that is measured. */
  readonly peers: boolean;
  /** How many wait at once, and how often one action is voted on. */
  readonly waiters: number;
  readonly votes: number;
  readonly trips: Effort & { readonly pauseSeconds: number };
  /** `detail` changes while a step goes on. */
  readonly tell: (step: string, detail?: string) => void;
  /** What a server had to say before the run failed. */
  readonly complain: (text: string) => void;
};

export type Report = {
  /** Null where it was not asked for. */
  roundtrip: Roundtrip | null;
  readonly cells: Cell[];
  readonly footprints: PendingFootprint[];
  readonly restarts: Restart[];
  readonly waiting: Waiting[];
  readonly hotActions: HotAction[];
  readonly hotWorkspace: HotWorkspace[];
  readonly boardLags: BoardLag[];
  readonly profiles: Profile[];
  /** Null where it was not asked for, or where no browser was found. */
  page: PageFigures | null;
  readonly evaluations: Evaluation[];
  /** Null where it was not asked for. */
  evidence: EvidenceCost | null;
};

/** Runs the plan, mode by mode. Servers and their data are gone afterwards, also when it fails. */
export async function runPlan(plan: Plan): Promise<Report> {
  const report: Report = {
    roundtrip: null,
    cells: [],
    footprints: [],
    restarts: [],
    waiting: [],
    hotActions: [],
    hotWorkspace: [],
    boardLags: [],
    profiles: [],
    evaluations: [],
    evidence: null,
    page: null,
  };
  if (plan.sections.includes("evaluation")) {
    plan.tell("deciding by 1,000 contracts");
    report.evaluations.push(measureEvaluation(1_000, plan));
  }
  if (plan.sections.includes("evidence")) {
    plan.tell("what evidence costs a life");
    report.evidence = measureEvidence(plan);
  }
  if (plan.sections.includes("roundtrip")) {
    report.roundtrip = await measureRoundtrip({ ...plan, ...plan.trips });
  }
  for (const mode of plan.modes) await measureMode(mode, plan, report);
  if (plan.sections.includes("profile")) {
    report.profiles.push(...(await measureProfile(plan.trips.seconds, plan.tell)));
  }
  if (plan.sections.includes("page")) report.page = await measureInBrowser(plan);
  return report;
}

async function measureMode(mode: Mode, plan: Plan, report: Report): Promise<void> {
  // With some pending nothing can be told without the figures from before there were any.
  const all = plan.sections.includes("pending");
  const wanted = whats.filter(({ work }) => all || plan.sections.includes(work));
  if (wanted.length > 0) {
    await withPair(mode, plan, (pair) => measureCells(pair, { mode, pending: 0 }, wanted, plan, report));
  }
  if (plan.sections.includes("pending")) {
    await withPair(mode, plan, (pair) => measurePending(pair, mode, plan, report));
  }
  if (plan.sections.includes("hot")) {
    await withPair(mode, plan, (pair) => measureHot(pair, mode, plan, report));
  }
  if (plan.sections.includes("waiters")) {
    await withPair(mode, plan, async (pair) => {
      report.waiting.push(...(await measureWaiters(pair, mode, { ...plan, wanted: plan.waiters })));
    });
  }
}

/** As people have it: `npm start`, and 1,000 pending. */
async function measureInBrowser(plan: Plan): Promise<PageFigures | null> {
  if (!hasBrowser()) {
    plan.complain("page: left out, there is no Chromium. Set CHROMIUM_PATH to one.");
    return null;
  }
  plan.tell("page: starting the engine");
  const server = await startServer("engine", "start");
  try {
    return await measurePage(server, { ...plan, pending: 1_000 });
  } catch (error) {
    plan.complain(`engine: ${server.group.errors().slice(-2_000)}`);
    throw error;
  } finally {
    await server.stop();
  }
}

async function withPair(mode: Mode, plan: Plan, work: (pair: Pair) => Promise<void>): Promise<void> {
  plan.tell(`${mode}: starting the engine and the floor`);
  const engine = await startServer("engine", mode);
  const floor = await startServer("floor", mode);
  try {
    const pair = pairOf(engine, floor);
    await warmUp(pair);
    await work(pair);
  } catch (error) {
    for (const { subject, group } of [engine, floor]) {
      plan.complain(`${subject}: ${group.errors().slice(-2_000)}`);
    }
    throw error;
  } finally {
    await Promise.all([engine.stop(), floor.stop()]);
  }
}

const nameOf = (what: What): string =>
  what.work === "create" ? "create" : `decide to resume by ${what.via}`;

async function measureCells(
  pair: Pair,
  where: { mode: Mode; pending: number },
  wanted: readonly What[],
  plan: Plan,
  report: Report,
): Promise<void> {
  for (const what of wanted) {
    for (const clients of clientCounts) {
      plan.tell(`${where.mode}, ${where.pending} pending: ${nameOf(what)}, clients: ${clients}`);
      report.cells.push(await measureCell(pair, { ...where, what, clients }, plan));
    }
  }
}

async function measurePending(pair: Pair, mode: Mode, plan: Plan, report: Report): Promise<void> {
  const before = baselineOf(pair);
  for (const level of plan.levels) {
    await fillBoth(pair, level, plan.maxFillSeconds, (at) => plan.tell(`${mode}: filling`, at));
    report.footprints.push(shareOf(pair, before, { mode, when: "busy" }));
    await delay(plan.settleSeconds * 1_000);
    const pending = Math.min(...Object.values(sizes(pair)));
    await measureCells(pair, { mode, pending }, whats, plan, report);
  }
  if (plan.idleSeconds > 0) {
    plan.tell(`${mode}: leaving both alone for ${plan.idleSeconds} s`);
    await delay(plan.idleSeconds * 1_000);
    report.footprints.push(shareOf(pair, before, { mode, when: "idle" }));
  }
  plan.tell(`${mode}: kill -9 and start again with ${pair.engine.pool.size} pending`);
  report.restarts.push(await measureRestart(pair, mode, plan.restarts));
}

/** With as many pending as the first level has, as a workspace that is at work has. */
async function measureHot(pair: Pair, mode: Mode, plan: Plan, report: Report): Promise<void> {
  const [level = 0] = plan.levels;
  await fillBoth(pair, level, plan.maxFillSeconds, (at) => plan.tell(`${mode}: filling`, at));
  plan.tell(`${mode}: ${plan.votes} votes on one action`);
  report.hotActions.push(...(await measureHotAction(pair, mode, plan.votes)));
  const { server } = pair.engine;
  plan.tell(`${mode}: how far the Board is behind`);
  report.boardLags.push(await measureBoardLag(server, mode, plan.seconds * 3));
  // Last, because it leaves a directory of some hundred people behind.
  report.hotWorkspace.push(...(await measureHotWorkspace(server, mode, plan.seconds * 3, plan.tell)));
}
