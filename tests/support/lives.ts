import * as fc from "fast-check";
import { step } from "../../core/machine/step.ts";
import { transitions } from "../../core/machine/transitions.ts";
import { unborn } from "../../core/machine/fold.ts";
import type { Command, CommandType } from "../../core/machine/command.ts";
import type { Event } from "../../schemas/event.ts";
import type { Retention } from "../../schemas/retention.ts";
import { randomWorld } from "../model/random-world.ts";
import { firstMove, movesOf, type World } from "../model/world.ts";
import type { Dice } from "./dice.ts";
import type { Life } from "./evidence.ts";

/** Lives of requests: random walks through the real machine, in worlds like no other. */

const stops: ReadonlySet<CommandType> = new Set(["cancel", "revoke", "supersede", "stopByPolicy"]);

const retentions: readonly Retention[] = [
  { context: "ephemeral", payload: "operational", evidence: "compliance" },
  {
    context: "ephemeral",
    payload: "operational",
    evidence: "compliance",
    fields: { "/args/migration": "ephemeral", "/words": "ephemeral", "/target": "compliance" },
  },
  {
    context: "operational",
    payload: "operational",
    evidence: "compliance",
    fields: { "/context/diff": "ephemeral" },
  },
];

export function worldsOf(count: number, seed: number): World[] {
  return fc.sample(randomWorld, { numRuns: count, seed });
}

/** One walk of up to `steps` choices. */
export function lifeIn(world: World, dice: Dice, steps = 40): Life {
  const events: Event[] = [];
  const { payload } = world;
  const first = firstMove(world);
  let now = payload.createdAt;
  const made = step(payload, unborn(payload), first.command, first.facts, now);
  let { state } = made;
  events.push(...made.events);
  for (let count = dice.below(steps); count > 0; count -= 1) {
    if (dice.chance(0.2)) now = laterThan(now, world, state.deadlines, dice);
    const place = state.state;
    const all = movesOf(world, state);
    const taken = all.filter(({ command }) => command.type in transitions[place]);
    const on = taken.filter(({ command }) => !stops.has(command.type) && command.type !== "feedback");
    const [some = all] = [dice.chance(0.03) ? all : dice.chance(0.05) ? taken : on, all].filter(
      (list) => list.length > 0,
    );
    const ahead = some.filter(({ command }) => goesAhead(command));
    const move = dice.pick(ahead.length > 0 && dice.chance(0.6) ? ahead : some);
    const next = step(payload, state, move.command, move.facts, now);
    ({ state } = next);
    events.push(...next.events);
  }
  return dressed({ payload, events }, dice);
}

/** What brings a request to its end: left to chance alone, nearly all are denied or expire. */
function goesAhead(command: Command): boolean {
  if (command.type === "vote") return command.decision === "approve";
  if (command.type === "report") return command.outcome === "succeeded" || command.effect === "partial";
  return command.type === "claim" || command.type === "rollback" || command.type === "heartbeat";
}

/** A little later, at a deadline, or at a moment of the world. */
function laterThan(now: number, world: World, deadlines: Record<string, number | null>, dice: Dice): number {
  const times = [...Object.values(deadlines), ...world.moments].filter(
    (at): at is number => at !== null && at > now,
  );
  const near = now + dice.below(20_000);
  return times.length === 0 || dice.chance(0.5) ? near : dice.pick(times) - dice.below(2);
}

/** What the model's requests leave out, because no guard looks at it: values of every class, words and reports. */
function dressed({ payload, events }: Life, dice: Dice): Life {
  const contract = { ...payload.contract, retention: dice.pick(retentions) };
  const context = dice.chance(0.5) ? { diff: "- a\n+ b", ticket: "OPS-1" } : null;
  const args = { migration: "0042", rows: 12.5, tables: ["orders", "items"] };
  const redactions = dice.chance(0.2) ? [{ pointer: "/args/token", kind: "token" }] : undefined;
  return {
    payload: { ...payload, contract, context, args, ...(redactions !== undefined && { redactions }) },
    events: events.map((event) => {
      const hasReport = event.type === "executed" || event.type === "failed";
      if (!hasReport || !event.data.reported || dice.chance(0.5)) return event;
      return { ...event, data: { ...event.data, evidence: { exitCode: 0, took: 1.5 } } };
    }),
  };
}
