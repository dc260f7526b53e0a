import type { Requester } from "../../schemas/action.ts";
import type { Agent, Directory } from "../../schemas/directory.ts";
import type { AskedRequest, Evaluation } from "../../schemas/evaluation.ts";
import type { Level } from "../../schemas/guardrail.ts";
import type { KillSwitch } from "../../schemas/kill-switch.ts";
import type { SlackLink } from "../../schemas/link.ts";
import { limits } from "../../schemas/limits.ts";
import type { Contract, Policy } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { canonicalJson } from "../canonical.ts";
import { clocksOf, durationText } from "../clocks.ts";
import { frozenUntil } from "../freeze.ts";
import { contractAt } from "../guardrail/apply.ts";
import { levelOf } from "../guardrail/level.ts";
import { stoppedBecause, switchFor } from "../kill-switch.ts";
import { channelsOf } from "../notify.ts";
import { agentChain, chainRefusal, scopeRefusal } from "../scope.ts";
import { argumentFaults } from "./arguments.ts";
import { decide, type Decision, type Judge } from "./decide.ts";
import { staffingOf } from "./staffing.ts";
import { subjectOf, type Subject } from "./subject.ts";
import { sumKey } from "./windows.ts";

/** All that an evaluation is made with, beside the request. What is left out there is none of. */
export type Circumstances = {
  readonly policy: Policy;
  readonly directory: Directory;
  /** Epoch ms, for a request that names no time. */
  readonly now: number;
  /** By the key of the sum, with this request in them. */
  readonly sums?: Readonly<Record<string, string>>;
  readonly switches?: readonly KillSwitch[] | undefined;
  readonly levels?: Readonly<Record<string, Level>> | undefined;
  readonly links?: readonly SlackLink[];
  readonly judge: Judge;
};

/**
 * What the policy says to a request, and why: the same steps in the same order as for one that is made (type, scope, fields,
 * kill switch, conditions), each of them shown. It changes nothing.
 */
export function evaluate(request: AskedRequest, circumstances: Circumstances): Evaluation {
  const { policy, directory, now, levels } = circumstances;
  const at = request.at === undefined ? now : Date.parse(request.at);
  const requester = requesterOf(request, directory);
  const found = policy.contracts.find(({ type }) => type === request.type);
  const base = { ...nothing, at: new Date(at).toISOString(), requester };
  if (requester === null) {
    const detail = `is no agent of the directory; known are ${listed(Object.keys(directory.agents))}`;
    return refused(base, `${request.agent} is unknown here.`, [{ pointer: "/agent", detail }]);
  }
  if (found === undefined) {
    const detail = `is no action type of this policy; known are ${listed(policy.contracts.map(({ type }) => type))}`;
    return refused(base, `${request.type} is unknown here.`, [{ pointer: "/type", detail }]);
  }
  const level = levelOf(found.guardrail, levels?.[request.type]);
  const contract = contractAt(found, level);
  const sums = { ...circumstances.sums, ...namedSums(request.sums ?? {}) };
  const asked = { args: request.args, target: request.target, requester, sums };
  const subject = subjectOf(asked, directory, at);
  const shown = { ...base, ...describe(contract, request, requester, at, circumstances), sums };
  const withLevel = { ...shown, level: found.guardrail === undefined ? null : level };
  return settled(withLevel, { contract, request, subject, at }, circumstances);
}

type Shown = Omit<Evaluation, "outcome" | "because">;

const nothing: Omit<Shown, "at" | "requester"> = {
  would: null,
  mode: null,
  risk: null,
  errors: [],
  scope: [],
  switch: null,
  freeze: null,
  level: null,
  sums: {},
  trace: [],
  seats: [],
  staffed: false,
  clocks: null,
  notify: [],
};

const refused = (shown: Shown, because: string, errors: ProblemField[]): Evaluation => ({
  ...shown,
  outcome: "refuse",
  because,
  errors,
});

/** The steps in their order; the first that says no is the answer, and what can still be shown is shown all the same. */
function settled(
  shown: Shown,
  {
    contract,
    request,
    subject,
    at,
  }: { contract: Contract; request: AskedRequest; subject: Subject; at: number },
  { policy, directory, switches, judge }: Circumstances,
): Evaluation {
  const decision = decide(contract, subject, judge);
  const engaged = switchFor(switches, contract.type);
  const frozen = frozenUntil(policy, contract, at);
  const whole: Shown = {
    ...shown,
    would: decision.would ?? null,
    trace: traceOf(contract, subject, decision, judge),
    switch: engaged === null ? null : { scope: engaged.scope, by: engaged.by, reason: engaged.reason },
    freeze: frozen === null ? null : { ...frozen, until: new Date(frozen.until).toISOString() },
  };
  const outside = chainRefusal(request.agent, directory.agents, policy.roles, contract, request.target);
  if (outside !== null) return refused(whole, outside.detail, outside.errors);
  const errors = fieldFaults(contract, request, directory);
  if (errors.length > 0) return refused(whole, "Fields of the request do not fit the contract.", errors);
  if (engaged !== null) return { ...whole, outcome: "deny", because: stoppedBecause(engaged) };
  return { ...whole, outcome: decision.outcome, because: decision.because };
}

