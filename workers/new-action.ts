import { createHmac } from "node:crypto";
import { nanoid } from "nanoid";
import { faultText } from "../core/fault.ts";
import { canonicalJson } from "../core/canonical.ts";
import { schedulingMaxMs } from "../core/clocks.ts";
import { approvalDigest } from "../core/digest.ts";
import { isEngineType } from "../core/engine-actions.ts";
import { argumentFaults } from "../core/policy/arguments.ts";
import { stoppedBecause, switchFor } from "../core/kill-switch.ts";
import { channelsOf } from "../core/notify.ts";
import { judgeCondition as judge } from "../core/policy/condition.ts";
import { decide, type Decision } from "../core/policy/decide.ts";
import { subjectOf } from "../core/policy/subject.ts";
import { measuresOf, windowsOf } from "../core/policy/windows.ts";
import { chainRefusal } from "../core/scope.ts";
import { webhookUrlFault } from "../core/webhook-url.ts";
import type { NewAction } from "../objects/action/messages.ts";
import type { ActionRequest, Requester } from "../schemas/action.ts";
import type { Agent } from "../schemas/directory.ts";
import type { KillSwitch } from "../schemas/kill-switch.ts";
import { limits } from "../schemas/limits.ts";
import type { Contract } from "../schemas/policy.ts";
import type { ProblemField } from "../schemas/problem.ts";
import type { AgentThen } from "../schemas/stored.ts";
import { sha256Hex } from "./auth.ts";
import { ProblemError } from "./http/problem.ts";
import { isLocal } from "./local.ts";
import { redactRequest } from "./secrets/redact.ts";
import { countRequest, uncountRequest } from "./request-budget.ts";
import { contractOf, knownFor, type ContractInForce } from "./policy-in-force.ts";
import { actionOf, registryOf } from "./stubs.ts";
import { settle, tell, unavailable, type Done, type Sender } from "./tell.ts";
/** The action that was asked for, or that the same key asked for before. */
export async function createAction(sender: Sender, request: ActionRequest): Promise<Done & { id: string }> {
  const { env, principal, snapshot, idempotencyKey, fingerprint, url } = sender;
  const id = idFor(snapshot.salt, principal.id, idempotencyKey ?? nanoid());
  try {
    const action = await prepare(sender, request, id);
    const reply = await actionOf(env, principal.workspace, id).create(action);
    if (reply.kind === "done" && !reply.fresh) uncountRequest(principal);
    const done = settle(reply);
    // Only what was refused this moment: under a key that was used before another action may stand in the sums.
    const { decision, sums } = action.payload;
    if (done.fresh && decision.outcome === "deny" && sums !== undefined) await withdraw(sender, id);
    return { ...done, id };
  } catch (error) {
    // A repeat of what was taken in gets its first answer, also when the policy of now would refuse it.
    const earlier =
      idempotencyKey === null
        ? null
        : await actionOf(env, principal.workspace, id).recall(
            principal.id,
            idempotencyKey,
            fingerprint,
            url.origin,
          );
    if (earlier === null) throw error;
    return { ...settle(earlier), id };
  }
}

/**
 * What is to be taken in:
 * 1. only an agent of the directory asks (403); 2. a policy is in force (503) and has the type (422);
 * 3. the agent's role classes cover it (403); 4. every field fits the contract (422);
 * 5. the agent's hour has room for it (429); 6. what it replaces is withdrawn first (409), so that never both can run;
 * 7. the sums that its conditions look at are measured with it in them, and the policy decides;
 * 8. what is recognised as a secret is taken out: from the digest on, nothing has it.
 */
