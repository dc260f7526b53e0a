import { verdictOf, verifyBundle } from "../../../core/evidence/verify.ts";
import { tools } from "../../../scripts/holdpoint/verify/tools.ts";
import type { ActionList } from "../../../schemas/action.ts";
import type { Bundle } from "../../../schemas/bundle.ts";
import { actionsOnDisk, type DiskAction } from "../disk.ts";
import { gaps, lostAcks, phantoms, torn, undelivered } from "../record.ts";
import { buttonsOf } from "../slack.ts";
import type { Expected, Stage } from "./lives.ts";

/** What is not part of a life: an engine that was away reminds, and a click that was made twice comes late. */
const besides = new Set(["reminded", "escalated", "late_command"]);

/** Rows of outboxes that are not with their recipients yet. */
export const undone = (stage: Stage): number =>
  [...actionsOnDisk(stage.engine.stateDir).values()]
    .flatMap(({ outbox }) => outbox)
    .filter(({ status }) => status !== "delivered").length;

/** Everything that is wrong after the lives were lived and all was told, in words. */
export async function faultsOf(stage: Stage): Promise<string[]> {
  const actions = actionsOnDisk(stage.engine.stateDir);
  const logs = new Map([...actions].map(([id, { events }]) => [id, events]));
  const notices = stage.receiver.processed.map(({ id, verified }) => ({ id, type: verified?.type ?? "" }));
  const hooked = [...actions.values()].map((action) => ({
    ...action,
    outbox: action.outbox.filter(({ sink }) => sink.startsWith("webhook:")),
  }));
  const known = new Set(stage.expected.map(({ id }) => id));
  const others = [...actions.keys()].filter((id) => !known.has(id));
  return [
    ...stage.faults,
    ...others.map((id) => `${id}: nobody knows of it, so something was asked for twice`),
    ...hooked.flatMap(torn),
    ...[...logs].flatMap(([id, log]) => gaps(id, log)),
    ...lostAcks(stage.acks, logs),
    ...phantoms(notices, logs),
    ...undelivered(notices, hooked),
    ...(await Promise.all(stage.expected.map((one) => faultsOfLife(stage, one, actions.get(one.id))))).flat(),
  ];
}

async function faultsOfLife(
  stage: Stage,
  { id, log, cards }: Expected,
  there?: DiskAction,
): Promise<string[]> {
  if (there === undefined) return [`${id}: there is no such action`];
  const types = there.events.map(({ type }) => type).filter((type) => !besides.has(type));
  const faults =
    types.join() === log.join() ? [] : [`${id}: its log is ${types.join()} and not ${log.join()}`];
  // A connection that the engine has let go of meanwhile is found to be broken only when it is used.
  const bundle = await stage.reads<Bundle>(stage.cast.auditor, `/v1/actions/${id}/evidence`);
  const findings = verifyBundle(bundle, { keys: [], kept: [] }, tools);
  if (verdictOf(findings) === "failed") {
    faults.push(...findings.flatMap(({ status, says }) => (status === "failed" ? [`${id}: ${says}`] : [])));
  }
  // What still waits has no end that could be sealed.
  const isOpen = there.stored.state.state === "pending";
  if (bundle.log.sealed === null && !isOpen) faults.push(`${id}: the log has no seal of it`);
  const shown = cards === 0 ? [] : await stage.slack.cards(stage.approvals, id);
  if (shown.length !== cards) faults.push(`${id}: ${shown.length} cards instead of ${cards}`);
  const open = shown.filter((card) => buttonsOf(card).length > 0);
  if (open.length > 0) faults.push(`${id}: a card that can still be clicked`);
  return faults;
}

/** Actions that the Board lists otherwise than they are. */
export async function behind(stage: Stage): Promise<string[]> {
  const shown = new Map<string, string>();
  for (let cursor: string | null = ""; cursor !== null;) {
    const query = cursor === "" ? "" : `cursor=${cursor}`;
    const page: ActionList = await stage.engine.persist(() => stage.cast.auditor.lists(query));
    for (const { id, state } of page.items) shown.set(id, state);
    cursor = page.nextCursor;
  }
  return [...actionsOnDisk(stage.engine.stateDir)].flatMap(([id, { stored }]) =>
    shown.get(id) === stored.state.state ? [] : [id],
  );
}
