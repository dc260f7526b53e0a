import { foldAll } from "../../core/machine/fold.ts";
import { isPublic, noticeOf } from "../../core/notices.ts";
import type { Event } from "../../schemas/event.ts";
import type { DiskAction } from "./disk.ts";

/** What was promised to callers and what receivers were told, held against what is there. Every check answers its faults in words. */

export type CommandName =
  | "create"
  | "vote"
  | "cancel"
  | "revoke"
  | "claim"
  | "heartbeat"
  | "report"
  | "rollback";

/** A command that was answered with success. From then on nothing may take it back. */
export type Ack = {
  readonly command: CommandName;
  readonly action: string;
  readonly seq: number;
  readonly state: string;
  /** The fence of a claim: the answer to a repeated one shows the action of now, so its seq is not the claim's. */
  readonly fence: number | null;
};

/** A webhook as its receiver processed it. */
export type Notice = { readonly id: string; readonly type: string };

/** The log of an action, from disk or over HTTP. */
export type Log = readonly { seq: number; type: string; state: string; data: object }[];

/** The event that a command ends with. */
const endsWith: Record<CommandName, readonly string[]> = {
  create: ["requested"],
  vote: ["voted", "approved", "denied"],
  cancel: ["cancelled"],
  revoke: ["cancelled"],
  claim: ["claimed", "rollback_claimed"],
  heartbeat: ["heartbeat"],
  report: ["executed", "failed", "rollback_started", "rolled_back", "rollback_failed"],
  rollback: ["rollback_started"],
};

/** Acknowledged commands that are not in the log, or not as they were answered. */
export function lostAcks(acks: readonly Ack[], logs: ReadonlyMap<string, Log>): string[] {
  return acks.flatMap((ack) => {
    const what = `${ack.command} ${ack.action} seq ${ack.seq}`;
    const log = logs.get(ack.action);
    if (log === undefined) return [`${what}: there is no such action`];
    const event = ack.fence === null ? log[ack.seq - 1] : log.find((one) => isClaim(one, ack.fence));
    if (event === undefined || log.length < ack.seq) return [`${what}: the log ends at ${log.length}`];
    if (!endsWith[ack.command].includes(event.type)) return [`${what}: the log has ${event.type} there`];
    if (ack.fence === null && event.state !== ack.state) {
      return [`${what}: ${ack.state} became ${event.state}`];
    }
    return [];
  });
}

const isClaim = ({ type, data }: Log[number], fence: number | null): boolean =>
  endsWith.claim.includes(type) && "fence" in data && data.fence === fence;

/** Seqs that leave a gap or come twice. */
export function gaps(action: string, log: Log): string[] {
  return log.flatMap(({ seq }, index) =>
    seq === index + 1 ? [] : [`${action}: seq ${seq} stands at ${index + 1}`],
  );
}

/** An action whose parts do not fit each other: half of a command was kept. */
export function torn({ payload, stored, events, outbox }: DiskAction): string[] {
  const { id } = payload;
  const faults = gaps(id, events);
  if (JSON.stringify(foldAll(payload, events)) !== JSON.stringify(stored.state)) {
    faults.push(`${id}: the log does not fold to the stored state ${stored.state.state} ${stored.state.seq}`);
  }
  if (events.some(({ at }, index) => at < (events[index - 1]?.at ?? 0))) faults.push(`${id}: time goes back`);
  const sinks = new Set(outbox.map(({ sink }) => sink));
  const due = events.flatMap((event) => {
    const type = noticeOf(event);
    return type === null || !isPublic(type) ? [] : [...sinks].map((sink) => `${event.seq} ${sink} ${type}`);
  });
  const rows = outbox.map(({ seq, sink, type }) => `${seq} ${sink} ${type}`);
  for (const row of due) if (!rows.includes(row)) faults.push(`${id}: no outbox row ${row}`);
  for (const row of rows) if (!due.includes(row)) faults.push(`${id}: an outbox row of nothing: ${row}`);
  return faults;
}

/** Notices of events that are not in the log, or of another type. */
export function phantoms(notices: readonly Notice[], logs: ReadonlyMap<string, Log>): string[] {
  return notices.flatMap(({ id, type }) => {
    const [, action = "", seq] = /^msg_(act_.{22})_(\d+)_/u.exec(id) ?? [];
    const event = logs.get(action)?.[Number(seq) - 1];
    if (event === undefined) return [`${id}: a notice of nothing`];
    const wanted = noticeOf(event as unknown as Event);
    return wanted === type ? [] : [`${id}: a notice ${type} of ${event.type}`];
  });
}

/** Events that ask for a notice which nobody got, or that was worked on twice. */
export function undelivered(notices: readonly Notice[], actions: Iterable<DiskAction>): string[] {
  const times = new Map<string, number>();
  for (const { id } of notices) times.set(id, (times.get(id) ?? 0) + 1);
  const twice = [...times].flatMap(([id, count]) => (count === 1 ? [] : [`${id}: processed ${count} times`]));
  const missing = [...actions].flatMap(({ payload, outbox }) =>
    outbox
      .map(({ seq, sink }) => `msg_${payload.id}_${seq}_${sink.replaceAll(":", "-")}`)
      .filter((id) => !times.has(id))
      .map((id) => `${id}: never delivered`),
  );
  return [...twice, ...missing];
}
