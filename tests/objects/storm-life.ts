import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Command, Facts } from "../../core/machine/command.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import type { Action } from "../../objects/action/action.ts";
import type { Known, Reply } from "../../objects/action/messages.ts";
import { sha256Hex } from "../../objects/action/sealing.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { Actor } from "../../schemas/event.ts";
import type { Payload, Subscriber } from "../../schemas/stored.ts";
import { cast, contractOf, payloadOf, seat } from "../model/cast.ts";
import { staff } from "../model/play.ts";
import type { Dice } from "../support/dice.ts";
import type { Stub } from "./one-action.ts";
import { outcomeOf, Reference } from "./storm-reference.ts";

/** One action in a storm: what people and agents do to it, and what a plain reference makes of the same. */

/** Where lives are led, and what is wrong there. */
export type Place = {
  readonly workspace: string;
  readonly dice: Dice;
  readonly subscribers: readonly Subscriber[];
  readonly secretId: string;
  /** Whether some take days where others take minutes. */
  readonly slow: boolean;
  /** The control: a caller's clock is taken for the engine's. */
  readonly callersClock: boolean;
};

/** A callback that nobody ever answers is what dead letters come of. */
const callbackUrl = "https://gone.example.com/in";
const demo = staff.agents[cast.demo.id]!;
const directory = {
  ...staff,
  agents: { ...staff.agents, [cast.demo.id]: { ...demo, roles: ["remediation"], segments: ["(none)"] } },
};
const origin = "https://holdpoint.invalid";
const retention = {
  context: "operational",
  payload: "operational",
  evidence: "compliance",
  after: { operational: "90d", compliance: "400d" },
} as const;
const { clocks: brief } = contractOf({});
const slow = {
  pendingTtl: "3d",
  remindAfter: "1h",
  escalateAfter: ["3h", "1d"],
  approvalTtl: "12h",
  leaseTtl: "10m",
  executionMax: "6h",
};
const middling = {
  pendingTtl: "20m",
  remindAfter: "3m",
  escalateAfter: ["6m"],
  approvalTtl: "8m",
  leaseTtl: "2m",
  executionMax: "9m",
};

function contractFrom({ dice, slow: maySlow }: Place): Contract {
  const rules = [seat("reviewer", 1, "group:dba"), seat("two", 2, "group:dba", "group:security")];
  const clocks = dice.pick([brief, middling, middling, maySlow ? slow : brief]);
  return contractOf({
    retention,
    rule: dice.pick(rules),
    rollback: dice.pick([null, { window: "5m" }, { window: "2h" }, { window: "4m", auto: "failed" }]),
    idempotent: dice.chance(0.4),
    maxAttempts: 2,
    decide: dice.chance(0.1) ? [{ then: "allow" }] : [],
    clocks,
  });
}

type Told = { readonly command: Command; readonly key: string };

export class StormLife {
  readonly id: string;
  readonly stub: Stub;
  readonly #place: Place;
  readonly faults: string[] = [];
  /** Null before it was asked for. */
  reference: Reference | null = null;
  /** How far the clock of the machine that it runs on is behind (ms). */
  behindMs = 0;
  votes = 0;
  /** Who is to hear of it. */
  readonly subscribers: readonly Subscriber[];
  #done: Told[] = [];
  #nth = 0;

  constructor(place: Place, nth: number) {
    this.#place = place;
    this.id = `act_${sha256Hex(`${place.workspace}-${nth}`).slice(0, 22)}`;
    this.stub = env.ACTIONS.getByName(`${place.workspace}/${this.id}`);
    this.subscribers = place.subscribers.filter(() => place.dice.chance(0.5));
  }

