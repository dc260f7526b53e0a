import * as v from "valibot";
import { Agent, Delegation, Group, Owner, Person } from "./directory.ts";
import { InstantText } from "./instant.ts";
import { Json } from "./json.ts";
import { KeyRecord, Scope } from "./principal.ts";
import { ProblemField } from "./problem.ts";
import { OnCall, Schedule } from "./schedule.ts";
import { PolicyVersion } from "./snapshot.ts";
import { Digest, Label, PersonId, PrincipalId, Prose, Slug, WorkspaceName } from "./text.ts";

/** Bodies and answers of the calls that run an engine: policy, directory, keys, workspaces. Times in answers are RFC 3339. */
const Instant = v.pipe(v.string(), v.isoTimestamp());
const OptionalInstant = v.nullable(Instant);
const Overlap = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30 * 86_400_000));

export const PublishBody = v.strictObject({ document: Json, note: v.optional(v.nullable(Prose), null) });
export const DocumentBody = v.strictObject({ document: Json });
export const ActivateBody = v.strictObject({ version: Digest });
export const PolicyVersionView = v.object({ ...PolicyVersion.entries, publishedAt: Instant });
export const PolicyAnswer = v.object({ ...PolicyVersionView.entries, document: Json });
export const PolicyVersions = v.object({ items: v.array(PolicyVersionView) });
/** Said with what was changed without anybody else's agreement. */
export const Warned = { warning: v.optional(v.string()) };
export const PublishAnswer = v.object({
  version: Digest,
  publishedAt: Instant,
  created: v.boolean(),
  ...Warned,
});
/** An error keeps a document from being published, a warning does not. `within`: the place inside the text that `pointer` names, from 1. */
export const PolicyFinding = v.object({
  severity: v.picklist(["error", "warning"]),
  ...ProblemField.entries,
  within: v.optional(v.object({ line: v.number(), column: v.number() })),
});
export type PolicyFinding = v.InferOutput<typeof PolicyFinding>;
export const CheckAnswer = v.object({
  ok: v.boolean(),
  ...Warned,
  errors: v.array(ProblemField),
  version: v.nullable(Digest),
  /** The errors again and every warning, with their places. */
  findings: v.array(PolicyFinding),
});

const FieldChange = v.object({ pointer: v.string(), from: Json, to: Json });
export const DiffAnswer = v.object({
  added: v.array(v.string()),
  removed: v.array(v.string()),
  changed: v.array(v.object({ type: v.string(), fields: v.array(FieldChange) })),
  roles: v.object({
    added: v.array(v.string()),
    removed: v.array(v.string()),
    changed: v.array(v.object({ name: v.string(), fields: v.array(FieldChange) })),
  }),
  /** What changes of `notifications` and `requests`, by JSON Pointer from the document. */
  budgets: v.optional(v.array(FieldChange)),
});

/** Directory entries as they are written: the id is in the address. */
export const PersonBody = v.omit(Person, ["id"]);
export const AgentBody = v.omit(Agent, ["id"]);
export const GroupBody = v.omit(Group, ["id"]);
export const DelegationBody = v.strictObject({
  from: PersonId,
  to: PersonId,
  groups: v.pipe(v.array(Slug), v.minLength(1), v.maxLength(32)),
  until: InstantText,
});
export const DelegationView = v.object({ ...Delegation.entries, until: Instant, ...Warned });
export const RemoveDelegationBody = v.strictObject({ from: PersonId, to: PersonId });
export const Removed = v.object({ removed: v.boolean(), ...Warned });
export const PersonAnswer = v.object({ ...Person.entries, ...Warned });
export const GroupAnswer = v.object({ ...Group.entries, ...Warned });
export const People = v.object({ items: v.array(Person) });
export const Agents = v.object({ items: v.array(Agent) });
export const Groups = v.object({ items: v.array(Group) });
export const ScheduleBody = v.omit(Schedule, ["id"]);
export const Schedules = v.object({ items: v.array(Schedule) });
export const OwnersBody = v.strictObject({ owners: v.array(Owner) });
export const OwnersAnswer = v.object({ owners: v.array(Owner), ...Warned });
export const OnCallBody = v.strictObject({ people: OnCall.entries.people, until: Instant });
export const OnCallView = v.object({
  name: v.string(),
  people: v.array(PersonId),
  /** Who says so: another system, the schedule of this name, or nobody. */
  source: v.picklist(["webhook", "schedule", "none"]),
  /** When what another system said ends, or ended. */
  until: OptionalInstant,
  /** When others are on call, and who. */
  next: v.nullable(v.object({ at: Instant, people: v.array(PersonId) })),
});
export const OnCallList = v.object({ items: v.array(OnCallView) });
export const Delegations = v.object({ items: v.array(DelegationView) });

export const KeyBody = v.strictObject({
  principal: PrincipalId,
  scopes: v.optional(v.pipe(v.array(Scope), v.minLength(1), v.maxLength(32))),
  name: v.optional(v.nullable(Label), null),
  expiresAt: v.optional(v.nullable(InstantText), null),
});
export const RotateBody = v.strictObject({ overlapMs: v.optional(Overlap, 86_400_000) });
export const EmptyBody = v.strictObject({});
export const KeyView = v.object({
  ...KeyRecord.entries,
  createdAt: Instant,
  expiresAt: OptionalInstant,
  revokedAt: OptionalInstant,
});
export const Keys = v.object({ items: v.array(KeyView) });
export const NewKey = v.object({ record: KeyView, key: v.string(), ...Warned });
export const CollectBody = v.strictObject({ action: v.string() });
export const CollectedKey = v.object({ key: v.string(), summary: v.string() });

export const WorkspaceBody = v.strictObject({
  name: WorkspaceName,
  /** Who the operators are from now on, where those there are can no longer agree: one has left, or lost every key. */
  operators: v.optional(v.pipe(v.array(PersonId), v.minLength(1), v.maxLength(100))),
});
export const NewWorkspace = v.object({ workspace: WorkspaceName, key: v.string() });
export const Whoami = v.object({
  workspace: WorkspaceName,
  kind: v.picklist(["agent", "person", "service"]),
  id: PrincipalId,
  scopes: v.array(Scope),
  keyId: v.string(),
});
export const Health = v.object({ ok: v.literal(true), time: Instant });
