import { env } from "cloudflare:workers";
import * as v from "valibot";
import type { Command } from "../../core/machine/command.ts";
import { sha256Hex } from "../../objects/action/sealing.ts";
import { ActionView } from "../../schemas/action.ts";
import { retentionClasses, type Retention, type RetentionClass } from "../../schemas/retention.ts";
import { cast, contractOf, payloadOf } from "../model/cast.ts";
import { staff } from "../model/play.ts";
import type { Dice } from "../support/dice.ts";
import { day, hour, minute } from "./erasing.ts";
import type { Stub } from "./one-action.ts";

/**
 * Lives of actions under a clock that somebody else moves. When what they hold is due is worked out here, from what was done and
 * what the contract says, and from nothing that the engine says of it.
 */

/** A life that is over. Times are epoch ms. */
export type Lived = {
  readonly id: string;
  readonly stub: Stub;
  /** Stands in every value that somebody gave it. */
  readonly mark: string;
  readonly end: number;
  readonly retention: Retention;
  readonly dueAt: Readonly<Record<RetentionClass, number>>;
};

/** Yields the time at which it is to go on, and returns what there is to know of it once it is over. */
export type Living = AsyncGenerator<number, Lived, void>;

/** The classes that there is something of: the evidence is always there, and `ephemeral` may have nothing of its own. */
export function classesOf({
  retention: { context, fields = {} },
}: Pick<Lived, "retention">): RetentionClass[] {
  const isFirst = context === "ephemeral" || Object.values(fields).includes("ephemeral");
  return isFirst ? [...retentionClasses] : ["operational", "compliance"];
}

const demo = staff.agents[cast.demo.id]!;
const facts = {
  known: {
    policyVersion: `sha256:${"d".repeat(64)}`,
    directory: {
      ...staff,
      agents: { ...staff.agents, [cast.demo.id]: { ...demo, roles: ["remediation"], segments: ["(none)"] } },
    },
    roles: { remediation: { types: ["*"], tools: ["*"], segments: ["(none)"], targets: ["*"] } },
    operator: true,
    subscribers: [],
  },
  origin: "https://holdpoint.invalid",
};

/** Whole minutes from `low` up to, without, `high`, in milliseconds. */
const someMs = (dice: Dice, low: number, high: number): number =>
  low + dice.below(Math.floor((high - low) / minute)) * minute;
const inMinutes = (ms: number): string => `${ms / minute}m`;

const usual = { context: "ephemeral", payload: "operational", evidence: "compliance" } as const;
const shapes: readonly Retention[] = [
  usual,
  usual,
  { ...usual, context: "operational" },
  { ...usual, fields: { "/args/migration": "ephemeral" } },
  { ...usual, fields: { "/words": "ephemeral" } },
];
const endings = ["denied", "cancelled", "expired", "failed", "executed", "executed", "rolled back"] as const;
type Ending = (typeof endings)[number];

type Keeping = {
  readonly retention: Retention;
  readonly after: Readonly<Record<RetentionClass, number>>;
  /** How long it may be put back once it was carried out; null: not at all. */
  readonly windowMs: number | null;
};

function keepingOf(dice: Dice): Keeping {
  const after = {
    ephemeral: someMs(dice, minute, day),
    operational: someMs(dice, day, 90 * day),
    compliance: someMs(dice, 90 * day, 500 * day),
  };
  const { ephemeral, operational, compliance } = after;
  const texts = {
    ephemeral: inMinutes(ephemeral),
    operational: inMinutes(operational),
    compliance: inMinutes(compliance),
  };
  const windowMs = dice.chance(0.5) ? someMs(dice, 5 * minute, 3 * hour) : null;
  return { retention: { ...dice.pick(shapes), after: texts }, after, windowMs };
}

