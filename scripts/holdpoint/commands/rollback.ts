import type { Command } from "commander";
import { codeOf, createClient } from "../../../client/index.ts";
import type { ActionView } from "../../../schemas/action.ts";
import { localKeys } from "../connection.ts";
import { exitCodeOfState, exitCodes } from "../exit-code.ts";
import { exitCodeOfSignal, Interrupts } from "../interrupts.ts";
import { rollBack } from "../rolling-back.ts";
import { openSession, type Session } from "../session.ts";

const examples = `
A rollback was approved together with its action, so it needs no new approval. Two parts, and maybe two people:
  - starting it is for the agent's owner, someone who approved the action, or someone on call (--as, HOLDPOINT_KEY);
  - carrying it out is for an agent. With .holdpoint/dev.json at hand the agent's key is taken from there, and the
    approved command runs here at once; otherwise run the same again with the agent's key, where it is to run.

Ends with the rollback command's exit code.

Examples:
  $ npx holdpoint rollback act_V1StGXR8_Z5jdHi6B-myT --as person:omar --reason "Errors went up"
  $ npx holdpoint rollback act_…            # as the agent: carry out one that was started`;

export function addRollback(program: Command): void {
  program
    .command("rollback")
    .summary("undo an action with its approved rollback")
    .description("Undo an action with the rollback that was approved with it.")
    .argument("<id>", "the action")
    .option("--reason <text>", "why", "asked for on the command line")
    .addHelpText("after", examples)
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      process.exitCode = await rollback(openSession(command, "agent"), id, reason);
    });
}

async function rollback(session: Session, id: string, reason: string): Promise<number> {
  const { client, terminal } = session;
  const interrupts = new Interrupts((signal, count) => {
    if (count > 1) process.exit(exitCodeOfSignal(signal));
  });
  try {
    const before = await client.get(id);
    const started = before.state === "rolling_back" ? before : await start(session, before, reason);
    const executor = await asExecutor(session, started);
    if (executor === undefined) {
      terminal.note(
        `${id} is being rolled back. Its executor carries it out with: npx holdpoint rollback ${id}`,
      );
      if (terminal.json) terminal.document({ action: started, ran: false });
      else terminal.print(`${id} rolling back`);
      return exitCodes.ok;
    }
    const performed = await rollBack(executor, interrupts, started);
    if (performed === undefined) return exitCodes.error;
    const { execution, action, interrupt } = performed;
    if (terminal.json) {
      terminal.document({
        action: action ?? started,
        ran: execution.started,
        exitCode: execution.exitCode,
        execution,
      });
    }
    if (interrupt !== undefined) return exitCodeOfSignal(interrupt);
    return execution.exitCode === 0 && action?.state !== "rolled_back"
      ? exitCodeOfState(action ?? started)
      : execution.exitCode;
  } finally {
    interrupts.dispose();
  }
}

/** Says who may, where the caller may not. */
async function start({ client, terminal }: Session, action: ActionView, reason: string): Promise<ActionView> {
  try {
    return await client.rollback(action.id, reason);
  } catch (error) {
    if (codeOf(error) === "forbidden") {
      const { owner } = action.requester;
      terminal.note(
        `To start it as the owner: npx holdpoint rollback ${action.id} --as ${owner} --reason "…"`,
      );
    }
    throw error;
  }
}

/** Only agents claim. A person who has started it may have the agent's key beside their own, in dev.json. */
async function asExecutor(session: Session, action: ActionView): Promise<Session | undefined> {
  const me = await session.client.whoami();
  if (me.kind === "agent") return session;
  const key = localKeys(session.connection)[action.requester.id];
  if (key === undefined) return undefined;
  return { ...session, client: createClient({ url: session.client.url, key, name: "cli" }) };
}
