import type { Directory } from "../../schemas/directory.ts";
import type { Contract } from "../../schemas/policy.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { clocksOf } from "../clocks.ts";
import { everOnCall } from "../schedule.ts";
import type { Surroundings } from "./check.ts";

type Around = Pick<Surroundings, "directory" | "endpoints">;

/** Recipients that nobody stands behind, and levels of escalation that tell nobody or that no clock reaches. */
export function tellingRemarks(contract: Contract, around: Around): ProblemField[] {
  const { notify, escalateTo = [] } = contract;
  const levels = escalateTo.flatMap((targets, level): ProblemField[] => {
    const pointer = pointerOf(["escalateTo", level]);
    const dead = targets.flatMap((target, index) => remarkOn(target, pointerOf([index], pointer), around));
    if (targets.length > dead.length) return dead;
    return [...dead, { pointer, detail: "escalates to nobody: whoever it should reach is not there" }];
  });
  return [
    ...notify.flatMap((target, index) => remarkOn(target, pointerOf(["notify", index]), around)),
    ...levels,
    ...unreached(contract),
  ];
}

/** A level without a clock is told only when a delivery to the level before it has failed. */
function unreached(contract: Contract): ProblemField[] {
  const { escalateTo = [] } = contract;
  const timed = clocksOf(contract).escalateAfterMs.length;
  if (escalateTo.length <= timed) return [];
  const detail = `is told only when a delivery fails: clocks.escalateAfter has ${timed} times for ${escalateTo.length} levels`;
  return [{ pointer: pointerOf(["escalateTo", timed]), detail }];
}

function remarkOn(target: string, pointer: string, { directory, endpoints }: Around): ProblemField[] {
  const detail = target.startsWith("webhook:")
    ? webhookRemark(target.slice("webhook:".length), endpoints)
    : peopleRemark(target, directory);
  return detail === null ? [] : [{ pointer, detail }];
}

function webhookRemark(id: string, endpoints: Around["endpoints"]): string | null {
  if (endpoints === null) return null;
  const found = endpoints.find((endpoint) => endpoint.id === id);
  if (found === undefined) return `names the webhook ${id}, which there is not`;
  return found.active ? null : `names the webhook ${id}, which is switched off`;
}

function peopleRemark(target: string, directory: Directory | null): string | null {
  if (directory === null) return null;
  const isActive = (id: string): boolean =>
    Object.hasOwn(directory.people, id) && directory.people[id]?.active === true;
  if (target.startsWith("person:")) {
    return isActive(target) ? null : `names ${target}, who is no active person of the directory`;
  }
  if (target.startsWith("oncall:")) {
    const onCall = everOnCall(directory, target.slice("oncall:".length));
    if (onCall === null) return `names ${target}, and there is no such schedule`;
    return onCall.some(isActive) ? null : `names ${target}, in which nobody is active`;
  }
  if (!target.startsWith("group:")) return null;
  const name = target.slice("group:".length);
  const group = Object.hasOwn(directory.groups, name) ? directory.groups[name] : undefined;
  if (group === undefined) return `names the group "${name}", which the directory does not have`;
  return group.members.some(isActive) ? null : `names the group "${name}", in which nobody is active`;
}
