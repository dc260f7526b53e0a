import type { step } from "../../core/machine/step.ts";
import type { rowsFor } from "../../core/outbox.ts";
import type { Event } from "../../schemas/event.ts";
import type { ActionState } from "../../schemas/stored.ts";
import type { Votes } from "./truth.ts";
import type { Move, World } from "./world.ts";

/** What is under test: the real machine, or one with a bug in it. */
export type Machine = { readonly step: typeof step; readonly rowsFor: typeof rowsFor };

/**
 * What a bystander has counted since the request, from the commands that were accepted and the events they gave. The
 * invariants that speak of the past are judged by it and not by what the machine remembers of itself.
 */
export type History = {
  readonly votes: Votes;
  readonly claims: number;
  readonly undone: number;
  readonly fence: number;
  readonly lateReports: number;
  /** When the run that is on must have ended (epoch ms). */
  readonly executionEnds: number | null;
  /** Who has broken the glass, and how often that was reviewed. */
  readonly glass: string | null;
  readonly reviews: number;
  /** The end that lets nothing run any more. */
  readonly over: "denied" | "cancelled" | "expired" | null;
};

/** A place in the search: where the action stands, what time it is, and how it came there. */
export type Node = {
  readonly state: ActionState;
  /** Epoch ms, at or after the last event. */
  readonly now: number;
  readonly history: History;
  /** Where time alone leads by now, as the machine itself has it. */
  readonly settled: ActionState;
  readonly from: Node | null;
  readonly label: string;
  readonly events: readonly Event[];
};

/** One move made: what the invariants are asked about. */
export type Taken = {
  readonly world: World;
  readonly machine: Machine;
  readonly node: Node;
  readonly move: Move;
  readonly step: ReturnType<Machine["step"]>;
  readonly after: History;
};
