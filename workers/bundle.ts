import * as v from "valibot";
import { plainObject } from "../core/plain-json.ts";
import type { ActionProof } from "../objects/ledger/messages.ts";
import { Bundle } from "../schemas/bundle.ts";
import { Hash, parseEntry } from "../schemas/evidence.ts";
import { Json, JsonObject } from "../schemas/json.ts";
import { Seen } from "../schemas/ledger.ts";
import { recordSeen } from "./ledger.ts";
import { actionOf, ledgerOf, registryOf } from "./stubs.ts";

/** What an action hands out of itself, as JSON text. `seen` is what the log is told of it. */
const ActionEvidence = v.object({
  ...v.pick(Bundle, ["entries", "contract", "redactions", "erased", "shown"]).entries,
  seen: v.nullable(Seen),
});
type ActionEvidence = v.InferOutput<typeof ActionEvidence>;

/** Nothing is left in the action's own store; what the log has of it stays. */
const nothingLeft: ActionEvidence = {
  entries: [],
  contract: null,
  redactions: [],
  erased: [],
  shown: [],
  seen: null,
};

export type Asked = {
  readonly workspace: string;
  readonly action: string;
  /** The size of the tree that everything is proven in; null for everything there is, signed now. */
  readonly at: number | null;
  /** The size of a checkpoint that the asker has kept, for a proof that nothing in it was changed since. */
  readonly since: number | null;
  /** Epoch ms. */
  readonly now: number;
};

/**
 * All that is needed to check one action offline; null where neither the action nor the log knows it.
 * 1. The action says what it has. 2. The log takes that in, so that an action that is over is sealed now and not only when
 * the queue comes round. 3. The log proves it. 4. The policy that judged it comes from the Registry, where it is kept.
 */
export async function bundleOf(env: Env, asked: Asked): Promise<Bundle | null> {
  const { workspace, action, at, since, now } = asked;
  const text = await actionOf(env, workspace, action).evidence();
  const said = text === null ? nothingLeft : v.parse(ActionEvidence, JSON.parse(text));
  const { seen, ...parts } = said;
  if (seen !== null) await recordSeen(env, workspace, [seen], now);
  const proof = await ledgerOf(env, workspace).prove(action, at, since, now);
  if (proof === null) return null;
  return {
    format: "holdpoint-evidence/1",
    exportedAt: now,
    workspace,
    action,
    number: proof.number,
    ...parts,
    policy: await policyOf(env, workspace, parts.entries[0]?.text ?? null),
    log: logOf(proof),
  };
}

function logOf({
  checkpoint,
  keys,
  opened,
  sealed,
  erased,
  conflicts,
  keyed,
  consistency,
}: ActionProof): Bundle["log"] {
  return { checkpoint, keys, opened, sealed, erased, conflicts, keyed, consistency };
}

const Stored = v.pipe(v.string(), v.parseJson(), v.object({ document: Json }));

/** The policy that the first entry names. A request that no contract knew was judged by none. */
async function policyOf(env: Env, workspace: string, first: string | null): Promise<Bundle["policy"]> {
  if (first === null) return null;
  const { payload } = parseEntry(first).data;
  const named = v.safeParse(v.object({ policyVersion: Hash }), payload);
  if (!named.success) return null;
  const version = named.output.policyVersion;
  const found = await registryOf(env, workspace).policy(version);
  const document = found === null ? null : v.parse(Stored, found).document;
  return { version, document: v.is(JsonObject, document) ? plainObject(document) : null };
}
