import type { ActionView } from "../../schemas/action.ts";
import type { Interrupts } from "./interrupts.ts";
import { argvFor, perform, takenOutOf, type Performed } from "./perform.ts";
import type { Session } from "./session.ts";

/** Carries out the rollback of an action that is `rolling_back`, as its executor. Undefined where a person has to do it by hand. */
export async function rollBack(
  session: Session,
  interrupts: Interrupts,
  action: ActionView,
): Promise<Performed | undefined> {
  const { terminal } = session;
  const fault = takenOutOf(action, "rollback");
  if (fault !== null) {
    terminal.note(
      `${terminal.err.yellow("!")} ${fault} Do what the plan says, then report it through the API.`,
    );
    return undefined;
  }
  if (argvFor(action, "rollback") === undefined) {
    terminal.note(
      `${terminal.err.yellow("!")} ${action.id} is being rolled back, and its plan holds no argv to run: do what the plan says, then report it through the API.`,
    );
    return undefined;
  }
  terminal.note(`${terminal.err.cyan("↺")} rolling back ${action.id} with the approved command`);
  const performed = await perform(session, interrupts, action, "rollback");
  const worked = performed.execution.exitCode === 0 && performed.action?.state !== "rollback_failed";
  const mark = worked ? terminal.err.cyan("↺") : terminal.err.red("✗");
  const state = performed.action?.state ?? "not reported yet";
  terminal.note(`${mark} ${action.id} ${state.replaceAll("_", " ")}: ${performed.summary}`);
  if (!worked) terminal.note("  The target is in a state nobody planned: somebody must look at it.");
  return performed;
}