function describe(
  contract: Contract,
  request: AskedRequest,
  requester: Requester,
  at: number,
  { policy, directory, links = [], judge }: Circumstances,
): Pick<Shown, "mode" | "risk" | "scope" | "seats" | "staffed" | "clocks" | "notify"> {
  const asked = { args: request.args, target: request.target, requester };
  return {
    mode: contract.mode,
    risk: contract.risk,
    scope: scopeLines(contract, request, policy, directory),
    ...staffingOf(contract, asked, directory, at, judge),
    clocks: clockTexts(contract),
    notify: tellingOf(contract, directory, links, at),
  };
}

function requesterOf({ agent, onBehalfOf }: AskedRequest, { agents }: Directory): Requester | null {
  const found = Object.hasOwn(agents, agent) ? agents[agent] : undefined;
  if (found === undefined) return null;
  return { kind: "agent", id: agent, owner: found.owner, ...(onBehalfOf !== null && { onBehalfOf }) };
}

/** A sum may be named as a condition writes it; the engine knows it by one spelling. */
const namedSums = (sums: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(sums).map(([name, sum]) => [sumKey(name) ?? name, sum]));

function fieldFaults({ args }: Contract, request: AskedRequest, { people }: Directory): ProblemField[] {
  const faults: ProblemField[] = [];
  if (new TextEncoder().encode(canonicalJson(request.args)).byteLength > limits.argsBytes) {
    faults.push({ pointer: "/args", detail: `are over ${limits.argsBytes} bytes` });
  } else faults.push(...argumentFaults(args, request.args));
  const { onBehalfOf } = request;
  if (onBehalfOf !== null && !(Object.hasOwn(people, onBehalfOf) && people[onBehalfOf]?.active === true)) {
    faults.push({ pointer: "/onBehalfOf", detail: "is no active person of the directory" });
  }
  return faults;
}

/** Every entry with what its condition gives, also those after the one that decided. */
function traceOf(
  contract: Contract,
  subject: Subject,
  { entry: decided }: Decision,
  judge: Judge,
): Shown["trace"] {
  return contract.decide.map(({ when, then }, entry) => {
    const held = when === undefined ? { ok: true as const, value: true } : judge(when, subject);
    return {
      entry,
      when: when ?? null,
      then,
      holds: held.ok ? held.value : null,
      error: held.ok ? null : held.error,
      decides: entry === decided,
    };
  });
}

/** A line for each role class of each agent of the chain that the contract is open to. */
function scopeLines(
  contract: Contract,
  { agent: id, target }: AskedRequest,
  { roles }: Policy,
  { agents }: Directory,
): Shown["scope"] {
  return agentChain(id, agents).agents.flatMap((agent) => {
    const named = contract.roles.filter((role) => agent.roles.includes(role) && Object.hasOwn(roles, role));
    if (named.length === 0) return [scopeLine(agent, null, scopeRefusal(agent, roles, contract, target))];
    return named.map((role) =>
      scopeLine(agent, role, scopeRefusal({ ...agent, roles: [role] }, roles, contract, target)),
    );
  });
}

function scopeLine(
  { id }: Agent,
  role: string | null,
  refusal: ReturnType<typeof scopeRefusal>,
): Shown["scope"][number] {
  const refuses = refusal === null ? [] : refusal.errors;
  return { agent: id, role, covers: refusal === null, refuses, detail: refusal?.detail ?? null };
}

function clockTexts(contract: Contract): NonNullable<Shown["clocks"]> {
  const clocks = clocksOf(contract);
  const { rollbackWindowMs } = clocks;
  return {
    pendingTtl: durationText(clocks.pendingTtlMs),
    remindAfter: durationText(clocks.remindAfterMs),
    escalateAfter: clocks.escalateAfterMs.map(durationText),
    approvalTtl: durationText(clocks.approvalTtlMs),
    leaseTtl: durationText(clocks.leaseTtlMs),
    executionMax: durationText(clocks.executionMaxMs),
    ...(rollbackWindowMs !== null && { rollbackWindow: durationText(rollbackWindowMs) }),
  };
}

function tellingOf(
  contract: Contract,
  directory: Directory,
  links: readonly SlackLink[],
  now: number,
): Shown["notify"] {
  const channels = channelsOf(contract, directory, links, now);
  return [contract.notify, ...(contract.escalateTo ?? [])].map((targets, level) => ({
    level,
    targets: [...targets],
    sinks: channels.filter((channel) => channel.level === level).map(({ sink }) => sink),
  }));
}

const listed = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
