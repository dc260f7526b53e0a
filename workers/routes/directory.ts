import * as v from "valibot";
import type { Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import { Agent, Group, Person } from "../../schemas/directory.ts";
import {
  AgentBody,
  Agents,
  DelegationBody,
  Delegations,
  DelegationView,
  GroupAnswer,
  GroupBody,
  Groups,
  People,
  PersonAnswer,
  PersonBody,
  RemoveDelegationBody,
  Removed,
} from "../../schemas/operate.ts";
import type { EngineChange } from "../../schemas/engine-change.ts";
import { Slug } from "../../schemas/text.ts";
import { parseWith } from "../http/body.ts";
import { notFound } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { governed } from "../governed.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { forget } from "../known.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";

type Registry = ReturnType<typeof registryOf>;
type Change = { actor: string; now: number };

/** A change to the Registry; what this isolate knew of the workspace is forgotten with it. */
export async function change(
  call: Call<unknown>,
  work: (registry: Registry, by: Change) => Promise<unknown>,
): Promise<unknown> {
  const { workspace, id } = call.principal;
  const made = await work(registryOf(call.env, workspace), { actor: id, now: call.now });
  forget(workspace);
  return made;
}

/** `alice` and `person:alice` name the same person. @throws ProblemError 404 for an address that is not UTF-8 once decoded. */
export function withPrefix(prefix: string, id: string | undefined): string {
  const text = decoded(id ?? "");
  if (text === null) throw notFound();
  return text.startsWith(prefix) ? text : `${prefix}${text}`;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

const list =
  (of: (call: Call<unknown>) => Record<string, unknown>) =>
  (call: Call<unknown>): Answer => ({
    body: { items: Object.values(of(call)) },
  });

type Put<Entry> = (registry: Registry, entry: Entry, by: Change) => Promise<Result<unknown, Refusal>>;

/**
 * Writes an entry whole: the address gives the id, the body everything else. `asks` for an entry by which others are judged: somebody
 * else agrees to it first.
 */
export function put<Schema extends v.GenericSchema>(
  schema: Schema,
  prefix: string,
  write: Put<v.InferOutput<Schema>>,
  asks?: (entry: v.InferOutput<Schema>) => EngineChange,
): (call: Call<object>) => Promise<Answer> {
  return async (call) => {
    const entry = parseWith(schema, { ...call.body, id: withPrefix(prefix, call.params["id"]) });
    return perhapsGoverned(call, asks?.(entry), async (warning) => {
      await change(call, async (registry, by) => refuseWith(await write(registry, entry, by)));
      return { status: 200, body: Object.assign({}, entry, warning) };
    });
  };
}

const perhapsGoverned = (
  call: Call<unknown>,
  asked: EngineChange | undefined,
  make: (warning: { warning?: string }) => Promise<Repeatable>,
): Promise<Repeatable> => (asked === undefined ? make({}) : governed(call, asked, make));

type Erase = (registry: Registry, id: string, by: Change) => Promise<Result<null, Refusal>>;

export function remove(
  prefix: string,
  erase: Erase,
  asks?: (id: string) => EngineChange,
): (call: Call<unknown>) => Promise<Answer> {
  return async (call) => {
    const id = withPrefix(prefix, call.params["id"]);
    // Nothing is called so, and nobody could be asked about it.
    if (!v.is(Slug, id.slice(prefix.length))) throw notFound();
    return perhapsGoverned(call, asks?.(id), async (warning) => {
      await change(call, async (registry, by) => refuseWith(await erase(registry, id, by)));
      return { status: 200, body: { removed: true, ...warning } };
    });
  };
}

const showDelegation = ({
  until,
  ...rest
}: Call<unknown>["snapshot"]["directory"]["delegations"][number]): object => ({
  ...rest,
  until: new Date(until).toISOString(),
});

const putDelegation = (call: Call<v.InferOutput<typeof DelegationBody>>): Promise<Answer> =>
  once(call, async (): Promise<Repeatable> => {
    const delegation = { ...call.body, until: Date.parse(call.body.until) };
    return governed(call, { kind: "delegation.put", value: delegation }, async (warning) => {
      await change(call, async (registry, { actor, now }) =>
        refuseWith(await registry.putDelegation(delegation, actor, now)),
      );
      return { status: 201, body: { ...showDelegation(delegation), ...warning } };
    });
  });

const removeDelegation = (call: Call<v.InferOutput<typeof RemoveDelegationBody>>): Promise<Answer> =>
  once(call, async (): Promise<Repeatable> => {
    const { from, to } = call.body;
    return governed(call, { kind: "delegation.remove", from, to }, async (warning) => {
      await change(call, async (registry, { actor, now }) =>
        refuseWith(await registry.removeDelegation({ from, to }, actor, now)),
      );
      return { status: 200, body: { removed: true, ...warning } };
    });
  });

const read = { scope: "directory:read", tag: "directory" } as const;
const write = { scope: "directory:write", tag: "directory" } as const;

export const directoryRoutes: readonly Route[] = [
  {
    ...read,
    method: "GET",
    path: "/v1/people",
    summary: "The people",
    answer: { status: 200, schema: People },
    handle: list(({ snapshot }) => snapshot.directory.people),
  },
  {
    ...read,
    method: "GET",
    path: "/v1/agents",
    summary: "The agents",
    answer: { status: 200, schema: Agents },
    handle: list(({ snapshot }) => snapshot.directory.agents),
  },
  {
    ...read,
    method: "GET",
    path: "/v1/groups",
    summary: "The groups",
    answer: { status: 200, schema: Groups },
    handle: list(({ snapshot }) => snapshot.directory.groups),
  },
  {
    ...read,
    method: "GET",
    path: "/v1/delegations",
    summary: "Who acts for whom, and until when",
    answer: { status: 200, schema: Delegations },
    handle: ({ snapshot }) => ({ body: { items: snapshot.directory.delegations.map(showDelegation) } }),
  },
  withBody({
    ...write,
    method: "PUT",
    path: "/v1/people/:id",
    summary: "Add or replace a person",
    body: PersonBody,
    answer: { status: 200, schema: PersonAnswer },
    waits: true,
    handle: put(
      Person,
      "person:",
      (registry, person, { actor, now }) => registry.putPerson(person, actor, now),
      (value) => ({ kind: "person.put", value }),
    ),
  }),
  withBody({
    ...write,
    method: "PUT",
    path: "/v1/agents/:id",
    summary: "Add or replace an agent",
    body: AgentBody,
    answer: { status: 200, schema: Agent },
    handle: put(Agent, "agent:", (registry, agent, { actor, now }) => registry.putAgent(agent, actor, now)),
  }),
  withBody({
    ...write,
    method: "PUT",
    path: "/v1/groups/:id",
    summary: "Add or replace a group with its members",
    body: GroupBody,
    answer: { status: 200, schema: GroupAnswer },
    waits: true,
    handle: put(
      Group,
      "",
      (registry, group, { actor, now }) => registry.putGroup(group, actor, now),
      (value) => ({ kind: "group.put", value }),
    ),
  }),
  withBody({
    ...write,
    method: "POST",
    path: "/v1/delegations",
    summary: "Let somebody act for somebody in named groups, for a while",
    body: DelegationBody,
    answer: { status: 201, schema: DelegationView },
    waits: true,
    handle: putDelegation,
  }),
  withBody({
    ...write,
    method: "POST",
    path: "/v1/delegations/remove",
    summary: "End a delegation now",
    body: RemoveDelegationBody,
    answer: { status: 200, schema: Removed },
    waits: true,
    refuses: [404],
    handle: removeDelegation,
  }),
  {
    ...write,
    method: "DELETE",
    path: "/v1/people/:id",
    summary: "Remove a person",
    answer: { status: 200, schema: Removed },
    waits: true,
    refuses: [409],
    handle: remove(
      "person:",
      async (registry, id, { actor, now }) => registry.removePerson(id, actor, now),
      (id) => ({ kind: "person.remove", id }),
    ),
  },
  {
    ...write,
    method: "DELETE",
    path: "/v1/agents/:id",
    summary: "Remove an agent",
    answer: { status: 200, schema: Removed },
    refuses: [409],
    handle: remove("agent:", async (registry, id, { actor, now }) => registry.removeAgent(id, actor, now)),
  },
  {
    ...write,
    method: "DELETE",
    path: "/v1/groups/:id",
    summary: "Remove a group",
    answer: { status: 200, schema: Removed },
    waits: true,
    handle: remove(
      "",
      async (registry, id, { actor, now }) => registry.removeGroup(id, actor, now),
      (id) => ({ kind: "group.remove", id }),
    ),
  },
];
