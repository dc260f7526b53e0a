import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { ActionView } from "../../../schemas/action.ts";
import type { PolicyInput } from "../../../schemas/policy.ts";
import { type Cast, type Claim, castOf, contractOf, withContracts } from "../actors.ts";
import { Caller } from "../caller.ts";
import type { Ack, CommandName } from "../record.ts";
import type { Receiver } from "../receiver.ts";
import type { Slack, SlackUser } from "../slack.ts";
import type { CrashEngine } from "./engine.ts";

/** What has to be true of an action in the end, whatever crashed on the way. */
export type Expected = {
  readonly id: string;
  /** Its whole log, by type: what is missing was lost, what is there twice was done twice. */
  readonly log: readonly string[];
  /** How many cards there are of it in Slack. */
  readonly cards: number;
};

/** What the lives are lived on, and what they leave for the judge. */
export class Stage {
  readonly cast: Cast;
  readonly acks: Ack[] = [];
  readonly expected: Expected[] = [];
  /** What was seen to be wrong on the way. */
  readonly faults: string[] = [];
  readonly engine: CrashEngine;
  readonly receiver: Receiver;
  readonly slack: Slack;
  readonly bobInSlack: SlackUser;
  #proposersKey = "";

  constructor(parts: Pick<Stage, "engine" | "receiver" | "slack" | "bobInSlack">) {
    this.engine = parts.engine;
    this.receiver = parts.receiver;
    this.slack = parts.slack;
    this.bobInSlack = parts.bobInSlack;
    this.cast = castOf(parts.engine.file);
  }