/** A life from its request to its end. The clock is to stand at `yield`ed times when it goes on, or a little later. */
export async function* live(workspace: string, nth: number, dice: Dice): Living {
  const { retention, after, windowMs } = keepingOf(dice);
  const rollback = windowMs === null ? null : { window: inMinutes(windowMs) };
  const contract = contractOf({ retention, rollback });
  const mark = `mark-${nth}-${dice.below(1_000_000)}`;
  const id = `act_${sha256Hex(`${workspace}-${nth}`).slice(0, 22)}`;
  const stub = env.ACTIONS.getByName(`${workspace}/${id}`);
  const { createdAt: _, ...payload } = payloadOf(contract, {
    id,
    workspace,
    target: { resource: `${mark}-target` },
    args: { migration: `${mark}-migration`, more: `${mark}-more` },
    reason: `${mark}-reason`,
    context: { diff: `${mark}-context` },
  });
  const done = await stub.create({ payload, ...facts, channels: [], key: `${nth}`, fingerprint: "f" });
  if (done.kind !== "done") throw new Error(JSON.stringify(done));
  yield Date.now() + dice.below(9 * minute);
  const hand = new Hand(stub, payload.digest, mark);
  const ending = dice.pick(endings);
  const anchor = yield* endedBy(ending, hand, dice, windowMs);
  const dueAt = {
    ephemeral: anchor + after.ephemeral,
    operational: anchor + after.operational,
    compliance: anchor + after.compliance,
  };
  return { id, stub, mark, end: Date.now(), retention, dueAt };
}

/** Brings it to its end. @returns what the lives of its values are counted from: that end, or that of the time to put it back. */
async function* endedBy(
  ending: Ending,
  hand: Hand,
  dice: Dice,
  windowMs: number | null,
): AsyncGenerator<number, number, void> {
  if (ending === "denied") await hand.votes("deny");
  if (ending === "cancelled") await hand.cancels();
  if (ending === "expired") {
    // It ended when its time was over, and not when that was noticed.
    const { deadlines } = v.parse(ActionView, JSON.parse((await hand.stub.view())!));
    const over = Date.parse(deadlines.pending ?? "");
    yield over + dice.below(30_000);
    await hand.stub.poke();
    return over;
  }
  if (ending !== "executed" && ending !== "failed" && ending !== "rolled back") return Date.now();
  await hand.votes("approve");
  await hand.claims(dice.salt());
  yield Date.now() + dice.below(9_000);
  await hand.reports(ending === "failed" ? "failed" : "succeeded");
  const end = Date.now();
  if (windowMs === null) return end;
  // What has failed may have had an effect: that can be put back as well.
  if (ending !== "rolled back") return end + windowMs;
  yield end + dice.below(windowMs - 1);
  await hand.rollsBack();
  await hand.claims(dice.salt());
  yield Date.now() + dice.below(9_000);
  await hand.reports("succeeded");
  return Date.now();
}

/** What people and the agent do to it, in words that carry the mark. */
class Hand {
  readonly stub: Stub;
  readonly #digest: string;
  readonly #mark: string;
  #lease: { id: string; fence: number } | null = null;

  constructor(stub: Stub, digest: string, mark: string) {
    this.stub = stub;
    this.#digest = digest;
    this.#mark = mark;
  }

  async #say(command: Command): Promise<void> {
    const reply = await this.stub.tell({ command, ...facts, key: null, fingerprint: "f" });
    if (reply.kind !== "done") throw new Error(`${command.type}: ${JSON.stringify(reply)}`);
    this.#lease = reply.lease ?? this.#lease;
  }

  votes(decision: "approve" | "deny"): Promise<void> {
    const reason = `${this.#mark}-vote`;
    return this.#say({ type: "vote", actor: cast.alice, decision, digest: this.#digest, reason, via: "api" });
  }

  cancels(): Promise<void> {
    return this.#say({ type: "cancel", actor: cast.demo, reason: `${this.#mark}-cancelled` });
  }

  rollsBack(): Promise<void> {
    return this.#say({ type: "rollback", actor: cast.omar, reason: `${this.#mark}-undone` });
  }

  claims(leaseId: string): Promise<void> {
    const digest = this.#digest;
    return this.#say({ type: "claim", actor: cast.demo, digest, preconditions: null, leaseId });
  }

  reports(outcome: "succeeded" | "failed"): Promise<void> {
    return this.#say({
      type: "report",
      actor: cast.demo,
      lease: this.#lease?.id ?? "",
      fence: this.#lease?.fence ?? 0,
      outcome,
      effect: "none",
      summary: `${this.#mark}-summary`,
      evidence: { log: `${this.#mark}-log` },
      startupMs: null,
    });
  }
}
