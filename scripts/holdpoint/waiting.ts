import { HoldpointError } from "../../client/index.ts";
import type { ActionView } from "../../schemas/action.ts";
import { localKeys } from "./connection.ts";
import { exitCodes } from "./exit-code.ts";
import { exitCodeOfSignal, type Interrupts } from "./interrupts.ts";
import { stateText } from "./render/card.ts";
import { left } from "./render/time.ts";
import { visible } from "../../core/card/visible.ts";
import type { Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** Tells whoever asked what happens now: where it can be approved, by whom, and how. */
export function announce({ terminal, connection }: Session, action: ActionView): void {
  const { bold, dim } = terminal.err;
  terminal.note(
    `${bold(action.id)}  ${visible(action.type)} on ${visible(action.target.resource)}  risk ${action.risk}  ${stateText(action, terminal.err)}`,
  );
  const { mode, would } = action.decision;
  if (mode === "warn" && would !== undefined && would.outcome !== "allow") {
    terminal.note(`  ${terminal.err.yellow("warned")}   ${visible(action.decision.because)}`);
  }
  if (action.state !== "pending") return;
  for (const { seat, n, filled, from } of action.seats) {
    terminal.note(`  ${dim("needs")}    ${visible(seat)}: ${n - filled} of ${from.map(visible).join(", ")}`);
  }
  terminal.note(`  ${dim("page")}     ${visible(action.links.page)}`);
  terminal.note(
    `  ${dim("approve")}  npx holdpoint approve ${action.id}${approverHint(action, Object.keys(localKeys(connection)))}`,
  );
}

/** Somebody whose key is in dev.json and who is not excluded for sure. Whether they are in the group, the engine knows. */
function approverHint({ requester, seats }: ActionView, names: readonly string[]): string {
  const people = names.filter(
    (name) => name.startsWith("person:") && name !== requester.owner && name !== requester.onBehalfOf,
  );
  const named = seats.flatMap((seat) => seat.from);
  const person = people.find((name) => named.some((selector) => selector === name)) ?? people[0];
  return person === undefined ? "" : ` --as ${person}`;
}

/**
 * Waits for the decision with the spinner turning. An interrupt cancels the action. Answers it as it was decided, or the exit
 * code where the wait ended otherwise.
 */
export async function awaitDecision(
  session: Session,
  interrupts: Interrupts,
  asked: ActionView,
  { timeoutMs, idempotencyKey }: { timeoutMs: number | undefined; idempotencyKey: string },
): Promise<ActionView | number> {
  const { client, terminal } = session;
  const before = interrupts.since(0);
  if (asked.state !== "pending") return before === undefined ? asked : await cancel(session, asked, before);
  const stop = new AbortController();
  if (before !== undefined) stop.abort();
  const spinner = terminal.spin(
    `waiting for approval (${left(asked.deadlines.pending, Date.now()) ?? "no limit"} left)`,
  );
  const tick = setInterval(
    () =>
      spinner.text(`waiting for approval (${left(asked.deadlines.pending, Date.now()) ?? "no limit"} left)`),
    1_000,
  );
  try {
    const decided = await interrupts.during(
      (signal, count) => (count === 1 ? stop.abort() : process.exit(exitCodeOfSignal(signal))),
      () =>
        client.wait(asked.id, {
          afterSeq: asked.seq,
          signal: stop.signal,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          onAction: (action) => progress(action, (text) => spinner.line(text)),
        }),
    );
    spinner.stop();
    if (decided.state === "approved") {
      terminal.note(`${terminal.err.green("✓")} approved by ${approvers(decided)}`);
    }
    return decided;
  } catch (error) {
    spinner.stop();
    if (stop.signal.aborted) return await cancel(session, asked, interrupts.since(0) ?? "SIGINT");
    if (!(error instanceof HoldpointError) || error.code !== "wait_timeout") throw error;
    terminal.note(
      `${terminal.err.yellow("!")} ${asked.id} is still undecided. It goes on; to wait again, run the same with --idempotency-key ${idempotencyKey}`,
    );
    if (terminal.json) terminal.document({ action: await client.get(asked.id), ran: false });
    return exitCodes.stillWaiting;
  } finally {
    clearInterval(tick);
  }
}

/** A vote that was not yet the last is news for whoever waits. */
function progress(action: ActionView, line: (text: string) => void): void {
  if (action.state !== "pending") return;
  const latest = action.votes.toSorted((a, b) => (a.at < b.at ? 1 : -1))[0];
  if (latest === undefined) return;
  const filled = action.seats.reduce((sum, seat) => sum + Math.min(seat.filled, seat.n), 0);
  const needed = action.seats.reduce((sum, seat) => sum + seat.n, 0);
  line(`  ${visible(latest.person)} ${latest.decision}: ${filled} of ${needed} seats filled`);
}

function approvers({ votes }: ActionView): string {
  const names = votes
    .filter((vote) => vote.decision === "approve" && vote.counts)
    .map((vote) => visible(vote.person));
  return names.length === 0 ? "the policy" : names.join(", ");
}

async function cancel(
  { client, terminal }: Session,
  action: ActionView,
  signal: "SIGINT" | "SIGTERM" | "SIGHUP",
): Promise<number> {
  try {
    const cancelled = await client.cancel(action.id, "cancelled at the terminal");
    terminal.note(`${terminal.err.yellow("✗")} ${action.id} cancelled; nothing ran`);
    if (terminal.json) terminal.document({ action: cancelled, ran: false });
  } catch (error) {
    if (!(error instanceof HoldpointError)) throw error;
    terminal.note(
      `${terminal.err.red("✗")} ${action.id} could not be cancelled: ${visible(error.detail)} Nothing ran here.`,
    );
    if (terminal.json) {
      terminal.document({ action: null, ran: false, error: { code: error.code, detail: error.detail } });
    }
  }
  return exitCodeOfSignal(signal);
}

/** Says why an action will not run: by whom, and in whose words. */
export function sayEnd(terminal: Terminal, action: ActionView): void {
  const { red, yellow } = terminal.err;
  switch (action.state) {
    case "denied": {
      const denials = action.votes.filter((vote) => vote.decision === "deny");
      for (const { person, reason } of denials) {
        terminal.note(`${red("✗")} denied by ${visible(person)}: ${visible(reason ?? "no reason given")}`);
      }
      if (denials.length === 0) {
        terminal.note(`${red("✗")} denied by the policy: ${visible(action.decision.because)}`);
      }
      break;
    }
    case "expired":
      terminal.note(
        `${yellow("✗")} expired: ${action.detail === "approved" ? "approved, but not claimed in time" : "nobody decided in time"}`,
      );
      break;
    case "cancelled":
      terminal.note(`${yellow("✗")} cancelled (${(action.detail ?? "").replaceAll("_", " ")})`);
      break;
    case "pending":
    case "approved":
    case "executing":
    case "executed":
    case "failed":
    case "rolling_back":
    case "rolled_back":
    case "rollback_failed":
      terminal.note(
        `${yellow("!")} ${action.id} is ${action.state.replaceAll("_", " ")} already: an approval is good for one run. See npx holdpoint show ${action.id}`,
      );
      return;
  }
  terminal.note("  The command did not run.");
}
