import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { figuresInWords, looseningArgs, type Loosening } from "../core/guardrail/loosening.ts";
import { engine } from "../core/machine/emissions.ts";
import { ActionView, type Requester } from "../schemas/action.ts";
import { asEngine } from "./carry-out.ts";
import { askPeople } from "./governed.ts";
import { forget, readKnown } from "./known.ts";
import { actionOf, registryOf } from "./stubs.ts";

/** Asks people for what is proposed for guardrails, each proposal once, whoever asks however often. */

const Linked = v.pick(ActionView, ["links"]);

/** Where there is no action that was asked for from anywhere, as for a request through the service binding. */
const nowhere = "https://holdpoint.invalid";

/** Opens the actions of proposals that have none yet. One that fails is left to the next run of the sweep. */
export async function openLoosenings(env: Env, workspace: string, now: number): Promise<{ failed: number }> {
  let failed = 0;
  for (const loosening of await registryOf(env, workspace).loosenings(now)) {
    try {
      await open(env, workspace, loosening, now);
    } catch (error) {
      failed += 1;
      console.error("not asked for yet", workspace, loosening.action, faultText(error));
    }
  }
  return { failed };
}

async function open(env: Env, workspace: string, loosening: Loosening, now: number): Promise<void> {
  const { action, change, by, because } = loosening;
  if ((await actionOf(env, workspace, action).view()) !== null) return;
  // As the Registry is this moment: the level that it is to move from may be news.
  forget(workspace);
  const snapshot = await readKnown(env, workspace);
  if (snapshot === null) throw new Error("the registry has nothing of this workspace");
  const call = {
    env,
    now,
    principal: asEngine(workspace),
    url: new URL(await originOf(env, workspace, loosening)),
    fingerprint: change.kind,
  };
  const isEngine = by === engine.id;
  const requester: Requester = { kind: isEngine ? "engine" : "person", id: by, owner: by };
  const reason = isEngine ? figuresInWords(looseningArgs(change)).join(" ") : because;
  const refused = await askPeople(call, change, snapshot, { requester, reason });
  if (refused === null) return;
  const decided = { actor: engine.id, because: `policy refuses it: ${refused}`, now };
  await registryOf(env, workspace).refuseLoosening(change, decided);
}

/** Nobody called, so people reach the engine where an action that it was learnt from was asked for. */
async function originOf(env: Env, workspace: string, { witness }: Loosening): Promise<string> {
  const text = witness === null ? null : await actionOf(env, workspace, witness).view();
  return text === null ? nowhere : new URL(v.parse(Linked, JSON.parse(text)).links.self).origin;
}
