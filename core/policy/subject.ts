import type { Requester, Target } from "../../schemas/action.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { JsonObject } from "../../schemas/json.ts";

/** All that a condition may look at. */
export type Subject = {
  readonly args: JsonObject;
  readonly target: Target;
  /** The agent that asks, as the directory has it at this moment; null where it is not there, and looking at it is an error. */
  readonly agent: {
    readonly id: string;
    readonly owner: string;
    readonly roles: readonly string[];
    readonly segments: readonly string[];
  } | null;
  readonly requester: { readonly id: string; readonly owner: string; readonly onBehalfOf: string | null };
  /** Epoch ms of the moment it is judged. */
  readonly now: number;
  /** Whole numbers as decimal text, by the key of the sum (`core/policy/windows.ts`). What is not here was not measured: an error. */
  readonly sums: Readonly<Record<string, string>>;
  /** Who would fill the seat, for the condition of a seat only. */
  readonly person?: { readonly id: string; readonly groups: readonly string[] };
};

/** What of an action a subject is made of. `sums` are those measured when it was asked for. */
export type Asked = {
  readonly args: JsonObject;
  readonly target: Target;
  readonly requester: Requester;
  readonly sums?: Readonly<Record<string, string>> | undefined;
};

/** The subject of an action at `now` (epoch ms): a directory without the agent makes a subject without one. */
export function subjectOf(asked: Asked, { agents }: Pick<Directory, "agents">, now: number): Subject {
  const { args, target, requester, sums = {} } = asked;
  const { id, owner, onBehalfOf = null } = requester;
  const agent = Object.hasOwn(agents, id) ? agents[id] : undefined;
  return {
    args,
    target,
    agent:
      agent === undefined ? null : { id, owner: agent.owner, roles: agent.roles, segments: agent.segments },
    requester: { id, owner, onBehalfOf },
    now,
    sums,
  };
}
