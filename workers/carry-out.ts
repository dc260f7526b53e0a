import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { isEngineType } from "../core/engine-actions.ts";
import type { Command } from "../core/machine/command.ts";
import { engine } from "../core/machine/emissions.ts";
import type { Reply } from "../objects/action/messages.ts";
import type { CarriedOut } from "../objects/registry/proposals.ts";
import { ActionView } from "../schemas/action.ts";
import type { Principal } from "../schemas/principal.ts";
import { carryOutElsewhere } from "./elsewhere.ts";
import { forget, readKnown } from "./known.ts";
import { knownFor } from "./policy-in-force.ts";
import { actionOf, registryOf } from "./stubs.ts";

/**
 * The engine carries out what people have agreed to of its own: it claims the action like any executor, makes the change in the
 * Registry, and reports. Each step may be repeated, so that it does not matter where a Worker died.
 */

const Seen = v.pick(ActionView, ["type", "state", "digest", "lease", "links"]);
type Seen = v.InferOutput<typeof Seen>;

/** States out of which nothing is carried out any more. */
const isOver = ({ state }: Seen): boolean =>
  state !== "pending" && state !== "approved" && state !== "executing";

/** After a decision: what the engine does itself is done now, or let go where it was denied. A failure is left to the sweep, because the vote has counted. */
export async function carryOutApproved(env: Env, workspace: string, id: string, body: string): Promise<void> {
  const seen = v.safeParse(Seen, JSON.parse(body));
  if (!seen.success || !isEngineType(seen.output.type) || seen.output.state === "pending") return;
  try {
    await carryOut(env, workspace, id);
  } catch (error) {
    console.error("not carried out yet", workspace, id, faultText(error));
  }
}

/**
 * Carries one action of the engine as far as it goes. `collecting`: whoever asked for a key is there to be handed its text; without
 * them none is made. Null where there is nothing to do, or not yet.
 */
export async function carryOut(
  env: Env,
  workspace: string,
  id: string,
  { collecting = false } = {},
): Promise<CarriedOut | null> {
  const registry = registryOf(env, workspace);
  const waiting = await registry.proposal(id);
  const seen = waiting === null ? null : await look(env, workspace, id);
  if (waiting === null || seen === null) return null;
  if (seen.state === "pending") {
    const isOwn = waiting.kind === "guardrail.loosen" && waiting.actor === engine.id;
    if (isOwn && waiting.stale === true) await withdraw(env, workspace, id, seen);
    return null;
  }
  if (isOver(seen)) {
    await registry.dropProposal({ action: id, because: `nothing was changed: its action is ${seen.state}` });
    return null;
  }
  if (waiting.kind === "key.create" && !collecting) return null;
  const fence = seen.lease?.fence ?? (await claim(env, workspace, id, { seen, base: waiting.base }));
  if (fence === null) return null;
  const { elsewhere, actor } = waiting;
  const came =
    elsewhere === undefined
      ? undefined
      : await carryOutElsewhere(env, workspace, { action: id, actor, change: elsewhere });
  const done = await registry.carryOut({ action: id, now: Date.now(), ...(came !== undefined && { came }) });
  if (done === null) throw new Error("what was approved is not kept here");
  forget(workspace);
  await report(env, workspace, id, { seen, fence, done });
  await registry.closeProposal(id);
  return done;
}

async function look(env: Env, workspace: string, id: string): Promise<Seen | null> {
  const text = await actionOf(env, workspace, id).view();
  return text === null ? null : v.parse(Seen, JSON.parse(text));
}

/** Its fence; null where the claim cancelled it (the world has moved on), or somebody else is at it. */
async function claim(
  env: Env,
  workspace: string,
  id: string,
  { seen, base }: { seen: Seen; base: string },
): Promise<number | null> {
  const preconditions = { base };
  const command = {
    type: "claim",
    actor: engine,
    digest: seen.digest,
    preconditions,
    leaseId: leaseOf(id),
  } as const;
  const reply = await tell(env, workspace, id, { command, seen });
  if (reply.kind === "done") return reply.lease?.fence ?? null;
  const after = await look(env, workspace, id);
  if (after !== null && isOver(after)) {
    const because = `nothing was changed: its action is ${after.state}`;
    await registryOf(env, workspace).dropProposal({ action: id, because });
  }
  return null;
}

/** Nobody has to read what would come to nothing. One that a person asked for stays theirs to cancel: approved, it has drifted. */
async function withdraw(env: Env, workspace: string, id: string, seen: Seen): Promise<void> {
  const command = { type: "cancel", actor: engine, reason: "Its figures are no longer true." } as const;
  const reply = await tell(env, workspace, id, { command, seen });
  if (reply.kind !== "done") return;
  const because = "nothing was changed: its figures are no longer true";
  await registryOf(env, workspace).dropProposal({ action: id, because });
}

async function report(
  env: Env,
  workspace: string,
  id: string,
  { seen, fence, done }: { seen: Seen; fence: number; done: CarriedOut },
): Promise<void> {
  const command = {
    type: "report",
    actor: engine,
    lease: leaseOf(id),
    fence,
    outcome: done.applied ? "succeeded" : "failed",
    effect: "none",
    summary: done.summary,
    evidence: null,
    startupMs: null,
  } as const;
  const reply = await tell(env, workspace, id, { command, seen });
  // Another Worker that was at it as well has said so already.
  if (reply.kind === "refused") console.warn("reported already", workspace, id, reply.refusal.code);
}

/** Known to nobody who could use it: only the engine acts as the engine, and no key makes anybody that. */
const leaseOf = (id: string): string => `lse_engine_${id.slice("act_".length)}`;

async function tell(
  env: Env,
  workspace: string,
  id: string,
  { command, seen }: { command: Command; seen: Seen },
): Promise<Reply> {
  const snapshot = await readKnown(env, workspace);
  if (snapshot === null) throw new Error("the registry has nothing of this workspace");
  const known = knownFor(snapshot, asEngine(workspace), "votes", seen.type);
  const { origin } = new URL(seen.links.self);
  return actionOf(env, workspace, id).tell({ command, known, key: null, fingerprint: command.type, origin });
}

/** The engine as whoever asks and carries out. */
export const asEngine = (workspace: string): Principal => ({
  workspace,
  kind: "service",
  id: engine.id,
  scopes: [],
  keyId: "",
});

/** An action that has not come about by then never will: whoever asked was told of a failure. */
const unbornMs = 10 * 60_000;

/** What was agreed to and not carried out, because a Worker died over it; and what has ended otherwise is let go. */
export async function carryOutLeft(env: Env, workspace: string, now: number): Promise<{ failed: number }> {
  const registry = registryOf(env, workspace);
  let failed = 0;
  for (const { action, madeAt } of await registry.waitingProposals()) {
    try {
      await carryOut(env, workspace, action);
      const isUnborn = now - madeAt > unbornMs && (await look(env, workspace, action)) === null;
      const because = "nothing was changed: it was never asked for";
      if (isUnborn) await registry.dropProposal({ action, because });
    } catch (error) {
      failed += 1;
      console.error("not carried out", workspace, action, faultText(error));
    }
  }
  return { failed };
}
