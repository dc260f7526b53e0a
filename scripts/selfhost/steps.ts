import type { Ora } from "ora";

/** Hears how far a step is. */
export type Tell = (step: string, done: number, all: number) => void;

/** Shows the step and how far it is; where there is no terminal, one line for each step. */
export function stepsOn(progress: Ora): Tell {
  let last = "";
  return (step, done, all) => {
    if (step !== last) progress.start(step);
    last = step;
    if (done % 50 === 0 || done === all) progress.text = `${step}: ${done} of ${all} files`;
  };
}
