import type { ActionChannel, ChannelNotice } from "../schemas/channel.ts";
import type { Directory } from "../schemas/directory.ts";
import type { SlackLink } from "../schemas/link.ts";
import type { Contract } from "../schemas/policy.ts";
import { noticeTypes } from "../schemas/webhook.ts";
import { onCallNow } from "./schedule.ts";

/** Which notices a channel wants, by what its sinks begin with. None listed: all. */
const wanted: Readonly<Record<string, readonly ChannelNotice[]>> = {
  webhook: noticeTypes,
  // A page is raised when a queue stands still or cannot be delivered, and resolved by whatever ends the wait.
  pagerduty: ["action.escalated", "action.approved", "action.denied", "action.cancelled", "action.expired"],
  // Cards that cannot be edited: one for the question, one for each thing that came of it.
  teams: [
    "action.pending",
    "action.escalated",
    "action.broke_glass",
    "action.review_overdue",
    "action.approved",
    "action.denied",
    "action.cancelled",
    "action.expired",
    "action.failed",
    "action.rollback_failed",
  ],
};

/**
 * The recipients of an action, fixed when it is asked for (`now`, epoch ms): `notify` from the start (level 0), each list of
 * `escalateTo` once it has escalated that far. A group, a person or whoever is on call then stands for the Slack users who are
 * linked to the active ones of them; one who is named twice is told once, from the lowest level on. Who is told is never who is
 * eligible.
 */
export function channelsOf(
  { notify, escalateTo = [] }: Pick<Contract, "notify" | "escalateTo">,
  directory: Directory,
  links: readonly SlackLink[],
  now: number,
): ActionChannel[] {
  const found = new Map<string, ActionChannel>();
  for (const [level, targets] of [notify, ...escalateTo].entries()) {
    for (const sink of targets.flatMap((target) => sinksOf(target, directory, links, now))) {
      const events = wanted[sink.slice(0, sink.indexOf(":"))] ?? [];
      if (!found.has(sink)) found.set(sink, { sink, events: [...events], level });
    }
  }
  return [...found.values()];
}

/**
 * The recipients once glass is broken: those there were, and the Slack users of the people who were passed over, from now on
 * and whatever level they stood at.
 */
export function channelsAfterBreak(
  channels: readonly ActionChannel[],
  passedOver: readonly string[],
  links: readonly SlackLink[],
): ActionChannel[] {
  const sinks = new Set(
    links.filter(({ person }) => passedOver.includes(person)).map(({ user }) => `slack:${user}`),
  );
  const before = channels.map((channel) => (sinks.delete(channel.sink) ? { ...channel, level: 0 } : channel));
  return [...before, ...[...sinks].map((sink) => ({ sink, events: [], level: 0 }))];
}

function sinksOf(target: string, directory: Directory, links: readonly SlackLink[], now: number): string[] {
  if (target.startsWith("person:")) return usersOf([target], directory, links);
  if (target.startsWith("oncall:")) {
    return usersOf(onCallNow(directory, target.slice("oncall:".length), now), directory, links);
  }
  if (!target.startsWith("group:")) return [target];
  const name = target.slice("group:".length);
  const group = Object.hasOwn(directory.groups, name) ? directory.groups[name] : undefined;
  return usersOf(group?.members ?? [], directory, links);
}

function usersOf(people: readonly string[], directory: Directory, links: readonly SlackLink[]): string[] {
  const active = people.filter(
    (id) => Object.hasOwn(directory.people, id) && directory.people[id]?.active === true,
  );
  return links.filter(({ person }) => active.includes(person)).map(({ user }) => `slack:${user}`);
}

/** How many levels an action can escalate: those on time, and those that only a failed delivery reaches. */
export function escalationLevels({ escalateTo = [] }: Pick<Contract, "escalateTo">, timed: number): number {
  return Math.max(escalateTo.length, timed);
}
