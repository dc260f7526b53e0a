import * as v from "valibot";
import { isTimeZone, noSuchZone } from "../../core/local-time.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { Owners, type Directory, type Owner } from "../../schemas/directory.ts";
import { parseFields } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { OnCall, Schedule } from "../../schemas/schedule.ts";
import { Slug } from "../../schemas/text.ts";
import { findEntry } from "./rows/directory.ts";
import { recordChange } from "./rows/meta.ts";
import {
  countRosters,
  deleteRoster,
  findRoster,
  listRosters,
  writeRoster,
  type RosterKind,
} from "./rows/rosters.ts";

/** Who is on call, by schedule and as other systems say, and whose the targets are: the parts of the directory that name people by their work. */

type Change = { readonly actor: string; readonly now: number };

/** They travel with every snapshot. */
const maxRosters = 500;
/** Longer than this nobody is on call because another system once said so. */
const maxOnCallMs = 14 * 86_400_000;
const reserved: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
/** The id of the one document of its kind. */
const all = "all";

/** The parts that there are. Throws where a stored one does not parse, as the rest of the directory does. */
export function readRosters(sql: SqlStorage): Pick<Directory, "schedules" | "onCall" | "owners"> {
  const schedules: Record<string, Schedule> = {};
  const onCall: Record<string, OnCall> = {};
  let owners: Owner[] = [];
  for (const { kind, id, value } of listRosters(sql)) {
    const entry: unknown = JSON.parse(value);
    if (kind === "schedule") schedules[id] = v.parse(Schedule, entry);
    else if (kind === "oncall") onCall[id] = v.parse(OnCall, entry);
    else owners = v.parse(Owners, entry);
  }
  return {
    ...(Object.keys(schedules).length > 0 && { schedules }),
    ...(Object.keys(onCall).length > 0 && { onCall }),
    ...(owners.length > 0 && { owners }),
  };
}

/** The time zone must exist and everybody named be a person of the directory. */
export function putSchedule(sql: SqlStorage, value: unknown, change: Change): Result<Schedule, Refusal> {
  const parsed = parseFields(Schedule, value);
  if (!parsed.ok) return invalid(parsed.errors);
  const { id, timeZone, rotations, overrides } = parsed.value;
  const faults = [
    ...nameFaults(id),
    ...(isTimeZone(timeZone) ? [] : [{ pointer: "/timeZone", detail: noSuchZone(timeZone) }]),
    ...rotations.flatMap(({ people }, index) =>
      people.flatMap((person, place) => unknownPerson(sql, `/rotations/${index}/people/${place}`, person)),
    ),
    ...overrides.flatMap(({ person }, index) => unknownPerson(sql, `/overrides/${index}/person`, person)),
  ];
  if (faults.length > 0) return invalid(faults);
  return write(sql, { kind: "schedule", id, value: parsed.value }, change);
}

/** What another system says of one name, in place of what it said before. */
export function putOnCall(
  sql: SqlStorage,
  name: string,
  value: unknown,
  change: Change,
): Result<OnCall, Refusal> {
  const parsed = parseFields(OnCall, value);
  if (!parsed.ok) return invalid(parsed.errors);
  const { people, until } = parsed.value;
  const faults = [
    ...nameFaults(name),
    ...people.flatMap((person, place) => unknownPerson(sql, `/people/${place}`, person)),
  ];
  if (until <= change.now) faults.push({ pointer: "/until", detail: "is over already; give a time to come" });
  if (until > change.now + maxOnCallMs) {
    faults.push({ pointer: "/until", detail: "is more than 14 days away; say it again before it ends" });
  }
  if (faults.length > 0) return invalid(faults);
  return write(sql, { kind: "oncall", id: name, value: parsed.value }, change);
}

