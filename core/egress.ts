/**
 * How much one workspace may send out at once and in a minute (threat T12), so that no workspace makes a battering ram of the engine or
 * holds up the others with receivers that do not answer. Counted where it is kept: each isolate has one of these.
 */
export type EgressLimits = {
  /** Sends under way at the same time. */
  readonly concurrent: number;
  /** Sends begun in a minute; what was not used up is there for a burst, at most a minute's worth. */
  readonly perMinute: number;
};

export const defaultEgress: EgressLimits = { concurrent: 100, perMinute: 6_000 };

type Use = { active: number; tokens: number; at: number };

const minuteMs = 60_000;
/** Workspaces remembered; past it those that have been quiet for a minute are forgotten, which changes nothing for them. */
const maxKept = 1_000;

export class Egress {
  readonly #limits: EgressLimits;
  readonly #uses = new Map<string, Use>();

  constructor(limits: EgressLimits) {
    this.#limits = limits;
  }

  /** Begins a send at `now` (epoch ms). @returns what ends it, once; or null where the workspace has to wait. */
  begin(workspace: string, now: number): (() => void) | null {
    const { concurrent, perMinute } = this.#limits;
    const before = this.#uses.get(workspace);
    const use = before ?? { active: 0, tokens: perMinute, at: now };
    if (before === undefined) {
      if (this.#uses.size >= maxKept) this.#forgetQuiet(now);
      this.#uses.set(workspace, use);
    }
    // A clock that is set back earns nothing.
    const earned = (Math.max(now - use.at, 0) * perMinute) / minuteMs;
    use.tokens = Math.min(perMinute, use.tokens + earned);
    use.at = now;
    if (use.active >= concurrent || use.tokens < 1) return null;
    use.tokens -= 1;
    use.active += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      use.active -= 1;
    };
  }

  #forgetQuiet(now: number): void {
    for (const [workspace, { active, at }] of this.#uses) {
      if (active === 0 && now - at >= minuteMs) this.#uses.delete(workspace);
    }
  }
}
