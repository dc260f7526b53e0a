import type { Mortal } from "../mortal.ts";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { ActionView, ClaimAnswer, EventView } from "../../../schemas/action.ts";
import type { Payload } from "../../../schemas/stored.ts";
import { type Cast, castOf, contractOf } from "../actors.ts";
import type { Answer, Caller } from "../caller.ts";
import { Dice } from "../dice.ts";
import { actionsOnDisk } from "../disk.ts";
import { type Ask, type Input, linesOf, type Output, shownOf, words } from "./model.ts";
import { type Ground, type History, meet, play, Unheard } from "./players.ts";

/** A history of one real action, and what it was asked for with. */
export type Recorded = {
  readonly payload: Payload;
  readonly history: History;
  /** Calls that were under way when the engine was killed. */
  readonly cut: number;
};

const type = "history.run";
/** No clock of it comes due while it is recorded. */
const clocks = {
  pendingTtl: "23h",
  approvalTtl: "23h",
  leaseTtl: "10m",
  executionMax: "23h",
  remindAfter: "1h",
};

/** Records histories of real actions over HTTP, with a kill -9 of the whole process group in the midst of each batch. */
export class Recorder {
  kills = 0;
  readonly #cast: Cast;
  readonly #callers: Readonly<Record<string, Caller>>;
  #engine: Mortal;
  #up = Promise.withResolvers<void>();
  #isUp = true;
  #diedAt = 0;
  #answered = 0;
  #onAnswer: () => void = () => undefined;

  constructor(engine: Mortal) {
    this.#engine = engine;
    this.#cast = castOf(engine);
    this.#up.resolve();
    const { alice, bob, omar, demo, other, auditor } = this.#cast;
    this.#callers = Object.fromEntries([alice, bob, omar, demo, other, auditor].map((one) => [one.id, one]));
  }

