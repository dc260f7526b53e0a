import * as v from "valibot";
import { Delegation, Group, Owners, Person } from "./directory.ts";
import { Level } from "./guardrail.ts";
import { HoldId } from "./hold.ts";
import { HoldScope } from "./ledger.ts";
import { Policy } from "./policy.ts";
import { Scope } from "./principal.ts";
import { Digest, Label, PersonId, PrincipalId, Prose, Slug, WorkspaceName } from "./text.ts";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A change to what the engine itself judges by, whole: what waits for its approval is kept like this, and carried out from it. */
export const EngineChange = v.variant("kind", [
  v.strictObject({ kind: v.literal("policy.publish"), document: Policy, note: v.nullable(Prose) }),
  v.strictObject({ kind: v.literal("policy.activate"), version: Digest, document: Policy }),
  v.strictObject({ kind: v.literal("person.put"), value: Person }),
  v.strictObject({ kind: v.literal("person.remove"), id: PersonId }),
  v.strictObject({ kind: v.literal("group.put"), value: Group }),
  v.strictObject({ kind: v.literal("group.remove"), id: Slug }),
  v.strictObject({ kind: v.literal("delegation.put"), value: Delegation }),
  v.strictObject({ kind: v.literal("delegation.remove"), from: PersonId, to: PersonId }),
  v.strictObject({ kind: v.literal("owners.put"), value: Owners }),
  v.strictObject({
    kind: v.literal("key.create"),
    principal: PrincipalId,
    scopes: v.nullable(v.array(Scope)),
    name: v.nullable(Label),
    /** Epoch ms. */
    expiresAt: v.nullable(v.number()),
  }),
  v.strictObject({ kind: v.literal("switch.release"), scope: v.string() }),
  /** What was held, by whom and why: a hold never changes but for its end, so the release is of exactly this one. */
  v.strictObject({
    kind: v.literal("hold.release"),
    hold: HoldId,
    scope: HoldScope,
    heldBy: v.string(),
    because: Prose,
    reason: Prose,
  }),
  v.strictObject({
    kind: v.literal("workspace.purge"),
    workspace: WorkspaceName,
    cancelRunning: v.boolean(),
    reason: Prose,
  }),
  v.strictObject({
    kind: v.literal("guardrail.loosen"),
    type: v.string(),
    from: Level,
    to: Level,
    cleanRuns: Count,
    incidents: Count,
    /** Harm among a million runs at most, by the upper end of its 95 % interval. */
    harmHighPerMillion: Count,
    /** When the level last moved, epoch ms; null where it never has. */
    since: v.nullable(v.number()),
    /** When it was proposed, epoch ms. */
    at: v.number(),
  }),
]);
export type EngineChange = v.InferOutput<typeof EngineChange>;
export type EngineChangeKind = EngineChange["kind"];

/** What became of a change that was approved, or of one that will never be. `applied` is false where nothing was changed. */
export const ChangeResult = v.strictObject({ applied: v.boolean(), summary: v.string() });
export type ChangeResult = v.InferOutput<typeof ChangeResult>;

/** Kinds that change what the Registry does not keep: it keeps them until they are agreed to, and others carry them out. */
const elsewhere = ["hold.release", "workspace.purge"] as const satisfies readonly EngineChangeKind[];
export type ElsewhereChange = Extract<EngineChange, { kind: (typeof elsewhere)[number] }>;
export const isElsewhere = (change: EngineChange): change is ElsewhereChange =>
  elsewhere.some((kind) => kind === change.kind);
