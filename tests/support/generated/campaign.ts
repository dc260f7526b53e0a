import { Agent } from "node:http";
import type { PolicyInput } from "../../../schemas/policy.ts";
import type { Document } from "../described.ts";
import { Dice } from "../dice.ts";
import { printed, valueOf } from "./exchange.ts";
import { familyOf } from "./hints.ts";
import { Known } from "./known.ts";
import {
  actionLives,
  agreements,
  brokenGlass,
  forgotten,
  keyring,
  otherPolicies,
  pageVisit,
  unknowns,
  upkeep,
} from "./lives.ts";
import { type Passed, startProxy } from "./proxy.ts";
import { Requests } from "./requests.ts";
import { type Place, type Stage, stageOf } from "./stage.ts";
import { sweep, sweepOf } from "./sweep.ts";

/** How many requests a workspace is asked before the next one is made: what a request has broken in one stays there. */
const perStage = 600;

export type Fault = {
  readonly operation: string;
  readonly status: number;
  readonly what: string;
  /** Who asked what, and what came back. */
  readonly example: string;
};

export type Outcome = {
  readonly requests: number;
  /** One of each kind. */
  readonly faults: readonly Fault[];
  /** How often each status of each operation was answered: `GET /v1/actions 200`. */
  readonly met: ReadonlyMap<string, number>;
};

export type Campaign = {
  readonly engine: string;
  readonly document: Document;
  readonly setupToken: string;
  readonly policy: PolicyInput;
  readonly seed: number;
  /** The least requests that are made. */
  readonly wanted: number;
  /** Hears of how many have been made, after each workspace. */
  readonly onProgress?: (requests: number, faults: number) => void;
};

/** What has been asked and answered so far. */
class Tally {
  requests = 0;
  /** Who asks now, for what is printed of a fault. */
  who = "";
  known = new Known();
  readonly faults = new Map<string, Fault>();
  readonly met = new Map<string, number>();

  hears({ operation, received, sent, faults }: Passed): void {
    this.requests += 1;
    const { status, text } = received;
    if (operation !== null) {
      const pair = `${operation} ${status}`;
      this.met.set(pair, (this.met.get(pair) ?? 0) + 1);
      this.#learn(operation, text);
    }
    for (const what of faults) {
      const kind = `${operation ?? sent.method} ${status} ${what.replaceAll(/\d+|act_\S+/gu, "…")}`;
      if (this.faults.has(kind)) continue;
      const example = `request ${this.requests}, ${this.who}: ${printed(sent)}\n  answer: ${status} ${text.slice(0, 1_500)}`;
      this.faults.set(kind, { operation: operation ?? `${sent.method} ${sent.path}`, status, what, example });
    }
  }

  #learn(operation: string, text: string): void {
    const value = text.length < 50_000 ? valueOf(text) : undefined;
    if (value !== undefined) this.known.learn(value, familyOf(operation.split(" ")[1] ?? ""));
  }
}

/** Asks one workspace after the other, each with what is there to be asked about in it, until enough has been asked. */
export async function campaign({ wanted, seed, onProgress, ...asked }: Campaign): Promise<Outcome> {
  const { document, engine } = asked;
  const dice = new Dice(seed);
  const tally = new Tally();
  const proxy = await startProxy({ engine, document, onPassed: (passed) => tally.hears(passed) });
  const agent = new Agent({ keepAlive: true });
  const place: Place = { ...asked, agent, proxy: proxy.url, setProvoked: proxy.setProvoked };
  try {
    for (let round = 0; tally.requests < wanted; round += 1) {
      tally.known = new Known();
      tally.who = "a life";
      const stage = await stageOf(place, `g${seed.toString(36)}-${round}`, round % 2 === 0 ? 1 : 2);
      furnish(tally.known, stage);
      const drawing = new Requests(document, dice, tally.known, stage.callers);
      if (round === 0) await sweep(stage, document, drawing);
      if (round < 2 || round % 5 === 0) await livesOf(stage, document, drawing);
      // The first of each kind are lived in only, so that nothing drawn stands in the way of a life.
      if (round > 1) await draws(stage, drawing, tally, Math.min(wanted, tally.requests + perStage));
      tally.who = "a life";
      await forgotten(stage);
      onProgress?.(tally.requests, tally.faults.size);
    }
  } finally {
    agent.destroy();
    await proxy.close();
  }
  const { requests, faults, met } = tally;
  return { requests, faults: [...faults.values()], met };
}

async function draws(stage: Stage, drawing: Requests, tally: Tally, end: number): Promise<void> {
  while (tally.requests < end) {
    const { who, sent } = drawing.next();
    tally.who = who;
    await stage.send(sent);
  }
}

async function livesOf(stage: Stage, document: Document, drawing: Requests): Promise<void> {
  const erased = await actionLives(stage);
  await sweepOf(stage, document, drawing, erased);
  const lives = [agreements, brokenGlass, upkeep, keyring, pageVisit, unknowns, otherPolicies];
  for (const live of lives) await live(stage);
}

function furnish(known: Known, { policy, workspace }: Stage): void {
  known.add("workspace", workspace);
  known.add("policy", policy);
  for (const { type, args } of policy.contracts) {
    known.add("type of contract", type);
    known.add(`args of ${type}`, args);
  }
}
