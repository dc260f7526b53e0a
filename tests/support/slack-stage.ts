import { setTimeout as delay } from "node:timers/promises";
import type { ActionView } from "../../schemas/action.ts";
import { Agent, castOf, contractOf, type Cast } from "./actors.ts";
import type { Sending } from "./caller.ts";
import { startEngine, type TestEngine } from "./server.ts";
import { buttonsOf, Slack, SlackUser, type SlackMessage } from "./slack.ts";

type Name = "alice" | "bob" | "carol" | "omar" | "guest";
const names = ["alice", "bob", "carol", "omar", "guest"] as const;

let asked = 0;

/** Asks for something else each time, because identical requests share a card. */
class Asker extends Agent {
  override asks(parts: Record<string, unknown> = {}, sending?: Sending): Promise<ActionView> {
    asked += 1;
    return super.asks({ args: { what: `restart ${asked}` }, ...parts }, sending);
  }
}

const slackCastOf = (engine: TestEngine): Cast => ({
  ...castOf(engine),
  demo: new Asker("agent:demo", engine.url, engine.keys["agent:demo"] ?? ""),
});

/** An engine with a Slack, contracts that name its channels, and people who are in both. */
export class SlackStage {
  readonly slack: Slack;
  readonly users: Readonly<Record<Name, SlackUser>>;
  /** The channel that contracts name. */
  readonly approvals: string;
  engine: TestEngine;
  cast: Cast;

  readonly #settings: Record<string, string>;

  private constructor(slack: Slack, engine: TestEngine, settings: Record<string, string>) {
    this.slack = slack;
    this.#settings = settings;
    this.engine = engine;
    this.cast = slackCastOf(engine);
    this.approvals = slack.channels["approvals"] ?? "";
    const user = (name: Name): SlackUser =>
      new SlackUser(slack, () => this.engine.url, slack.users[name] ?? "");
    this.users = Object.fromEntries(names.map((name) => [name, user(name)])) as Record<Name, SlackUser>;
  }

  /** `more`: settings of the Worker beside those that lead to this Slack. */
  static async open(more: Record<string, string> = {}): Promise<SlackStage> {
    const slack = await Slack.start();
    const settings = { ...slack.settings, ...more };
    const stage = new SlackStage(slack, await startEngine({ settings }), settings);
    const notify = [`slack:${stage.approvals}`];
    await stage.cast.operator.adopts(
      contractOf("slack.one", { notify }),
      contractOf("slack.two", { notify, rule: { seat: "oncall", n: 2, from: ["group:oncall"] } }),
      contractOf("slack.both", { notify: [...notify, "person:alice"] }),
      contractOf("slack.gone", {
        notify: ["slack:C0GONE"],
        escalateTo: [[`slack:${slack.channels["escalations"]}`]],
      }),
    );
    return stage;
  }

  async close(): Promise<void> {
    await this.engine.stop();
    await this.slack.stop();
  }

  /** A power cut, and the same engine again. */
  async restart(): Promise<void> {
    await this.engine.kill9();
    const port = Number(new URL(this.engine.url).port);
    const { stateDir: state } = this.engine;
    this.engine = await startEngine({ settings: this.#settings, state, port });
    this.cast = slackCastOf(this.engine);
  }

  /** Comes back with what `look` gives once it gives something. */
  async until<Value>(look: () => Promise<Value | null | undefined | false>, ms = 15_000): Promise<Value> {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
      await delay(100);
    }
    throw new Error(`it did not come about: ${JSON.stringify(this.slack.calls.slice(-3)).slice(0, 1_500)}`);
  }

  cardOf(action: ActionView, channel = this.approvals): Promise<SlackMessage> {
    return this.until(async () => (await this.slack.cards(channel, action.id))[0]);
  }

  /** The card once nobody can decide on it any more. */
  closedCardOf(action: ActionView, channel = this.approvals, ms?: number): Promise<SlackMessage> {
    const closed = async (): Promise<SlackMessage | undefined> =>
      (await this.slack.cards(channel, action.id)).find((card) => buttonsOf(card).length === 0);
    return this.until(closed, ms);
  }

  /** What only this user was told last, after the first `from` lines. */
  lastWord(user: SlackUser, from = 0): Promise<string> {
    return this.until(async () => {
      const said = this.slack.ephemerals(user.id).slice(from);
      return said.length === 0 ? null : JSON.stringify(said.at(-1)?.body);
    });
  }

  /** Links somebody as they would: a code from the command line, entered in the form. */
  async link(name: "alice" | "bob" | "carol"): Promise<void> {
    const { code } = await this.cast[name].post<{ code: string }>("/v1/slack/link", {});
    const opened = (): number => this.slack.calls.filter(({ method }) => method === "views.open").length;
    const before = opened();
    const value = JSON.stringify({ workspace: this.engine.workspace });
    await this.users[name].clicksValue(this.approvals, "1.1", "link", { value });
    await this.until(async () => opened() > before);
    const answer = await this.users[name].submits("code", code);
    if (answer?.["response_action"] !== "update") throw new Error(JSON.stringify(answer));
  }
}
