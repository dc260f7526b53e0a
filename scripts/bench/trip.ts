import type { Driver, Pending, Waiter } from "./driver.ts";
import { medianRound, summarise, type Summary } from "./statistics.ts";

/** One request for approval, step by step, whoever keeps it. Each step comes back when it is acknowledged. */
export type Approval = {
  /** Comes back when waiting has begun: from then on the decision is told at once. */
  readonly wait: () => Promise<Waiter>;
  readonly decide: () => Promise<void>;
  /** What the agent does with the decision, until what came of it is recorded. */
  readonly outcome: () => Promise<void>;
};

/** Whoever keeps approvals, as an agent and its reviewer drive it. */
export type Keeper = { readonly create: () => Promise<Approval> };

/** The engine and the floor: the agent waits on a WebSocket, and carries out what was approved with a claim and a report. */
export function keeperOf(driver: Driver): Keeper {
  return { create: async () => approvalOf(driver, await driver.create()) };
}

export const approvalOf = (driver: Driver, action: Pending): Approval => ({
  wait: () => driver.wait(action, "websocket"),
  decide: () => driver.approve(action),
  outcome: () => driver.carryOut(action),
});

/** Milliseconds of one whole approval: of the create call, and from the start of the decide call. */
type Trip = { readonly create: number; readonly resume: number; readonly durable: number };

/**
 * One round of whole approvals. `create`: how long its call took. `resume`: from the start of the decide call until the
 * agent has the decision. `durable`: from there until the outcome is acknowledged. `perSecond` is the same in all three:
 * approvals that went the whole way.
 */
export type Trips = { readonly create: Summary; readonly resume: Summary; readonly durable: Summary };

/** Create, wait, decide, have the decision, record the outcome. */
export async function tripOnce(keeper: Keeper): Promise<Trip> {
  const started = performance.now();
  const approval = await keeper.create();
  const create = performance.now() - started;
  const waiter = await approval.wait();
  const asked = performance.now();
  const decided = approval.decide();
  // A decision that is refused ends the wait; one that is slow to be acknowledged does not hold the agent up.
  const resumed = await Promise.race([waiter.resumed, decided.then(() => waiter.resumed)]);
  await approval.outcome();
  const durable = performance.now() - asked;
  waiter.close();
  await decided;
  return { create, resume: resumed - asked, durable };
}

/** `clients` that each go one whole way after another for `seconds`. */
export async function measureTrips(keeper: Keeper, clients: number, seconds: number): Promise<Trips> {
  const trips: Trip[] = [];
  const started = performance.now();
  const until = started + seconds * 1_000;
  const run = async (): Promise<void> => {
    do trips.push(await tripOnce(keeper));
    while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: clients }, run));
  const elapsed = performance.now() - started;
  const summary = (of: (trip: Trip) => number): Summary => summarise(trips.map(of), elapsed);
  return {
    create: summary(({ create }) => create),
    resume: summary(({ resume }) => resume),
    durable: summary(({ durable }) => durable),
  };
}

/** The median round, figure by figure. */
export function medianTrips(rounds: readonly Trips[]): Trips {
  return {
    create: medianRound(rounds.map(({ create }) => create)),
    resume: medianRound(rounds.map(({ resume }) => resume)),
    durable: medianRound(rounds.map(({ durable }) => durable)),
  };
}
