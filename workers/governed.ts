import { faultText } from "../core/fault.ts";
import { canonicalJson } from "../core/canonical.ts";
import { approvalDigest } from "../core/digest.ts";
import { argsOf, baseOf, engineTypeOf, isGoverned, targetOf } from "../core/engine-change.ts";
import { looseningId } from "../core/guardrail/loosening.ts";
import { channelsOf } from "../core/notify.ts";
import { aloneWarning, otherOperators } from "../core/operators.ts";
import { judgeCondition as judge } from "../core/policy/condition.ts";
import { decide, type Decision } from "../core/policy/decide.ts";
import { contractVersion } from "../core/policy/version.ts";
import { subjectOf } from "../core/policy/subject.ts";
import type { NewAction } from "../objects/action/messages.ts";
import type { Requester } from "../schemas/action.ts";
import type { EngineChange } from "../schemas/engine-change.ts";
import type { JsonObject } from "../schemas/json.ts";
import { limits } from "../schemas/limits.ts";
import type { Contract } from "../schemas/policy.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { sha256Hex } from "./auth.ts";
import { ProblemError } from "./http/problem.ts";
import type { Call } from "./http/route.ts";
import { makesOf, type Repeatable } from "./idempotency.ts";
import { readKnown } from "./known.ts";
import { contractOf, knownFor, type ContractInForce } from "./policy-in-force.ts";
import { refuseWith } from "./refuse.ts";
import { actionOf, registryOf } from "./stubs.ts";
import { live, settle, unavailable } from "./tell.ts";

/**
 * The door to what the engine itself judges by. A change is an action of the engine's own, judged by the version in force: it is made at
 * once where that lets it through, which says so, and else waits for its approvers (threats T23, T26).
 */
/** What is needed of a call; the engine, which makes none, fills it in for itself. */
export type Door = Pick<Call<unknown>, "env" | "principal" | "url" | "now" | "fingerprint">;

type Asking = {
  readonly call: Door;
  readonly change: EngineChange;
  readonly snapshot: Snapshot;
  readonly found: ContractInForce;
  readonly requester: Requester;
  readonly args: JsonObject;
  readonly authors: readonly string[];
  readonly reason: string | null;
};

/**
 * Makes a change with `make`, or answers 202 with the action that waits. `warning` is for the answer, where nobody else has agreed;
 * `authors` are others who wrote what is asked for, and so do not decide on it.
 * Before there is a policy there is nobody to ask.
 * @throws ProblemError 403 where policy refuses it, 422 where it could not be made or is too much to be read, 503
 */
export async function governed(
  call: Call<unknown>,
  change: EngineChange,
  make: (warning: { warning?: string }) => Promise<Repeatable>,
  { authors = [], reason = null }: Partial<Pick<Asking, "authors" | "reason">> = {},
): Promise<Repeatable> {
  // As things are this moment: a second operator counts from when they are there, whatever this isolate has seen.
  const snapshot = await standing(call);
  const found = contractOf(snapshot, engineTypeOf(change));
  if (found === null || !isGoverned(change, snapshot, call.principal.id)) return make({});
  const { kind, id, workspace } = call.principal;
  const requester: Requester = { kind, id, owner: id };
  const { asking, decision } = judged({ call, change, snapshot, found, requester, authors, reason });
  if (decision.outcome === "deny") {
    throw new ProblemError("forbidden", { detail: `${decision.because}. Nothing was changed.` });
  }
  if (decision.outcome === "gate") return propose(asking, decision);
  await registryOf(call.env, workspace).noteAlone({ kind: change.kind, actor: id, now: call.now });
  return make({
    warning: aloneWarning(snapshot.directory) ?? `Nobody else has agreed to this: ${decision.because}.`,
  });
}

/**
 * Asks people for a change that nobody is there to make: whatever the policy would let through waits for them all the same, as the
 * engine loosens nothing by itself (threat T23). Asked twice for the same loosening it is one action. @returns why policy refuses it, or null
 * @throws ProblemError 409, 413, 503
 */
