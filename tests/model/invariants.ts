import { halfOpen, late, lateAlarm, ticksOnce, windows } from "./invariants/clocks.ts";
import { answeredAgain, leased, once } from "./invariants/leases.ts";
import {
  foldsToLive,
  forward,
  noticed,
  overIsOver,
  refusals,
  wellFormed,
  oneLevelUp,
  wordsMoveNothing,
} from "./invariants/log.ts";
import { answeredFor } from "./invariants/glass.ts";
import type { Invariant } from "./invariants/invariant.ts";
import { acts, asksForPreconditions, lands, still } from "./invariants/outcomes.ts";
import { authorised } from "./invariants/rights.ts";
import {
  agreed,
  bound,
  counts,
  excluded,
  monotone,
  orderless,
  remembered,
  tightened,
} from "./invariants/votes.ts";

/** I1 to I10 of semantics §12, and what else the machine promises, each asked about every move. */
export const invariants = {
  I1: agreed,
  I2: excluded,
  I3: once,
  I4: foldsToLive,
  I5: forward,
  I6: noticed,
  I7: monotone,
  I8: orderless,
  I9: tightened,
  I10: overIsOver,
  halfOpen,
  counts,
  windows,
  refusals,
  bound,
  authorised,
  acts,
  lands,
  still,
  asksForPreconditions,
  leased,
  answeredAgain,
  remembered,
  ticksOnce,
  lateAlarm,
  late,
  wellFormed,
  oneLevelUp,
  answeredFor,
  wordsMoveNothing,
} satisfies Record<string, Invariant>;
export type InvariantName = keyof typeof invariants;