  #known(): Known {
    const { subscribers } = this;
    const roles = { remediation: { types: ["*"], tools: ["*"], segments: ["(none)"], targets: ["*"] } };
    const policyVersion = `sha256:${"d".repeat(64)}`;
    return { policyVersion, directory, roles, operator: true, subscribers };
  }

  #facts({ contract }: Pick<Payload, "contract">): Facts {
    return { contract, directory, operator: true, outOfScope: null, judge, frozen: null };
  }

  /** Asks for it. Its own clock, and nobody else's, says when. */
  async ask(): Promise<void> {
    const { dice, secretId, workspace } = this.#place;
    const contract = contractFrom(this.#place);
    const callback = dice.chance(0.15) ? { url: callbackUrl, secretId } : null;
    const { createdAt: _, ...payload } = payloadOf(contract, { id: this.id, workspace, callback });
    const asked = { payload, known: this.#known(), channels: [], key: "k", fingerprint: "f", origin };
    await this.#inside((action, now) => {
      if (typeof action.create(asked) === "string") return;
      const createdAt = action.store.whole()?.payload.createdAt ?? 0;
      this.#expect(createdAt === now, `asked for at ${createdAt}, and it was ${now}`);
      const reference = new Reference({ ...payload, createdAt: now }, this.#facts(payload));
      reference.tell({ type: "create", actor: cast.demo }, now);
      this.reference = reference;
      this.#compare(action, "create");
    });
  }

  /** Something that somebody may well do now, or what was done before once more. */
  async act(): Promise<void> {
    const { dice } = this.#place;
    const again = dice.chance(0.15) && this.#done.length > 0 ? dice.pick(this.#done) : null;
    if (again !== null) return this.#repeat(again);
    const { reference } = this;
    const command = reference === null ? null : this.#commandFor(reference);
    if (reference === null || command === null) return;
    const key = `${(this.#nth += 1)}`;
    await this.#inside((action, now) => {
      const before = action.store.whole()?.stored.state ?? null;
      const at = Math.max(now, before?.at ?? 0);
      const reply = this.#tell(action, { command, key });
      const wanted = reference.tell(command, at);
      this.#expect(codeOf(reply) === wanted, `${command.type} was answered ${codeOf(reply)}, not ${wanted}`);
      const after = action.store.load()?.stored.state.at ?? 0;
      const committed = (action.store.load()?.stored.state.seq ?? 0) > (before?.seq ?? 0);
      if (committed) this.#expect(after === at, `committed at ${after}, and it was ${at}`);
      this.#compare(action, command.type);
      // What changed nothing, as a report that was only repeated, is nothing to say once more.
      if (reply.kind !== "done" || !committed) return;
      this.#done.push({ command, key });
      if (command.type === "vote") this.votes += 1;
    });
  }

  /** Whoever has lost the answer asks again, maybe days later: it happens once. */
  async #repeat(told: Told): Promise<void> {
    await this.#inside((action) => {
      const before = JSON.stringify(action.store.whole()?.stored.state);
      const reply = this.#tell(action, told);
      this.#expect(reply.kind === "done", `${told.command.type} said once more was ${codeOf(reply)}`);
      const after = JSON.stringify(action.store.load()?.stored.state);
      this.#expect(before === after, `${told.command.type} said once more changed something`);
    });
  }

  #tell(action: Action, { command, key }: Told): Reply {
    return action.tell({ command, known: this.#known(), key, fingerprint: "f", origin });
  }

  /** Runs in the object, by the clock of its machine; what cannot be written now is as if nobody had asked. */
  async #inside(work: (action: Action, now: number) => void): Promise<void> {
    const { dice, callersClock } = this.#place;
    await runInDurableObject(this.stub, (action: Action) => {
      const real = Date.now();
      const now = real - this.behindMs;
      const shown = callersClock ? now + dice.below(1_800_000) : now;
      vi.setSystemTime(shown);
      try {
        work(action, now);
      } catch (error) {
        if (!String(error).includes(diskFull)) throw error;
      } finally {
        vi.setSystemTime(real);
      }
    });
  }

  #compare(action: Action, after: string): void {
    const there = action.store.load();
    const [is, wanted] = [there?.stored.state, this.reference?.state].map(
      (state) => state !== undefined && JSON.stringify(outcomeOf(state)),
    );
    this.#expect(is === wanted, `after ${after} it is ${String(is)}, not ${String(wanted)}`);
  }

  #expect(holds: boolean, fault: string): void {
    if (!holds) this.faults.push(`${this.id}: ${fault}`);
  }

  /** @returns null where nobody does anything there. */
  #commandFor({ state, payload }: Reference): Command | null {
    const { dice } = this.#place;
    const kind = dice.pick(commands[state.state] ?? ["late"]);
    const held = state.lease ?? state.lastLease;
    const { digest } = payload;
    const by = (...actors: readonly Actor[]): Actor => dice.pick(actors);
    const vote = (decision: "approve" | "deny" | "withdraw"): Command => {
      const actor = by(cast.alice, cast.bob, cast.carol, cast.alice, cast.bob);
      return { type: "vote", actor, decision, digest, reason: "so", via: "api" };
    };
    switch (kind) {
      case "approve":
      case "deny":
      case "withdraw":
        return vote(kind);
      case "late":
        return vote("approve");
      case "cancel":
      case "revoke":
        return { type: kind, actor: kind === "cancel" ? cast.demo : cast.alice, reason: "not needed" };
      case "claim":
        return { type: "claim", actor: cast.demo, digest, preconditions: null, leaseId: dice.salt() };
      case "heartbeat":
        return { type: "heartbeat", actor: cast.demo, lease: held?.id ?? "", fence: state.fence };
      case "rollback":
        return { type: "rollback", actor: cast.omar, reason: "harm" };
      default: {
        const fence = state.fence - (kind === "stale" ? 1 : 0);
        const outcome = dice.pick(["succeeded", "failed"] as const);
        const effect = outcome === "failed" ? dice.pick(["none", "partial"] as const) : "none";
        const said = { summary: "done", evidence: null, startupMs: null };
        return { type: "report", actor: cast.demo, lease: held?.id ?? "", fence, outcome, effect, ...said };
      }
    }
  }
}

type Kind =
  | "approve"
  | "deny"
  | "withdraw"
  | "late"
  | "cancel"
  | "revoke"
  | "claim"
  | "heartbeat"
  | "rollback"
  | "report"
  | "stale";

/** What is done in each state, as often as it stands there. */
const commands: Partial<Record<string, readonly Kind[]>> = {
  pending: ["approve", "approve", "approve", "approve", "approve", "deny", "withdraw", "cancel", "claim"],
  approved: ["claim", "claim", "claim", "claim", "revoke", "late"],
  executing: ["heartbeat", "heartbeat", "report", "report", "stale", "claim"],
  executed: ["rollback", "rollback", "late", "report"],
  failed: ["rollback", "rollback", "late", "report"],
  rolling_back: ["claim", "claim", "claim", "heartbeat", "report", "report"],
};

const codeOf = (reply: Reply): string | null =>
  reply.kind === "done" ? null : reply.kind === "refused" ? reply.refusal.code : reply.kind;

/** What a write says that fails. */
export const diskFull = "disk is full";
