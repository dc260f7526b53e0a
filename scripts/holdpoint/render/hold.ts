import type { Gone } from "../../../client/holds.ts";

/** What of a scope was let go of before it was held, for whoever might think that it is still there. */
export function goneText({ actions, byClass }: Gone): string {
  if (actions === 0) return "Nothing of it had been let go of before.";
  const classes = Object.entries(byClass)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} values of ${count}`);
  const whose = actions === 1 ? "1 action that it covers had" : `${actions} actions that it covers had`;
  return `Gone before and not brought back: ${whose} let go of something (${classes.join(", ")}).`;
}