  /** Somebody who may ask for another policy, and is no operator. */
  get proposer(): Caller {
    return new Caller("person:carol", this.engine.file.url, this.#proposersKey);
  }

  get approvals(): string {
    return this.slack.channels["approvals"] ?? "";
  }

  /** Contracts, a webhook and a link to Slack, before anything is armed. */
  async prepare(): Promise<void> {
    const rule = { seat: "both", n: 2, from: ["group:oncall"] };
    const rollback = { window: "7d" } as const;
    await this.cast.operator.adopts(
      contractOf("crash.run", { rule, rollback }),
      contractOf("crash.slack", { notify: [`slack:${this.approvals}`] }),
      contractOf("crash.glass", { rule, breakGlass: { by: ["group:oncall"], perPersonPerDay: 100 } }),
    );
    const { secret } = await this.cast.operator.post<{ secret: string }>("/v1/webhooks", {
      url: this.receiver.url,
    });
    this.receiver.setSecrets(secret);
    const scopes = ["policy:read", "policy:write"];
    this.#proposersKey = await this.cast.operator.givesKey("person:carol", { scopes });
    const { code } = await this.cast.bob.post<{ code: string }>("/v1/slack/link", {});
    const value = JSON.stringify({ workspace: this.engine.file.workspace });
    await this.bobInSlack.clicksValue(this.approvals, "1.1", "link", { value });
    await until(async () => this.slack.calls.find(({ method }) => method === "views.open"));
    await this.bobInSlack.submits("code", code);
  }

  /** A command, sent under one key until it is answered. */
  async command(name: CommandName, send: (key: string) => Promise<ActionView>): Promise<ActionView> {
    const key = randomUUID();
    const action = await this.engine.persist(() => send(key));
    this.acks.push({ command: name, action: action.id, seq: action.seq, state: action.state, fence: null });
    return action;
  }

  async claim(action: ActionView): Promise<Claim> {
    const key = randomUUID();
    const claim = await this.engine.persist(() => this.cast.demo.claims(action, { key }));
    const { seq, state } = claim.action;
    this.acks.push({ command: "claim", action: action.id, seq, state, fence: claim.fence });
    return claim;
  }

  /** Anything else that is sent under one key until it is answered. */
  posts<Body>(as: Caller, path: string, body: unknown): Promise<Body> {
    const key = randomUUID();
    return this.engine.persist(() => as.post<Body>(path, body, { key }));
  }

  reads<Body>(as: Caller, path: string): Promise<Body> {
    return this.engine.persist(() => as.get<Body>(path));
  }
}

async function approved(stage: Stage): Promise<ActionView> {
  const { demo, alice, bob } = stage.cast;
  const parts = { type: "crash.run", rollbackPlan: { what: "undo" } };
  const action = await stage.command("create", (key) => demo.asks(parts, { key }));
  await stage.command("vote", (key) => alice.approves(action, { key }));
  return stage.command("vote", (key) => bob.approves(action, { key }));
}

const untilApproved = ["requested", "voted", "voted", "approved"];

/** Asked for, agreed to, told by webhook, claimed, renewed, reported, read and swept: the life that the README shows. */
async function executed(stage: Stage): Promise<void> {
  const { demo, auditor } = stage.cast;
  const action = await approved(stage);
  const held = await stage.claim(action);
  await stage.command("heartbeat", (key) => demo.heartbeats(held, { key }));
  await stage.command("report", (key) => demo.reports(held, "succeeded", { key }));
  await stage.reads(auditor, `/v1/actions/${action.id}/events`);
  await stage.reads(auditor, `/v1/actions?limit=5`);
  await stage.engine.sweep();
  stage.expected.push({
    id: action.id,
    log: [...untilApproved, "claimed", "heartbeat", "executed"],
    cards: 0,
  });
}

/** One that failed and is undone. */
async function undone(stage: Stage): Promise<void> {
  const { demo, bob } = stage.cast;
  const action = await approved(stage);
  await stage.command("report", async (key) => demo.reports(await stage.claim(action), "failed", { key }));
  await stage.command("rollback", (key) => bob.rollsBack(action, { key }));
  const again = await stage.claim(action);
  await stage.command("report", (key) => demo.reports(again, "succeeded", { key }));
  const log = ["claimed", "failed", "rollback_started", "rollback_claimed", "rolled_back"];
  stage.expected.push({ id: action.id, log: [...untilApproved, ...log], cards: 0 });
}

/** One that is shown, decided and ended in Slack. */
async function clicked(stage: Stage): Promise<void> {
  const { demo } = stage.cast;
  // Requests that are the same share a card.
  const parts = { type: "crash.slack", args: { what: `restart ${(asked += 1)}` } };
  const action = await stage.command("create", (key) => demo.asks(parts, { key }));
  const card = await until(async () => (await stage.slack.cards(stage.approvals, action.id))[0]);
  for (let state = "pending"; state === "pending";) {
    // A click is answered before anything is done for it, so whoever sees nothing come of it clicks again.
    await stage.engine.persist(() => stage.bobInSlack.clicks(stage.approvals, card, "approve"));
    for (let looks = 0; looks < 20 && state === "pending"; looks += 1) {
      await delay(50);
      ({ state } = await stage.reads<ActionView>(demo, `/v1/actions/${action.id}`));
    }
  }
  const held = await stage.claim(action);
  await stage.command("report", (key) => demo.reports(held, "succeeded", { key }));
  stage.expected.push({
    id: action.id,
    log: ["requested", "voted", "approved", "claimed", "executed"],
    cards: 1,
  });
}

let asked = 0;

async function until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (let looks = 0; looks < 600; looks += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(50);
  }
  throw new Error("it did not come about");
}

/** One that somebody approved alone in an emergency, and that was reviewed. */
async function broken(stage: Stage): Promise<void> {
  const { demo, alice, bob } = stage.cast;
  const action = await stage.command("create", (key) => demo.asks({ type: "crash.glass" }, { key }));
  const path = `/v1/actions/${action.id}/break-glass`;
  const { digest } = action;
  const reason = "The site is down and nobody answers";
  await stage.posts(bob, path, { digest, reason, incident: "INC-1042", confirm: true });
  const held = await stage.claim(action);
  await stage.command("report", (key) => demo.reports(held, "succeeded", { key }));
  await stage.posts(alice, `${path}/review`, { verdict: "justified", note: "I was called too" });
  const log = ["requested", "broke_glass", "approved", "claimed", "executed", "reviewed"];
  stage.expected.push({ id: action.id, log, cards: 0 });
}

/** One that takes the place of another, is denied, and is let go of before its time. */
async function erased(stage: Stage): Promise<void> {
  const { demo, bob, omar } = stage.cast;
  const first = await stage.command("create", (key) => demo.asks({ type: "crash.run" }, { key }));
  const parts = {
    type: "crash.run",
    supersedes: first.id,
    reason: "It does not answer, mail me at demo@example.com",
  };
  const second = await stage.command("create", (key) => demo.asks(parts, { key }));
  await stage.command("vote", (key) => bob.denies(second, { key }));
  await stage.posts(omar, `/v1/actions/${second.id}/erase`, {
    class: "operational",
    reason: "it names somebody",
  });
  stage.expected.push({ id: first.id, log: ["requested", "cancelled"], cards: 0 });
  stage.expected.push({ id: second.id, log: ["requested", "voted", "denied"], cards: 0 });
}