async function prepare(sender: Sender, request: ActionRequest, id: string): Promise<NewAction> {
  const { principal, snapshot } = sender;
  const agent = agentOf(sender);
  if (isEngineType(request.type)) {
    const detail =
      "What begins with holdpoint. is the engine's own: no agent asks for it. People change policy, groups and keys where they are.";
    throw new ProblemError("forbidden", { detail });
  }
  if (snapshot.policy === null) throw unavailable();
  const found = contractOf(snapshot, request.type);
  if (found === null) throw unknownType(request.type, snapshot.policy.document.contracts);
  const { contract, version: contractVersion, level } = found;
  const { agents } = snapshot.directory;
  const scope = chainRefusal(agent.id, agents, snapshot.policy.document.roles, contract, request.target);
  if (scope !== null) throw new ProblemError("out_of_scope", { detail: scope.detail, errors: scope.errors });
  const errors = [...requestFaults(sender, request, contract), ...(await callbackFaults(sender, request))];
  if (errors.length > 0) {
    throw new ProblemError("invalid_body", { detail: "Mend the named fields and send it again.", errors });
  }
  countRequest(sender);
  await withdrawSuperseded(sender, request, id);

  const { onBehalfOf } = request;
  const requester: Requester = {
    kind: "agent",
    id: agent.id,
    owner: agent.owner,
    ...(onBehalfOf !== null && { onBehalfOf }),
  };
  const sums = await sumsFor(sender, { ...request, requester }, contract, id);
  const subject = subjectOf({ ...request, requester, sums }, snapshot.directory, sender.now);
  const stopped = switchFor(snapshot.switches, contract.type);
  const decision = stopped === null ? decide(contract, subject, judge) : refusedBySwitch(stopped);
  // What was decided on is what was asked; from here on there is only what may be kept.
  const { asked, redacted } = await kept(sender, request, contract);
  const times = { notBefore: normalTime(request.notBefore), notAfter: normalTime(request.notAfter) };
  return {
    payload: {
      ...asked,
      ...times,
      id,
      workspace: principal.workspace,
      contract,
      contractVersion,
      policyVersion: snapshot.policy.version,
      requester,
      digest: approvalDigest({ ...asked, ...times, contractVersion, requester }, sha256Hex),
      decision: decisionKept(decision, stopped),
      agent: agentThen(agent),
      ...(level !== "rule" && { level }),
      ...(sums !== undefined && { sums }),
      ...redacted,
    },
    known: knownFor(snapshot, principal, "nothing"),
    channels: letThroughUntold(found, decision)
      ? []
      : channelsOf(contract, snapshot.directory, snapshot.links, sender.now),
    key: sender.idempotencyKey,
    fingerprint: sender.fingerprint,
    origin: sender.url.origin,
  };
}

/** What is stored of a request: without its secrets, and with where they stood. */
async function kept({ snapshot: { salt } }: Sender, request: ActionRequest, { retention }: Contract) {
  const { emails = false } = retention.redact ?? {};
  const found = await redactRequest(request, { salt, emails });
  const { onBehalfOf: _, ...asked } = found.request;
  return { asked, redacted: found.redactions.length > 0 ? { redactions: found.redactions } : {} };
}

/** The sums that the contract's conditions look at, with this request in them; undefined where they look at none. */
async function sumsFor(
  { env, principal, now }: Sender,
  request: ActionRequest & { requester: Requester },
  contract: Contract,
  id: string,
): Promise<Record<string, string> | undefined> {
  const windows = windowsOf(contract);
  if (windows.length === 0) return undefined;
  const measures = measuresOf(windows, request);
  try {
    const { supersedes: instead } = request;
    return await registryOf(env, principal.workspace).measure({ action: id, measures, instead, now });
  } catch (error) {
    console.error("registry", faultText(error));
    throw unavailable();
  }
}

/** Its answer stands whatever comes of this: what stays in a sum only makes it stricter, until it leaves the window. */
async function withdraw({ env, principal }: Sender, id: string): Promise<void> {
  try {
    await registryOf(env, principal.workspace).withdraw(id);
  } catch (error) {
    console.error("registry", faultText(error));
  }
}

async function withdrawSuperseded(sender: Sender, { supersedes }: ActionRequest, id: string): Promise<void> {
  if (supersedes === null) return;
  const command = { type: "supersede", actor: { kind: "agent", id: sender.principal.id }, by: id } as const;
  await tell({ ...sender, idempotencyKey: `supersede:${id}` }, supersededId(supersedes), command);
}

/**
 * At the level `allow` what the level itself lets through is nobody's to be told of; at `notify` the contract's recipients are. A
 * contract in shadow mode tells nobody anything, and one that warns tells them.
 */
function letThroughUntold({ contract, level }: ContractInForce, { entry, mode }: Decision): boolean {
  return mode === "shadow" || (level === "allow" && entry === contract.decide.length - 1);
}

/** A kill switch goes before whatever the contract decides, in every mode. */
function refusedBySwitch(engaged: KillSwitch): Decision {
  return { outcome: "deny", because: stoppedBecause(engaged), entry: null, errors: [] };
}

function decisionKept(
  { outcome, because, errors, mode, would }: Decision,
  stopped: KillSwitch | null,
): NewAction["payload"]["decision"] {
  return {
    outcome,
    because,
    ...(errors.length > 0 && { errors }),
    ...(mode !== undefined && { mode }),
    ...(would !== undefined && { would }),
    ...(stopped !== null && { stoppedBy: stopped.scope }),
  };
}

