import { baseOf, type Standing } from "../../core/engine-change.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import {
  isElsewhere,
  type ChangeResult,
  type EngineChange,
  type EngineChangeKind,
} from "../../schemas/engine-change.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import * as directory from "./directory.ts";
import { createKey } from "./keys.ts";
import { releaseSwitch } from "./kill-switches.ts";
import { loosen, loosenings, refuseLoosening } from "./loosening.ts";
import { activatePolicy, publishPolicy } from "./policies.ts";
import { sha256Hex } from "./random.ts";
import { putOwners } from "./rosters.ts";
import { recordChange } from "./rows/meta.ts";
import {
  closeProposal,
  findProposal,
  insertProposal,
  openProposals,
  settleProposal,
} from "./rows/proposals.ts";

/**
 * Changes to what the engine judges by that somebody else has to agree to first. One that is approved is carried out here, in one
 * block and once, and only on what it was asked on.
 */

/** A workspace holds this many at once: each may be a whole policy. */
const maxOpen = 100;

type By = {
  readonly workspace: string;
  readonly actor: string;
  readonly now: number;
  readonly action: string;
  readonly contracts: readonly Contract[];
};
/** `key` is the text of a key that was made, which is nowhere else. */
type Applied = { readonly summary: string; readonly key?: string };
type Apply<Kind extends EngineChangeKind> = (
  sql: SqlStorage,
  change: Extract<EngineChange, { kind: Kind }>,
  by: By,
) => Result<Applied, Refusal>;

const said = <Value>(result: Result<Value, Refusal>, summary: string): Result<Applied, Refusal> =>
  result.ok ? ok({ summary }) : result;

/** Kind → how it is carried out. */
const appliers: { readonly [Kind in EngineChangeKind]: Apply<Kind> } = {
  "policy.publish": (sql, { document, note }, { actor, now }) => {
    const done = publishPolicy(sql, { document, note, actor, now });
    return done.ok ? ok({ summary: `${done.value.version} is in force` }) : done;
  },
  "policy.activate": (sql, { version }, { actor, now }) =>
    said(activatePolicy(sql, { version, actor, now }), `${version} is in force again`),
  "person.put": (sql, { value }, by) =>
    said(directory.putPerson(sql, value, by), `${value.id} is as asked for`),
  "person.remove": (sql, { id }, by) => said(directory.removePerson(sql, id, by), `${id} is removed`),
  "group.put": (sql, { value }, by) =>
    said(directory.putGroup(sql, value, by), `the group ${value.id} is as asked for`),
  "group.remove": (sql, { id }, by) => said(directory.removeGroup(sql, id, by), `the group ${id} is removed`),
  "delegation.put": (sql, { value }, by) =>
    said(directory.putDelegation(sql, value, by), `${value.to} acts for ${value.from}`),
  "delegation.remove": (sql, { from, to }, by) =>
    said(directory.removeDelegation(sql, { from, to }, by), `${to} acts no more for ${from}`),
  "owners.put": (sql, { value }, by) => said(putOwners(sql, value, by), "the owners are as asked for"),
  "key.create": (sql, { principal, scopes, name, expiresAt }, by) => {
    const made = createKey(
      sql,
      { principal, scopes: scopes === null ? null : [...scopes], name, expiresAt },
      by,
    );
    return made.ok ? ok({ summary: `the key ${made.value.record.id} is made`, key: made.value.key }) : made;
  },
  "switch.release": (sql, { scope }, { actor, now }) =>
    said(releaseSwitch(sql, { scope, actor, now }), `${scope} is released`),
  // Neither is kept here: whoever carries them out says what came of it.
  "hold.release": (_, { hold }) => ok({ summary: `${hold} is released` }),
  "workspace.purge": (_, { workspace }) => ok({ summary: `${workspace} is being forgotten` }),
  "guardrail.loosen": (sql, change, { actor, now, action, contracts }) => {
    const because = `${action} was approved`;
    const done = loosen(sql, contracts, change, { actor, because, now, action });
    return said(done, `the guardrail of ${change.type} stands at ${change.to}`);
  },
};

function apply<Kind extends EngineChangeKind>(
  sql: SqlStorage,
  change: Extract<EngineChange, { kind: Kind }>,
  by: By,
): Result<Applied, Refusal> {
  const kind: Kind = change.kind;
  return appliers[kind](sql, change, by);
}

const contractsOf = ({ policy }: Snapshot): readonly Contract[] => policy?.document.contracts ?? [];

/** What its base is read from; what is proposed for guardrails is in no snapshot. */
const standingOf = (sql: SqlStorage, snapshot: Snapshot, now: number): Standing => ({
  ...snapshot,
  loosenings: loosenings(sql, contractsOf(snapshot), now).map(({ change }) => change),
});

export type ProposeInput = { action: string; change: EngineChange; base: string; actor: string; now: number };

/**
 * Keeps a change for the action that asks for it. Refused where it could not be carried out as things are, with what is wrong with it,
 * and where `base` is no longer what it is made on. `rehearse` runs what is given it and takes it back.
 */
