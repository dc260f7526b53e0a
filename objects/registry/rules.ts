import * as v from "valibot";
import type { Loosen, Loosening } from "../../core/guardrail/loosening.ts";
import { type Refusal } from "../../core/refusal.ts";
import type { Result } from "../../core/result.ts";
import type { GlassUseList } from "../../schemas/break-glass.ts";
import type { Agent, Delegation, Group, Owner, Person } from "../../schemas/directory.ts";
import { EngineChange, type ChangeResult, type EngineChangeKind } from "../../schemas/engine-change.ts";
import type { GuardrailStanding, Heard, ProposalInput } from "../../schemas/guardrail.ts";
import type { KillSwitch } from "../../schemas/kill-switch.ts";
import type { OnCall, Schedule } from "../../schemas/schedule.ts";
import type { PolicyVersion } from "../../schemas/snapshot.ts";
import * as directory from "./directory.ts";
import * as glass from "./glass.ts";
import * as guardrails from "./guardrails.ts";
import * as killSwitches from "./kill-switches.ts";
import * as loosening from "./loosening.ts";
import * as policies from "./policies.ts";
import * as proposals from "./proposals.ts";
import * as rosters from "./rosters.ts";
import { listSwitches } from "./rows/kill-switches.ts";
import * as windows from "./windows.ts";
import { AccessRegistry } from "./access.ts";

/** What a workspace is judged by: policy, directory, schedules, switches, guardrails, sums, and changes that wait to be agreed to. */
export class RulesRegistry extends AccessRegistry {
  publishPolicy(input: policies.PublishInput): Result<policies.Published, Refusal> {
    return this.store.write((sql) => policies.publishPolicy(sql, input));
  }

  activatePolicy(input: { version: string; actor: string; now: number }): Result<PolicyVersion, Refusal> {
    return this.store.write((sql) => policies.activatePolicy(sql, input));
  }

  policyVersions(): PolicyVersion[] {
    return this.store.read(policies.policyVersions, []);
  }

  /** `{version, document}` as JSON text; null as `version` means the one in force. */
  policy(version: string | null): string | null {
    const found = this.store.read((sql) => policies.readPolicy(sql, version), null);
    return found === null ? null : JSON.stringify(found);
  }

  putPerson(value: unknown, actor: string, now: number): Result<Person, Refusal> {
    return this.store.writeAccess((sql) => directory.putPerson(sql, value, { actor, now }));
  }

  putAgent(value: unknown, actor: string, now: number): Result<Agent, Refusal> {
    return this.store.writeAccess((sql) => directory.putAgent(sql, value, { actor, now }));
  }

  putGroup(value: unknown, actor: string, now: number): Result<Group, Refusal> {
    return this.store.writeAccess((sql) => directory.putGroup(sql, value, { actor, now }));
  }

  putDelegation(value: unknown, actor: string, now: number): Result<Delegation, Refusal> {
    return this.store.write((sql) => directory.putDelegation(sql, value, { actor, now }));
  }

  removePerson(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.store.writeAccess((sql) => directory.removePerson(sql, id, { actor, now }));
  }

  removeAgent(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.store.writeAccess((sql) => directory.removeAgent(sql, id, { actor, now }));
  }

  removeGroup(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.store.writeAccess((sql) => directory.removeGroup(sql, id, { actor, now }));
  }

  removeDelegation(pair: { from: string; to: string }, actor: string, now: number): Result<null, Refusal> {
    return this.store.write((sql) => directory.removeDelegation(sql, pair, { actor, now }));
  }

  putSchedule(value: unknown, actor: string, now: number): Result<Schedule, Refusal> {
    return this.store.write((sql) => rosters.putSchedule(sql, value, { actor, now }));
  }

  removeSchedule(id: string, actor: string, now: number): Result<null, Refusal> {
    return this.store.write((sql) => rosters.removeSchedule(sql, id, { actor, now }));
  }

  putOnCall(name: string, value: unknown, actor: string, now: number): Result<OnCall, Refusal> {
    return this.store.write((sql) => rosters.putOnCall(sql, name, value, { actor, now }));
  }

  removeOnCall(name: string, actor: string, now: number): Result<null, Refusal> {
    return this.store.write((sql) => rosters.removeOnCall(sql, name, { actor, now }));
  }

  putOwners(value: unknown, actor: string, now: number): Result<Owner[], Refusal> {
    return this.store.write((sql) => rosters.putOwners(sql, value, { actor, now }));
  }

  engageSwitch(engaged: KillSwitch): Result<KillSwitch, Refusal> {
    return this.store.write((sql) => killSwitches.engageSwitch(sql, engaged));
  }

  releaseSwitch(input: { scope: string; actor: string; now: number }): Result<KillSwitch, Refusal> {
    return this.store.write((sql) => killSwitches.releaseSwitch(sql, input));
  }

  /** The kill switches that are engaged, the first one first. */
  switches(): KillSwitch[] {
    return this.store.read(listSwitches, []);
  }

