import { visible } from "../../../core/card/visible.ts";
import type { ActionView } from "../../../schemas/action.ts";
import type { Terminal } from "../terminal.ts";

/** A change to the engine itself was asked for and not made: what it waits for, and how it goes on. */
export function tellWaiting(terminal: Terminal, action: ActionView, next?: string): void {
  if (terminal.json) return terminal.document(action);
  const { id, seats } = action;
  const whom = seats.map(({ n, from }) => `${n} of ${from.map(visible).join(", ")}`).join(" and ");
  terminal.print(`${terminal.out.yellow("…")} ${id} waits for ${whom}; nothing is changed yet.`);
  terminal.note(`Somebody else agrees with: npx holdpoint approve ${id} --as person:NAME`);
  if (action.requester.kind === "service") {
    terminal.note("A service asked, whose key anybody may hold, so two people agree to it.");
  }
  if (next !== undefined) terminal.note(next);
}

/** What was changed without anybody else's agreement says so. */
export function tellWarning(terminal: Terminal, { warning }: { warning?: string | undefined }): void {
  if (warning !== undefined) terminal.note(terminal.err.yellow(`! ${visible(warning)}`));
}
