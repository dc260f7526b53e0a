import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { frozenUntil } from "../core/freeze.ts";
import { ActionView } from "../schemas/action.ts";
import type { Sight } from "../schemas/channel.ts";
import type { FrozenView } from "../schemas/freeze.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { readKnown } from "./known.ts";

const Place = v.pick(ActionView, ["type", "class", "risk", "state"]);

/** The freeze that keeps an action from starting now, as it is shown to whoever decides; undefined where there is none. */
export function freezeOf(
  { type, class: policyClass, risk, state }: v.InferOutput<typeof Place>,
  { policy }: Snapshot,
  now: number,
): FrozenView | undefined {
  if (policy === null || (state !== "pending" && state !== "approved")) return undefined;
  const frozen = frozenUntil(policy.document, { type, class: policyClass, risk }, now);
  return frozen === null ? undefined : { ...frozen, until: new Date(frozen.until).toISOString() };
}

/** An action's JSON text with its freeze, where there is one. Read again only where the policy has freezes at all. */
export function withFreeze(text: string, snapshot: Snapshot, now: number): string {
  if ((snapshot.policy?.document.freezes ?? []).length === 0) return text;
  const freeze = freezeOf(v.parse(Place, JSON.parse(text)), snapshot, now);
  return freeze === undefined ? text : `${text.slice(0, -1)},"freeze":${JSON.stringify(freeze)}}`;
}

/** What a channel is to show, with the freeze of now. A Registry that cannot be read keeps nobody from being told. */
export async function withFreezeNow(env: Env, workspace: string, sight: Sight): Promise<Sight> {
  const { action } = sight;
  if (action.state !== "pending" && action.state !== "approved") return sight;
  try {
    const snapshot = await readKnown(env, workspace);
    const freeze = snapshot === null ? undefined : freezeOf(action, snapshot, Date.now());
    return freeze === undefined ? sight : { ...sight, action: { ...action, freeze } };
  } catch (error) {
    console.error("registry", faultText(error));
    return sight;
  }
}
