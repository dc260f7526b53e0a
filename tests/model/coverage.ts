import type { Command } from "../../core/machine/command.ts";
import { holds, type Guard } from "../../core/machine/guards.ts";
import { transitions, type Cell } from "../../core/machine/transitions.ts";
import type { Taken } from "./node.ts";

type PlaceName = keyof typeof transitions;

const edgeName = (place: string, command: string, index: number): string => `${place}.${command}[${index}]`;
const cellsOf = (place: PlaceName): [string, Cell][] => Object.entries(transitions[place]);
const placesOf = (): PlaceName[] => Object.keys(transitions) as PlaceName[];

/** Every edge of the table, every cell that may answer without one, and every guard of the table both ways. */
function wanted(): string[] {
  const names = new Set<string>();
  for (const place of placesOf()) {
    for (const [command, { needs, edges }] of cellsOf(place)) {
      for (const [index, { if: guards = [] }] of edges.entries()) {
        names.add(edgeName(place, command, index));
        for (const guard of guards) names.add(`${guard} holds`).add(`${guard} fails`);
      }
      for (const guard of needs) names.add(`${guard} holds`).add(`${guard} fails`);
    }
  }
  return [...names];
}

/** Which parts of the table a search has been through. */
export class Coverage {
  readonly #met = new Map<string, number>();
  readonly #seen = new Set<string>();

  /** Walks the table by hand for a move, the first time one like it is made. */
  note({ world, node, move: { command, facts }, step }: Taken): void {
    const place: PlaceName = node.state.seq === 0 ? "new" : node.settled.state;
    const cell: Cell | undefined = transitions[place][command.type];
    if (cell === undefined) return;
    const types = step.events.map(({ type }) => type).join();
    const like = [
      world.name,
      place,
      command.type,
      step.refusal?.code,
      step.refusal?.detail,
      step.state.state,
      step.state.detail,
      types,
    ].join("|");
    if (this.#seen.has(like)) return;
    this.#seen.add(like);
    const situation = {
      payload: world.payload,
      state: node.settled,
      command,
      facts,
      now: Math.max(node.now, node.state.at),
    };
    const meets = (guard: Guard): boolean => {
      const does = holds(guard, situation);
      this.#meet(`${guard} ${does ? "holds" : "fails"}`);
      return does;
    };
    if (!cell.needs.every(meets)) return;
    const index = cell.edges.findIndex(({ if: guards = [] }) => guards.every(meets));
    if (index !== -1) this.#meet(edgeName(place, command.type satisfies Command["type"], index));
  }

  /** What no move has been through. */
  missing(): string[] {
    return wanted().filter((name) => !this.#met.has(name));
  }

  get size(): number {
    return wanted().length;
  }

  #meet(name: string): void {
    this.#met.set(name, (this.#met.get(name) ?? 0) + 1);
  }
}