/** A change of the policy that somebody asks for, an operator agrees to and the engine carries out. */
async function governed(stage: Stage): Promise<void> {
  const { omar, auditor } = stage.cast;
  type InForce = { version: string; document: PolicyInput };
  const { document } = await stage.reads<InForce>(auditor, "/v1/policy");
  const description = `The ${(asked += 1)}th of its kind`;
  const changed = withContracts(document, [contractOf("crash.governed", { description })]);
  const proposed = await stage.posts<ActionView>(stage.proposer, "/v1/policy", { document: changed });
  await stage.command("vote", (key) => omar.approves(proposed, { key }));
  for (let state = "approved"; state !== "executed";) {
    await stage.engine.sweep();
    ({ state } = await stage.reads<ActionView>(auditor, `/v1/actions/${proposed.id}`));
    if (state === "cancelled" || state === "failed") throw new Error(`the change of the policy is ${state}`);
  }
  const now = await stage.reads<InForce>(auditor, "/v1/policy");
  const made = now.document.contracts.find(({ type }) => type === "crash.governed")?.description;
  if (made !== description) stage.faults.push(`the policy in force is ${made} and not ${description}`);
  const log = ["requested", "voted", "approved", "claimed", "executed"];
  stage.expected.push({ id: proposed.id, log, cards: 0 });
}

/** What a workspace is set up with: each is made once, whatever crashed, and what was answered is what holds. */
async function furnished(stage: Stage): Promise<void> {
  const { operator, omar } = stage.cast;
  const name = `crash ${(asked += 1)}`;
  type Made = { record: { id: string }; key: string };
  const secrets = async (): Promise<number> =>
    (await stage.reads<List>(operator, "/v1/webhooks/secrets")).items.length;
  const before = await secrets();
  const first = await stage.posts<Made>(operator, "/v1/keys", { principal: "service:crash", name });
  const path = `/v1/keys/${first.record.id}/rotate`;
  const second = await stage.posts<Made>(operator, path, { overlapMs: 600_000 });
  for (const { key } of [first, second]) {
    const { status } = await stage.engine.persist(() =>
      new Caller("service:crash", operator.url, key).send("GET", "/v1/whoami"),
    );
    if (status !== 200) stage.faults.push(`${name}: a key that was handed out answers ${status}`);
  }
  await stage.posts(operator, "/v1/webhooks/secrets", {});
  const hook = { url: `${stage.receiver.url}/other`, description: name };
  const { id } = await stage.posts<{ id: string }>(operator, "/v1/webhooks", hook);
  const held = await stage.posts<{ id: string }>(omar, "/v1/holds", {
    scope: "type:crash.none",
    reason: name,
  });
  const over = { reason: "the case is closed" };
  // Sent again after a crash it may be told that the hold has ended already, which is what was wanted.
  await stage.engine.persist(() => omar.send("POST", `/v1/holds/${held.id}/release`, over));

  const keys = await stage.reads<List>(operator, "/v1/keys");
  const hooks = await stage.reads<List>(operator, "/v1/webhooks");
  const { holds } = await stage.reads<{ holds: List["items"] }>(operator, "/v1/holds");
  const count = (items: List["items"]): number =>
    items.filter((one) => [one.name, one.description, one.reason].includes(name)).length;
  const made = { keys: count(keys.items), hooks: count(hooks.items), holds: count(holds) };
  const ended = holds.filter((one) => one.id === held.id && one.releasedAt !== null).length;
  const all = JSON.stringify({ ...made, ended, secrets: (await secrets()) - before });
  if (all !== '{"keys":2,"hooks":1,"holds":1,"ended":1,"secrets":2}') {
    stage.faults.push(`${name}: it made ${all}`);
  }
  // It may be gone already, where the answer to that was lost.
  await stage.engine.persist(() => operator.send("DELETE", `/v1/webhooks/${id}`));
}

type Named = {
  id: string;
  name?: string | null;
  description?: string | null;
  reason?: string;
  releasedAt?: string | null;
};
type List = { items: Named[] };

export type Life = (stage: Stage) => Promise<void>;

export const lives: Readonly<Record<string, Life>> = {
  executed,
  undone,
  clicked,
  broken,
  erased,
  governed,
  furnished,
};
