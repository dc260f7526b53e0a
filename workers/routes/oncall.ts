import type * as v from "valibot";
import { onCallNames, onCallStanding, type Standing } from "../../core/schedule.ts";
import {
  OnCallBody,
  OnCallList,
  OnCallView,
  OwnersAnswer,
  OwnersBody,
  Removed,
  ScheduleBody,
  Schedules,
} from "../../schemas/operate.ts";
import { Schedule } from "../../schemas/schedule.ts";
import { governed } from "../governed.ts";
import { notFound } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { refuseWith } from "../refuse.ts";
import { change, put, remove, withPrefix } from "./directory.ts";

const instant = (ms: number): string => new Date(ms).toISOString();

function shown({ until, next, ...rest }: Standing): object {
  return {
    ...rest,
    until: until === null ? null : instant(until),
    next: next === null ? null : { at: instant(next.at), people: next.people },
  };
}

function listOnCall({ snapshot, now }: Call<unknown>): Answer {
  const { directory } = snapshot;
  const items = onCallNames(directory).flatMap((name) => onCallStanding(directory, name, now) ?? []);
  return { body: { items: items.map(shown) } };
}

function showOnCall({ snapshot, params, now }: Call<unknown>): Answer {
  const found = onCallStanding(snapshot.directory, withPrefix("", params["name"]), now);
  if (found === null) throw notFound();
  return { body: shown(found) };
}

/** The answer is what was said; who is on call in the end is there to be asked for. */
const sayOnCall = (call: Call<v.InferOutput<typeof OnCallBody>>): Promise<Answer> =>
  once(call, async (): Promise<Repeatable> => {
    const name = withPrefix("", call.params["name"]);
    const { people, until } = call.body;
    const said = { people: [...new Set(people)], until: Date.parse(until) };
    await change(call, async (registry, { actor, now }) =>
      refuseWith(await registry.putOnCall(name, said, actor, now)),
    );
    const { schedules } = call.snapshot.directory;
    const standing = onCallStanding(
      { ...(schedules !== undefined && { schedules }), onCall: { [name]: said } },
      name,
      call.now,
    );
    return { status: 200, body: standing === null ? {} : shown(standing) };
  });

async function clearOnCall(call: Call<unknown>): Promise<Answer> {
  const name = withPrefix("", call.params["name"]);
  await change(call, async (registry, { actor, now }) =>
    refuseWith(await registry.removeOnCall(name, actor, now)),
  );
  return { body: { removed: true } };
}

async function putOwners(call: Call<v.InferOutput<typeof OwnersBody>>): Promise<Answer> {
  const { owners } = call.body;
  return governed(call, { kind: "owners.put", value: owners }, async (warning) => {
    await change(call, async (registry, { actor, now }) =>
      refuseWith(await registry.putOwners(owners, actor, now)),
    );
    return { status: 200, body: { owners, ...warning } };
  });
}

const read = { scope: "directory:read", tag: "directory" } as const;
const write = { scope: "directory:write", tag: "directory" } as const;
const said = { scope: "oncall:write", tag: "directory" } as const;

export const onCallRoutes: readonly Route[] = [
  {
    ...read,
    method: "GET",
    path: "/v1/oncall",
    summary: "Who is on call now, and the next handover, by name",
    answer: { status: 200, schema: OnCallList },
    handle: listOnCall,
  },
  {
    ...read,
    method: "GET",
    path: "/v1/oncall/:name",
    summary: "Who is on call now under one name",
    answer: { status: 200, schema: OnCallView },
    handle: showOnCall,
  },
  withBody({
    ...said,
    method: "POST",
    path: "/v1/oncall/:name",
    summary: "Say who is on call, until at most 14 days from now; goes before the schedule of that name",
    body: OnCallBody,
    answer: { status: 200, schema: OnCallView },
    handle: sayOnCall,
  }),
  {
    ...said,
    method: "DELETE",
    path: "/v1/oncall/:name",
    summary: "Take back what was said, so that the schedule of that name counts again",
    answer: { status: 200, schema: Removed },
    handle: clearOnCall,
  },
  {
    ...read,
    method: "GET",
    path: "/v1/schedules",
    summary: "The on-call schedules",
    answer: { status: 200, schema: Schedules },
    handle: ({ snapshot }) => ({ body: { items: Object.values(snapshot.directory.schedules ?? {}) } }),
  },
  withBody({
    ...write,
    method: "PUT",
    path: "/v1/schedules/:id",
    summary: "Add or replace an on-call schedule",
    body: ScheduleBody,
    answer: { status: 200, schema: Schedule },
    handle: put(Schedule, "", (registry, schedule, { actor, now }) =>
      registry.putSchedule(schedule, actor, now),
    ),
  }),
  {
    ...write,
    method: "DELETE",
    path: "/v1/schedules/:id",
    summary: "Remove an on-call schedule",
    answer: { status: 200, schema: Removed },
    handle: remove("", async (registry, id, { actor, now }) => registry.removeSchedule(id, actor, now)),
  },
  {
    ...read,
    method: "GET",
    path: "/v1/owners",
    summary: "Whose the targets are, in the order they are looked through",
    answer: { status: 200, schema: OwnersAnswer },
    handle: ({ snapshot }) => ({ body: { owners: snapshot.directory.owners ?? [] } }),
  },
  withBody({
    ...write,
    method: "PUT",
    path: "/v1/owners",
    summary: "Say whose the targets are; the first entry that matches a target counts",
    body: OwnersBody,
    answer: { status: 200, schema: OwnersAnswer },
    waits: true,
    handle: putOwners,
  }),
];
