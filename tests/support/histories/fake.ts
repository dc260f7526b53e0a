import type { Dice } from "../dice.ts";
import type { Specification } from "../linear.ts";
import type { Input, Model, Output } from "./model.ts";
import type { Ground } from "./players.ts";

/**
 * An action in this process that reads where it stands, decides by the real machine, and keeps what came of it. `gap`: it gives way
 * between reading and keeping, which is the mistake that an object must not make. Nothing here but the dice decides who comes when.
 */
export function fakeAction(
  specification: Specification<Model, Input, Output>,
  dice: Dice,
  gap: boolean,
): Ground {
  let kept = specification.first;
  let time = 0;
  const hops = async (most: number): Promise<void> => {
    for (let left = dice.below(most); left > 0; left -= 1) await Promise.resolve();
  };
  return {
    clock: () => (time += 1),
    pause: () => hops(8),
    send: async (input) => {
      await hops(8);
      const read = kept;
      if (gap) await hops(8);
      const { state, output } = specification.apply(read, input);
      kept = state;
      await hops(8);
      return output;
    },
  };
}
