import type { Principal } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { readKnown, readLive } from "./known.ts";
import { isActiveAgent, tokenHolds } from "./workload.ts";

/**
 * What still proves an agent that came without a key of ours, as things are this moment. Ids of keys hold no colon, so the part before
 * it says how a principal was proven.
 */
const proofs: Readonly<Record<string, (principal: Principal, snapshot: Snapshot) => boolean>> = {
  oidc: tokenHolds,
  door: ({ id }, snapshot) => isActiveAgent(snapshot, id),
};

/** Whether the Registry keeps the key that this principal came with. */
export const holdsKey = ({ keyId }: Principal): boolean => !keyId.includes(":");

/**
 * The snapshot as the Registry has it this moment, for whoever is about to run something; null where what proved them is gone.
 * Throws when the Registry cannot be read.
 */
export async function liveFor(env: Env, principal: Principal, now: number): Promise<Snapshot | null> {
  const { workspace, keyId } = principal;
  const [how = ""] = keyId.split(":", 1);
  const proof = Object.hasOwn(proofs, how) && !holdsKey(principal) ? proofs[how] : undefined;
  if (proof === undefined) return readLive(env, workspace, keyId, now);
  const snapshot = await readKnown(env, workspace);
  return snapshot !== null && proof(principal, snapshot) ? snapshot : null;
}