/** Replaces the whole list, which is read in its order. */
export function putOwners(sql: SqlStorage, value: unknown, change: Change): Result<Owner[], Refusal> {
  const parsed = parseFields(Owners, value, "/owners");
  if (!parsed.ok) return invalid(parsed.errors);
  const faults = parsed.value.flatMap(({ owner }, index) => {
    const pointer = `/owners/${index}/owner`;
    if (owner.startsWith("person:")) return unknownPerson(sql, pointer, owner);
    const group = owner.slice("group:".length);
    return findEntry(sql, "group", group) === null
      ? [{ pointer, detail: `is "${owner}", which is no group of this directory` }]
      : [];
  });
  if (faults.length > 0) return invalid(faults);
  return write(sql, { kind: "owners", id: all, value: parsed.value }, change);
}

export function removeSchedule(sql: SqlStorage, id: string, change: Change): Result<null, Refusal> {
  return remove(sql, "schedule", id, change);
}

/** From then on the schedule of that name says who is on call, or nobody is. */
export function removeOnCall(sql: SqlStorage, name: string, change: Change): Result<null, Refusal> {
  return remove(sql, "oncall", name, change);
}

/** The schedules and owner entries that name a person, in words: they must be changed by whoever keeps them, as turns would shift. */
export function rostersNaming(sql: SqlStorage, person: string): string[] {
  const { schedules = {}, owners = [] } = readRosters(sql);
  const naming = Object.values(schedules).filter(
    ({ rotations, overrides }) =>
      rotations.some(({ people }) => people.includes(person)) ||
      overrides.some((override) => override.person === person),
  );
  return [
    ...naming.map(({ id }) => `the schedule ${id}`),
    ...(owners.some(({ owner }) => owner === person) ? ["the list of owners"] : []),
  ];
}

/** Takes a person who leaves out of what other systems have said. */
export function dropFromOnCall(sql: SqlStorage, person: string): void {
  for (const [name, { people, until }] of Object.entries(readRosters(sql).onCall ?? {})) {
    if (!people.includes(person)) continue;
    const rest = { people: people.filter((other) => other !== person), until };
    writeRoster(sql, "oncall", name, JSON.stringify(rest));
  }
}

/** The same again changes nothing, so that a script may be run twice. */
function write<Value>(
  sql: SqlStorage,
  { kind, id, value }: { readonly kind: RosterKind; readonly id: string; readonly value: Value },
  { actor, now }: Change,
): Result<Value, Refusal> {
  const text = JSON.stringify(value);
  const known = findRoster(sql, kind, id);
  if (known === text) return ok(value);
  if (known === null && countRosters(sql, kind) >= maxRosters) {
    return refusal("conflict", `A directory holds at most ${maxRosters} of these. Remove some first.`);
  }
  writeRoster(sql, kind, id, text);
  recordChange(sql, { at: now, actor, kind: `${kind}.put`, id }, true);
  return ok(value);
}

function remove(
  sql: SqlStorage,
  kind: RosterKind,
  id: string,
  { actor, now }: Change,
): Result<null, Refusal> {
  if (findRoster(sql, kind, id) === null) {
    return refusal("not_found", "There is no such entry in this directory.");
  }
  deleteRoster(sql, kind, id);
  recordChange(sql, { at: now, actor, kind: `${kind}.removed`, id }, true);
  return ok(null);
}

function nameFaults(name: string): ProblemField[] {
  const parsed = v.safeParse(Slug, name);
  if (!parsed.success) return [{ pointer: "/id", detail: parsed.issues[0].message }];
  return reserved.has(name) ? [{ pointer: "/id", detail: "is a reserved name" }] : [];
}

function unknownPerson(sql: SqlStorage, pointer: string, person: string): ProblemField[] {
  return findEntry(sql, "person", person) === null
    ? [{ pointer, detail: `is ${person}, who is no person of this directory` }]
    : [];
}

function invalid(errors: readonly ProblemField[]): Result<never, Refusal> {
  return refusal("invalid_body", "Mend the named fields and send it again.", errors);
}