  /** Takes in what actions have shown of their contracts; a signal that was heard of changes nothing. */
  learn(signals: Heard[], now: number): guardrails.Learnt {
    const contracts = this.store.contracts();
    if (!this.store.exists) return { moved: false, proposed: false };
    return this.store.write((sql) => guardrails.learnAll(sql, contracts, signals, now));
  }

  /** Every guardrail of the policy in force, as it stands. */
  guardrails(now: number): GuardrailStanding[] {
    return this.store.read((sql) => guardrails.guardrailStandings(sql, this.store.contracts(), now), []);
  }

  /** What is proposed for guardrails, each with the action that people decide it by. */
  loosenings(now: number): Loosening[] {
    return this.store.read((sql) => loosening.loosenings(sql, this.store.contracts(), now), []);
  }

  proposeLoosening(input: ProposalInput): Result<Loosening, Refusal> {
    const contracts = this.store.contracts();
    return this.store.write((sql) => loosening.proposeLoosening(sql, contracts, input));
  }

  /** Where there is nobody else who could agree; see `carryOut` for all others. */
  loosen(change: Loosen, decided: loosening.Decided & { action: string }): Result<null, Refusal> {
    const contracts = this.store.contracts();
    return this.store.write((sql) => loosening.loosen(sql, contracts, change, decided));
  }

  refuseLoosening(change: Pick<Loosen, "type" | "at">, decided: loosening.Decided): void {
    const contracts = this.store.contracts();
    if (this.store.exists) {
      this.store.write((sql) => loosening.refuseLoosening(sql, contracts, change, decided));
    }
  }

  /** Takes a use of the right to break the glass, before the action is told; see `glass`. */
  openGlassUse(input: glass.UseInput): glass.Opened {
    return this.store.write((sql) => glass.openUse(sql, input));
  }

  closeGlassUse(input: { id: string; now: number }): void {
    this.store.write((sql) => glass.closeUse(sql, input));
  }

  reviewGlassUse(input: { id: string; by: string; verdict: "justified" | "unjustified"; at: number }): void {
    this.store.write((sql) => glass.reviewUse(sql, input));
  }

  dismissGlassUses(input: { action: string; effective: string | null; by: string; now: number }): number {
    return this.store.write((sql) => glass.dismissUses(sql, input));
  }

  glassUses(input: {
    state: "open" | "overdue" | "all";
    cursor: string | undefined;
    limit: number;
    now: number;
  }): GlassUseList {
    return this.store.read((sql) => glass.pageOfUses(sql, input), { items: [], nextCursor: null });
  }

  /** Adds an action to the sums its conditions look at, and answers them with the action in: decimal text by key. */
  measure(input: windows.MeasureInput): Record<string, string> {
    return this.store.write((sql) => windows.measure(sql, input));
  }

  /** What the sums would be with a request in them that unnamed makes: decimal text by key. */
  expectedSums(input: Pick<windows.MeasureInput, "measures" | "now">): Record<string, string> {
    return this.store.read((sql) => windows.expectedSums(sql, input), {});
  }

  /** Takes an action that policy refused out of every sum. */
  withdraw(action: string): void {
    if (this.store.exists) this.store.write((sql) => windows.withdraw(sql, action));
  }

  /** Keeps a change (JSON text of an `EngineChange`) until its action is decided; refused where it could not be made as things are. */
  propose({
    change,
    ...rest
  }: Omit<proposals.ProposeInput, "change"> & { change: string }): Result<null, Refusal> {
    const input = { ...rest, change: v.parse(EngineChange, JSON.parse(change)) };
    const snapshot = this.store.current();
    return this.store.write((sql) =>
      proposals.propose(sql, snapshot, input, {
        workspace: this.store.workspace,
        rehearse: (run) => this.store.rehearse(run),
      }),
    );
  }

  proposal(action: string, now = Date.now()): proposals.Proposed | null {
    if (!this.store.exists) return null;
    return proposals.proposalOf(this.store.sql, this.store.current(), action, now);
  }

  /** Makes an approved change, once. Null where nothing was kept under this action. */
  carryOut(input: { action: string; now: number; came?: ChangeResult }): proposals.CarriedOut | null {
    if (!this.store.exists) return null;
    const snapshot = this.store.current();
    // It may be somebody's removal, or a group that they leave.
    return this.store.writeAccess((sql) => proposals.carryOut(sql, snapshot, input, this.store.workspace));
  }

  dropProposal({
    action,
    because,
    now = Date.now(),
  }: {
    action: string;
    because: string;
    now?: number;
  }): void {
    if (!this.store.exists) return;
    const snapshot = this.store.current();
    this.store.write((sql) => proposals.drop(sql, snapshot, { action, because, now }));
  }

  /** The action of a change that was made knows of it. */
  closeProposal(action: string): void {
    if (this.store.exists) this.store.write((sql) => proposals.close(sql, action));
  }

  /** The actions whose changes wait, have not been made yet, or that do not know of it. */
  waitingProposals(): { action: string; madeAt: number }[] {
    return this.store.read(proposals.waitingProposals, []);
  }

  noteAlone({ kind, actor, now }: { kind: EngineChangeKind; actor: string; now: number }): void {
    this.store.write((sql) => proposals.noteAlone(sql, { kind }, actor, now));
  }
}