export async function askPeople(
  call: Door,
  change: EngineChange,
  snapshot: Snapshot,
  { requester, reason }: Pick<Asking, "requester" | "reason">,
): Promise<string | null> {
  const found = contractOf(snapshot, engineTypeOf(change));
  if (found === null) return "there is no policy";
  const { asking, decision } = judged({ call, change, snapshot, found, requester, authors: [], reason });
  if (decision.outcome === "deny") return decision.because;
  const because = "the engine loosens nothing by itself";
  await propose(asking, decision.outcome === "gate" ? decision : { ...decision, outcome: "gate", because });
  return null;
}

function judged(asked: Omit<Asking, "args">): { asking: Asking; decision: Decision } {
  const { call, change, snapshot, found, requester } = asked;
  const { directory } = snapshot;
  const args = argsOf(change, snapshot, otherOperators(directory, requester.id), sha256Hex);
  const subject = subjectOf({ args, target: targeted(change), requester }, directory, call.now);
  const decision = decide(found.contract, subject, judge);
  return { asking: { ...asked, args, found: askedBy(found, requester) }, decision };
}

/** @throws ProblemError 401, 503 */
async function standing(call: Call<unknown>): Promise<Snapshot> {
  // Whoever is signed in on the page has no key that could be looked up again.
  if (call.principal.signedInAt === undefined) return live(call);
  try {
    return (await readKnown(call.env, call.principal.workspace)) ?? call.snapshot;
  } catch (error) {
    console.error("registry", faultText(error));
    throw unavailable();
  }
}

const targeted = (change: EngineChange): { resource: string } => ({ resource: targetOf(change) });

/** Whose hands a service's key is in nobody knows, so that two people have to agree to what it asks for: one of them may hold it. */
function askedBy(found: ContractInForce, { kind }: Requester): ContractInForce {
  if (kind !== "service") return found;
  const contract: Contract = { ...found.contract, risk: "critical" };
  return { ...found, contract, version: contractVersion(contract, sha256Hex) };
}

async function propose(asking: Asking, decision: Decision): Promise<Repeatable> {
  const { call, change, snapshot, args, requester } = asking;
  const { env, principal, url, now } = call;
  if (new TextEncoder().encode(canonicalJson(args)).byteLength > limits.argsBytes) {
    const detail = "This changes more than people can be asked to read at once. Publish it in parts.";
    throw new ProblemError("too_large", { detail });
  }
  const isLoosening = change.kind === "guardrail.loosen";
  const id = isLoosening ? looseningId(change.type, change.at, sha256Hex) : `act_${makesOf(call)}`;
  const base = baseOf(change, { ...snapshot, loosenings: isLoosening ? [change] : [] }, sha256Hex);
  const kept = { action: id, change: JSON.stringify(change), base, actor: requester.id, now };
  refuseWith(await registryOf(env, principal.workspace).propose(kept));
  const action = newAction(asking, decision, { id, base });
  const done = settle(await actionOf(env, principal.workspace, id).create(action));
  const location = new URL(`/v1/actions/${id}`, url).pathname;
  return { status: 202, body: JSON.parse(done.body), headers: { location } };
}

function newAction(
  { call, change, snapshot, found, requester, args, authors, reason }: Asking,
  { outcome, because, errors }: Decision,
  { id, base }: { id: string; base: string },
): NewAction {
  const { principal } = call;
  const { contract, version } = found;
  const asked = {
    type: contract.type,
    target: targeted(change),
    args,
    preconditions: { base },
    rollbackPlan: null,
    notBefore: null,
    notAfter: null,
  };
  const note = change.kind === "policy.publish" ? change.note : reason;
  return {
    payload: {
      ...asked,
      id,
      workspace: principal.workspace,
      contract,
      contractVersion: version,
      policyVersion: snapshot.policy?.version ?? "",
      requester,
      reason: note ?? `${requester.id} asks for it.`,
      context: null,
      supersedes: null,
      callback: null,
      digest: approvalDigest({ ...asked, contractVersion: version, requester }, sha256Hex),
      decision: { outcome, because, ...(errors.length > 0 && { errors }) },
      ...(authors.length > 0 && { authors: [...authors] }),
    },
    known: knownFor(snapshot, principal, "nothing"),
    channels: channelsOf(contract, snapshot.directory, snapshot.links, call.now),
    key: null,
    fingerprint: call.fingerprint,
    origin: call.url.origin,
  };
}