export function propose(
  sql: SqlStorage,
  snapshot: Snapshot,
  input: ProposeInput,
  {
    workspace,
    rehearse,
  }: { workspace: string; rehearse: (run: () => Result<unknown, Refusal>) => Result<unknown, Refusal> },
): Result<null, Refusal> {
  const { action, change, base, actor, now } = input;
  if (findProposal(sql, action) !== null) return ok(null);
  if (openProposals(sql, maxOpen).length >= maxOpen) {
    return refusal("conflict", `${maxOpen} changes wait already. Have some decided, or cancel them.`);
  }
  if (baseOf(change, standingOf(sql, snapshot, now), sha256Hex) !== base) {
    return refusal("conflict", "What this changes has just changed. Read it again and ask again.");
  }
  const tried = rehearse(() =>
    apply(sql, change, { workspace, actor, now, action, contracts: contractsOf(snapshot) }),
  );
  if (!tried.ok) return tried;
  insertProposal(sql, input);
  recordChange(sql, { at: now, actor, kind: "proposal.made", id: action }, false);
  return ok(null);
}

export type Proposed = {
  kind: EngineChangeKind | null;
  actor: string;
  base: string;
  result: ChangeResult | null;
  /** What it was asked on has changed since: it will not be made. Left out by a Registry of before. */
  stale?: boolean;
  /** JSON text of an `EngineChange` that is carried out elsewhere; left out for all others and once something has come of it. */
  elsewhere?: string;
};

/** What waits under an action; `base` is what it would be made on this moment, `kind` null once something has come of it. Null where nothing is known of it. */
export function proposalOf(
  sql: SqlStorage,
  snapshot: Snapshot,
  action: string,
  now: number,
): Proposed | null {
  const row = findProposal(sql, action);
  if (row === null) return null;
  const { change, actor, base, result } = row;
  if (change === null) return { kind: null, actor, base, result };
  const current = baseOf(change, standingOf(sql, snapshot, now), sha256Hex);
  const text = isElsewhere(change) ? { elsewhere: JSON.stringify(change) } : {};
  return { kind: change.kind, actor, base: current, result, stale: current !== base, ...text };
}

export type CarriedOut = ChangeResult & { key?: string };

/**
 * Carries an approved change out, once: whoever comes again gets what came of it the first time, without the text of a key. Nothing is
 * changed where it would be made on something else by now, or does not fit any more. `came` is what has come of one that is
 * carried out elsewhere.
 */
export function carryOut(
  sql: SqlStorage,
  snapshot: Snapshot,
  { action, now, came }: { action: string; now: number; came?: ChangeResult },
  workspace: string,
): CarriedOut | null {
  const row = findProposal(sql, action);
  if (row === null) return null;
  const { change, base, actor, result } = row;
  if (result !== null || change === null) return result;
  if (isElsewhere(change)) {
    if (came === undefined) throw new Error("a change that is carried out elsewhere");
    return settle(sql, { action, actor, now }, came);
  }
  if (baseOf(change, standingOf(sql, snapshot, now), sha256Hex) !== base) {
    const summary = "nothing was changed: what it was asked on has changed since";
    return settle(sql, { action, actor, now }, { applied: false, summary });
  }
  const contracts = contractsOf(snapshot);
  const done = apply(sql, change, { workspace, actor, now, action, contracts });
  if (!done.ok) {
    const summary = `nothing was changed: ${done.error.detail}`;
    return settle(sql, { action, actor, now }, { applied: false, summary });
  }
  const { key, summary } = done.value;
  const settled = settle(sql, { action, actor, now }, { applied: true, summary });
  return { ...settled, ...(key !== undefined && { key }) };
}

/** An action that ended otherwise: its change will never be made. For a guardrail that is people's no. */
export function drop(
  sql: SqlStorage,
  snapshot: Snapshot,
  { action, because, now }: { action: string; because: string; now: number },
): void {
  const row = findProposal(sql, action);
  if (row !== null && row.result === null) {
    const { change } = row;
    if (change?.kind === "guardrail.loosen") {
      const decided = { actor: "engine", because: `${action}: ${because}`, now };
      refuseLoosening(sql, contractsOf(snapshot), change, decided);
    }
    settleProposal(sql, action, { applied: false, summary: because });
  }
  closeProposal(sql, action);
}

/** Its action knows what came of it. */
export const close = (sql: SqlStorage, action: string): void => closeProposal(sql, action);

function settle(
  sql: SqlStorage,
  { action, actor, now }: { action: string; actor: string; now: number },
  result: ChangeResult,
): ChangeResult {
  settleProposal(sql, action, result);
  const kind = result.applied ? "proposal.carried-out" : "proposal.failed";
  recordChange(sql, { at: now, actor, kind, id: action }, false);
  return result;
}

/** Somebody changes something alone because there is nobody else: it stands in the audit rows as that. */
export function noteAlone(
  sql: SqlStorage,
  change: Pick<EngineChange, "kind">,
  actor: string,
  now: number,
): void {
  recordChange(sql, { at: now, actor, kind: "alone", id: change.kind }, false);
}

/** The actions that wait for an answer of it, oldest first. */
export const waitingProposals = (sql: SqlStorage): { action: string; madeAt: number }[] =>
  openProposals(sql, maxOpen);
