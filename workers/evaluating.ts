import { faultText } from "../core/fault.ts";
import { judgeCondition as judge } from "../core/policy/condition.ts";
import { evaluate } from "../core/policy/evaluation.ts";
import { measuresOf, windowsOf } from "../core/policy/windows.ts";
import type { AskedRequest, Evaluation } from "../schemas/evaluation.ts";
import type { Policy } from "../schemas/policy.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { registryOf } from "./stubs.ts";
import { unavailable } from "./tell.ts";
export type Evaluating = {
  readonly env: Env;
  readonly workspace: string;
  readonly snapshot: Snapshot;
  readonly policy: Policy;
  readonly now: number;
};

/** What the policy says to a request, with the directory, switches, levels and sums of this moment. It changes nothing. */
export async function evaluateNow(request: AskedRequest, asking: Evaluating): Promise<Evaluation> {
  const { snapshot, policy, now } = asking;
  const { directory, switches, levels, links } = snapshot;
  const sums = await sumsFor(request, asking);
  return evaluate(request, { policy, directory, now, sums, switches, levels, links, judge });
}

/** The sums that the contract's conditions look at, as they would be with this request in them. */
async function sumsFor(
  request: AskedRequest,
  { env, workspace, snapshot, policy, now }: Evaluating,
): Promise<Record<string, string>> {
  const contract = policy.contracts.find(({ type }) => type === request.type);
  const windows = contract === undefined ? [] : windowsOf(contract);
  const { agents } = snapshot.directory;
  const agent = Object.hasOwn(agents, request.agent) ? agents[request.agent] : undefined;
  if (windows.length === 0 || agent === undefined) return {};
  const { type, args, target, onBehalfOf } = request;
  const requester = {
    kind: "agent" as const,
    id: agent.id,
    owner: agent.owner,
    ...(onBehalfOf !== null && { onBehalfOf }),
  };
  const measures = measuresOf(windows, { type, args, target, requester });
  try {
    return await registryOf(env, workspace).expectedSums({ measures, now });
  } catch (error) {
    console.error("registry", faultText(error));
    throw unavailable();
  }
}
