import { randomUUID } from "node:crypto";
import { call } from "../bench/http.ts";
import { type Counts, totalsOf, type Totals } from "./counts.ts";
import { type MeteredEngine, startMetered } from "./engine.ts";
import { live, type Pace, type Stage } from "./life.ts";
import { startReceiver } from "./receiver.ts";

/** What a number of standard lives took. Everything but `counts` is for one life. */
export type Run = {
  readonly lives: number;
  readonly totals: Totals;
  /** Milliseconds of processor time of all of workerd; null where the system does not tell. */
  readonly cpuMs: number | null;
  /** Alarms that were still set when all was quiet: each will be one more request to an object. */
  readonly alarmsLeft: number;
  readonly webhooks: number;
  readonly counts: Counts;
};

/** The same life at three paces; see `count`. */
export type Findings = { readonly together: Run; readonly apart: Run; readonly slow: Run };

const hasty: Pace = { stepMs: 0, approverMs: 0 };
/** Longer than a queue gathers a batch, so that nothing of one step meets anything of the next. */
const apart: Pace = { stepMs: 1_600, approverMs: 0 };
/** Longer than an action waits for a send to be acknowledged, so that whatever it then does is counted. */
const slow: Pace = { stepMs: 0, approverMs: 40_000 };

/**
 * Runs `lives` lives at once; `apartLives` one after another with pauses, so that they share nothing; and `lives` at once
 * again whose approvers take their time. Counts each.
 */
export async function count(
  lives: number,
  apartLives: number,
  tell: (step: string, detail?: string) => void,
): Promise<Findings> {
  tell("Starting the counting engine");
  const metered = await startMetered();
  const stage: Stage = { engine: metered.engine, receiver: await startReceiver() };
  await subscribe(stage);
  const warmUp = "One life to warm up";
  tell(warmUp);
  await metered.meter.settled([nameOf(stage, await live(stage, hasty))], (text) => tell(warmUp, text));

  const atOnce = (pace: Pace) => async (done: (id: string) => void) => {
    await Promise.all(Array.from({ length: lives }, async () => done(await live(stage, pace))));
  };
  const inTurn = async (done: (id: string) => void): Promise<void> => {
    for (let life = 0; life < apartLives; life += 1) done(await live(stage, apart));
  };
  const run = async (name: string, number: number, work: Work): Promise<Run> =>
    await counted(metered, stage, number, (detail) => tell(`${number} lives ${name}`, detail), work);
  return {
    together: await run("at once", lives, atOnce(hasty)),
    apart: await run("one after another", apartLives, inTurn),
    slow: await run("with slow approvers", lives, atOnce(slow)),
  };
}

/** The name of an action's object. */
const nameOf = ({ engine }: Stage, id: string): string => `${engine.workspace}/${id}`;

/** Runs lives to their end and tells each one's id. */
type Work = (done: (id: string) => void) => Promise<void>;

async function counted(
  { meter }: MeteredEngine,
  stage: Stage,
  lives: number,
  tell: (detail: string) => void,
  work: Work,
): Promise<Run> {
  tell("");
  await meter.beginAgain();
  const { receiver } = stage;
  const heardBefore = receiver.count();
  const cpuBefore = meter.cpuMs();
  const objects: string[] = [];
  await work((id) => {
    objects.push(nameOf(stage, id));
    tell(`${objects.length} have ended`);
  });
  const cpuAfter = meter.cpuMs();
  const { counts, alarmsLeft } = await meter.settled(objects, tell);
  return {
    lives,
    totals: totalsOf(counts, lives),
    cpuMs: cpuBefore === null || cpuAfter === null ? null : (cpuAfter - cpuBefore) / lives,
    alarmsLeft: alarmsLeft / lives,
    webhooks: (receiver.count() - heardBefore) / lives,
    counts,
  };
}

/** One endpoint that wants one type: the notice on which an agent goes on. */
async function subscribe({ engine, receiver }: Stage): Promise<void> {
  const headers = {
    authorization: `Bearer ${engine.keys["operator"]}`,
    "content-type": "application/json",
    "idempotency-key": randomUUID(),
  };
  const body = JSON.stringify({ url: receiver.url, events: ["action.approved"] });
  await call({ method: "POST", url: `${engine.url}/v1/webhooks`, headers, body });
}