/** Kept with the action, so that another policy can be held against it later as it was. */
function agentThen({ roles, segments, actsFor }: Agent): AgentThen {
  return { roles, segments, ...(actsFor !== undefined && { actsFor }) };
}

function agentOf({ principal, snapshot }: Sender): Agent {
  const { agents } = snapshot.directory;
  const agent =
    principal.kind === "agent" && Object.hasOwn(agents, principal.id) ? agents[principal.id] : undefined;
  if (agent !== undefined) return agent;
  throw new ProblemError("forbidden", { detail: "Only an agent asks for an action: use an agent's key." });
}

function unknownType(type: string, contracts: readonly Contract[]): ProblemError {
  const known = contracts.map((contract) => contract.type).join(", ");
  const detail = `is no action type of the policy in force; known are: ${known === "" ? "none" : known}`;
  return new ProblemError("invalid_body", {
    detail: `${type} is unknown here.`,
    errors: [{ pointer: "/type", detail }],
  });
}

function requestFaults(
  { now, snapshot }: Sender,
  request: ActionRequest,
  contract: Contract,
): ProblemField[] {
  const faults: ProblemField[] = [];
  const fault = (pointer: string, detail: string): void => void faults.push({ pointer, detail });
  if (new TextEncoder().encode(canonicalJson(request.args)).byteLength > limits.argsBytes) {
    fault("/args", `are over ${limits.argsBytes} bytes; send a reference to what is large`);
  } else faults.push(...argumentFaults(contract.args, request.args));
  faults.push(...contextFaults(request, contract));
  if (request.rollbackPlan !== null && contract.rollback === null) {
    fault("/rollbackPlan", `cannot be given: ${contract.type} declares no rollback`);
  }
  const { people } = snapshot.directory;
  if (
    request.onBehalfOf !== null &&
    !(Object.hasOwn(people, request.onBehalfOf) && people[request.onBehalfOf]?.active === true)
  ) {
    fault("/onBehalfOf", "is no active person of the directory");
  }
  const starts = request.notBefore === null ? null : Date.parse(request.notBefore);
  const ends = request.notAfter === null ? null : Date.parse(request.notAfter);
  if (starts !== null && starts > now + schedulingMaxMs) fault("/notBefore", "is more than 30 days away");
  if (ends !== null && ends > now + schedulingMaxMs) fault("/notAfter", "is more than 30 days away");
  if (ends !== null && ends <= now) fault("/notAfter", "has passed");
  if (starts !== null && ends !== null && ends <= starts) fault("/notAfter", "is not after notBefore");
  return faults;
}

/** What an agent has to say stays small: what is large is kept where it is, and named. */
function contextFaults(
  { context }: ActionRequest,
  { retention: { contextBytes = limits.contextBytes } }: Contract,
): ProblemField[] {
  const bytes = context === null ? 0 : new TextEncoder().encode(canonicalJson(context)).byteLength;
  if (bytes <= contextBytes) return [];
  const detail = `is ${bytes} bytes, and ${contextBytes} are the most that this type takes: send a summary, and a reference to the rest`;
  return [{ pointer: "/context", detail }];
}

async function callbackFaults(
  { env, principal, now }: Sender,
  { callback }: ActionRequest,
): Promise<ProblemField[]> {
  if (callback === null) return [];
  const fault = webhookUrlFault(callback.url, { allowLoopback: isLocal(env) });
  if (fault !== null) return [{ pointer: "/callback/url", detail: fault }];
  const { secretId } = callback;
  const { secrets, fault: sealed } = await registryOf(env, principal.workspace).signing({ secretId, now });
  // One that cannot be opened just now is there: what it signs waits for its key.
  return secrets.length > 0 || sealed !== null
    ? []
    : [{ pointer: "/callback/secretId", detail: "is no signing secret of this workspace" }];
}

const normalTime = (text: string | null): string | null =>
  text === null ? null : new Date(text).toISOString();

function supersededId(id: string): string {
  if (/^act_[A-Za-z0-9_-]{22}$/u.test(id)) return id;
  throw new ProblemError("invalid_body", {
    detail: "Name an action by its id.",
    errors: [{ pointer: "/supersedes", detail: "looks like act_…" }],
  });
}

/**
 * The id of the action that (agent, key) names, so that a retried create meets the same object. Keyed with the
 * workspace's salt, so that nobody can guess the ids of others from the keys they choose. 128 bits.
 */
function idFor(salt: string, agent: string, key: string): string {
  return `act_${createHmac("sha256", salt).update(`${agent}\n${key}`).digest("base64url").slice(0, 22)}`;
}
