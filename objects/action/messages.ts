import type { Command } from "../../core/machine/command.ts";
import type { Refusal } from "../../core/refusal.ts";
import type { ActionChannel } from "../../schemas/channel.ts";
import type { Freeze } from "../../schemas/freeze.ts";
import type { Level } from "../../schemas/guardrail.ts";
import type { KillSwitch } from "../../schemas/kill-switch.ts";
import type { Contract, RoleClass } from "../../schemas/policy.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { SlackLink } from "../../schemas/link.ts";
import type { Lease, Payload, Subscriber } from "../../schemas/stored.ts";

/** What the Worker has looked up for a command; passed in, because the object looks nothing up by itself. */
export type Known = {
  /** The policy in force; null where none has been published. */
  readonly policyVersion: string | null;
  /** The type's contract in that version; left out where the caller does not know the type yet. */
  readonly contract?: Contract | null;
  readonly directory: Directory;
  readonly roles: Readonly<Record<string, RoleClass>>;
  readonly operator: boolean;
  readonly subscribers: readonly Subscriber[];
  /** Which Slack user is which person; only where people are told whom the contract did not name. */
  readonly links?: readonly SlackLink[];
  /** The kill switches that are engaged; none where it is left out. */
  readonly switches?: readonly KillSwitch[];
  /** Where guardrails stand that have moved, by action type; none has where it is left out. */
  readonly levels?: Readonly<Record<string, Level>>;
  /** The freezes of the policy in force, for what may start something; none where it is left out. */
  readonly freezes?: readonly Freeze[];
};

/** A request to be taken in; the object adds the time. */
export type NewAction = {
  readonly payload: Omit<Payload, "createdAt">;
  readonly known: Known;
  /** Who is told of it, as the contract names them; fixed from here on. */
  readonly channels: readonly ActionChannel[];
  readonly key: string | null;
  readonly fingerprint: string;
  readonly origin: string;
};

export type Told = {
  readonly command: Command;
  readonly known: Known;
  readonly key: string | null;
  readonly fingerprint: string;
  readonly origin: string;
  /** How many withdrawals of access the Registry had counted a few seconds ago at most; left out where nobody asked. */
  readonly epoch?: number | null;
};

/** Where an action stands, beside a refusal. */
export type Place = { state: string; stateDetail: string | null; seq: number };

/**
 * What a command answers over RPC. `body` is the action as JSON text, written once here and passed on as it is.
 * `needsContract`: the policy has changed since create, and the caller is to come again with the type's contract of now.
 */
export type Reply =
  | { kind: "done"; body: string; seq: number; lease: LeaseAnswer | null; fresh: boolean }
  | { kind: "refused"; refusal: Refusal; place: Place | null }
  | { kind: "needsContract"; type: string }
  | { kind: "absent" };

/** What somebody may do about breaking the glass. `body` is a `GlassTerms` as JSON text; `needsContract` as above. */
export type GlassReply =
  | { kind: "found"; body: string }
  | { kind: "needsContract"; type: string }
  | { kind: "absent" };

/** What a claim hands its executor, and what its grant is about. */
export type LeaseAnswer = Pick<
  Lease,
  "id" | "executor" | "fence" | "purpose" | "claimedAt" | "expiresAt" | "executionEnds"
> & {
  type: string;
  target: Payload["target"];
  digest: string;
};

/** The right to send to a channel. `body` is a `Sight` as JSON text: what there is to show, and the card there is. */
export type SendRight =
  | { kind: "settled" }
  | { kind: "held" }
  | { kind: "send"; body: string; right?: number };