  async prepare(): Promise<void> {
    const rule = { seat: "both", n: 2, from: ["group:oncall"] };
    await this.#cast.operator.adopts(
      contractOf(type, { clocks, rule, deny: { denials: 1 }, rollback: { window: "7d" } }),
    );
  }

  get engine(): Mortal {
    return this.#engine;
  }

  /**
   * So many histories at once, each with so many turns of everybody.
   * @param killAfter the answers after which the engine is killed; null: it is not.
   */
  async batch(count: number, turns: number, dice: Dice, killAfter: number | null): Promise<Recorded[]> {
    const since = Date.now();
    const asked = await Promise.all(Array.from({ length: count }, () => this.#asked()));
    const killed = killAfter === null ? null : this.#killAfter(killAfter);
    const histories = await Promise.all(
      asked.map(async (action): Promise<[string, History]> => {
        const ground = this.#ground(action, new Dice(dice.below(2 ** 31)));
        return [action.id, await play(ground, new Dice(dice.below(2 ** 31)), turns)];
      }),
    );
    await killed;
    return this.#recorded(histories, since);
  }

  /** Two people who approve one action at the same time, and what comes of it. */
  async twoVotes(): Promise<Recorded | undefined> {
    const since = Date.now();
    const action = await this.#asked();
    const votes = ["person:alice", "person:bob"].map(
      (who) => ({ kind: "tell", who, key: "vote", ask: { verb: "approve" } }) as const,
    );
    const history = await meet(this.#ground(action, new Dice(1)), votes);
    return this.#recorded([[action.id, history]], since)[0];
  }

  /** Not part of the history. A connection that was kept from before the last kill is found to be broken only now. */
  async #asked(): Promise<ActionView> {
    const key = randomUUID();
    for (;;) {
      try {
        return await this.#cast.demo.asks({ type, rollbackPlan: { what: "undo" } }, { key });
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }

  /** What was asked for is read from disk, because not all that it is judged by is in an answer. */
  #recorded(histories: readonly [string, History][], since: number): Recorded[] {
    const there = actionsOnDisk(this.#engine.stateDir, since - 1_000);
    return histories.map(([id, history]) => {
      const payload = there.get(id)?.payload;
      if (payload === undefined) throw new Error(`${id} is not on disk`);
      return { payload, history, cut: history.filter(({ output }) => output === null).length };
    });
  }

  async #killAfter(answers: number): Promise<void> {
    const last = this.#answered + answers;
    await new Promise<void>((resolve) => {
      this.#onAnswer = () => {
        if (this.#answered >= last) resolve();
      };
    });
    this.#onAnswer = () => undefined;
    this.#isUp = false;
    this.#up = Promise.withResolvers();
    await this.#engine.kill9();
    this.#diedAt = performance.now();
    this.kills += 1;
    this.#engine = await this.#engine.restart();
    this.#isUp = true;
    this.#up.resolve();
  }

  #ground(action: ActionView, dice: Dice): Ground {
    /** Key of a claim → the id of its lease. */
    const leases = new Map<string, string>();
    return {
      clock: () => performance.now(),
      pause: () => delay(dice.below(30)),
      send: async (input, as) => {
        await this.#up.promise;
        const caller = this.#callers[as];
        if (caller === undefined) throw new Error(`there is no ${as}`);
        const answer = await this.#call(() => sent(caller, action, input, leases));
        if (input.kind === "tell" && input.ask.verb === "claim" && answer.status < 300) {
          leases.set(input.key, (answer.body as ClaimAnswer).lease);
        }
        this.#answered += 1;
        this.#onAnswer();
        return outputOf(input, answer);
      },
    };
  }

  /** @throws Unheard for a connection that broke, and for a 5xx, which says nothing about what was done. */
  async #call(call: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await call();
      if (answer.status < 500) return answer;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    if (this.#isUp) throw new Unheard(performance.now());
    await this.#up.promise;
    throw new Unheard(this.#diedAt);
  }
}

function sent(
  caller: Caller,
  action: ActionView,
  input: Input,
  leases: ReadonlyMap<string, string>,
): Promise<Answer> {
  const path = `/v1/actions/${action.id}`;
  if (input.kind === "view") return caller.send("GET", path);
  if (input.kind === "log") return caller.send("GET", `${path}/events`);
  const { verb, body } = bodyOf(input.ask, action.digest, leases);
  return caller.send("POST", `${path}/${verb}`, body, { "idempotency-key": input.key });
}

function bodyOf(
  ask: Ask,
  digest: string,
  leases: ReadonlyMap<string, string>,
): { verb: string; body: object } {
  switch (ask.verb) {
    case "approve":
    case "withdraw":
      return { verb: "votes", body: { digest, decision: ask.verb } };
    case "deny":
      return { verb: "votes", body: { digest, decision: "deny", reason: words.deny } };
    case "claim":
      return { verb: "claim", body: { digest } };
    case "heartbeat":
    case "report": {
      const { verb, lease, fence, ...rest } = ask;
      const held = { lease: leases.get(lease) ?? `lse_${lease}`, fence };
      return { verb, body: verb === "report" ? { ...held, ...rest, summary: words.report } : held };
    }
    default:
      return { verb: ask.verb, body: { reason: words[ask.verb] } };
  }
}

function outputOf(input: Input, { status, body }: Answer): Output {
  if (status >= 300) {
    const { code, state = "", seq = 0 } = body as { code: string; state?: string; seq?: number };
    return { kind: "refused", code, state, seq };
  }
  if (input.kind === "log") return { kind: "log", lines: linesOf((body as { items: EventView[] }).items) };
  if (input.kind === "view") return { kind: "view", shown: shownOf(body as ActionView) };
  if (input.ask.verb !== "claim") return { kind: "done", shown: shownOf(body as ActionView), fence: null };
  const { action, fence } = body as ClaimAnswer;
  return { kind: "done", shown: shownOf(action), fence };
}
