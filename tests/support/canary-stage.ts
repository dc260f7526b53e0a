import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type MockInstance, vi } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { castOf, type Cast } from "./actors.ts";
import { adopt } from "./canary-lives.ts";
import { type Answer, Caller } from "./caller.ts";
import { CommandLine } from "./command-line.ts";
import { type PagerDuty, startPagerDuty } from "./pagerduty.ts";
import { type Receiver, startReceiver } from "./receiver.ts";
import { filesUnder, said, type Source } from "./scan.ts";
import { startEngine, type TestEngine } from "./server.ts";
import { Slack, SlackUser } from "./slack.ts";
import { unsealed, type Unsealed } from "./unsealed.ts";

/** An engine with every channel and a bucket, and all that ever comes out of it kept: answers, messages, what it writes of itself. */
export class CanaryStage {
  readonly slack: Slack;
  readonly pagerDuty: PagerDuty;
  readonly receiver: Receiver;
  engine: TestEngine;
  cast: Cast;
  cli: CommandLine;
  /** Where the callbacks of actions go. */
  callback = { url: "", secretId: "" };
  readonly #requests: Source[] = [];
  readonly #answers: Source[] = [];
  readonly #logs: Source[] = [];
  readonly #spy: MockInstance;

  private constructor(parts: Pick<CanaryStage, "slack" | "pagerDuty" | "receiver" | "engine">) {
    this.slack = parts.slack;
    this.pagerDuty = parts.pagerDuty;
    this.receiver = parts.receiver;
    this.engine = parts.engine;
    this.cast = castOf(parts.engine);
    this.cli = new CommandLine(parts.engine);
    this.#spy = recording(this.#requests, this.#answers);
  }

  static async open(): Promise<CanaryStage> {
    const [slack, pagerDuty, receiver] = await Promise.all([
      Slack.start(),
      startPagerDuty(),
      startReceiver(),
    ]);
    const settings = {
      ...slack.settings,
      HOLDPOINT_PAGERDUTY: JSON.stringify({ primary: "0123456789abcdef0123456789abcdef" }),
      HOLDPOINT_PAGERDUTY_URL: pagerDuty.url,
    };
    const engine = await startEngine({ bucket: true, settings });
    const stage = new CanaryStage({ slack, pagerDuty, receiver, engine });
    await adopt(stage.cast, [`slack:${stage.#channel}`, "pagerduty:primary"]);
    const endpoint = { url: receiver.url, payload: true };
    const made = await stage.cast.operator.post<{ secret: string; secretId: string }>(
      "/v1/webhooks",
      endpoint,
    );
    receiver.setSecrets(made.secret);
    stage.callback = { url: receiver.url, secretId: made.secretId };
    await stage.#link();
    return stage;
  }

  get #channel(): string {
    return this.slack.channels["approvals"] ?? "";
  }

  get #bob(): SlackUser {
    return new SlackUser(this.slack, () => this.engine.url, this.slack.users["bob"] ?? "");
  }

  /** Everything stored, as it lies on disk this moment. */
  get disk(): Source[] {
    return filesUnder(this.engine.stateDir);
  }

  /** What of it can be read with the seal key, which lies beside it. */
  unsealed(what: "rows" | "bytes"): Unsealed {
    const { stateDir, workspace } = this.engine;
    const key = readFileSync(join(stateDir, "seal-key"), "utf8").trim();
    return unsealed(stateDir, { key, workspace, what });
  }

  /** Every call over HTTP so far, as it was sent: what is planted is in there. */
  get requests(): readonly Source[] {
    return this.#requests;
  }

  /** Every answer over HTTP so far, with its headers. */
  get answers(): readonly Source[] {
    return this.#answers;
  }

  /** Every message that anybody was sent. */
  get messages(): Source[] {
    return [
      ...this.slack.calls.map((call) => said(`call of Slack's ${call.method}`, call.body)),
      ...this.pagerDuty.received.map(({ body }) => said("event at PagerDuty", body)),
      ...this.receiver.received.map(({ body, headers }) =>
        said("webhook", `${JSON.stringify(headers)}\n${body}`),
      ),
    ];
  }

  /** What the engines wrote to their standard output and error. */
  get logs(): Source[] {
    return [...this.#logs, said("log", this.engine.said())];
  }

  /** The messages in Slack as they stand now. */
  async cards(): Promise<Source[]> {
    const messages = await this.slack.messages(this.#channel);
    return messages.map((message) => said("message in Slack", message));
  }

  /** A power cut. What lies on disk is as it lay then until `again`. */
  async cut(): Promise<void> {
    await this.engine.kill9();
    this.#logs.push(said("log before a kill", this.engine.said()));
  }

  async again(): Promise<void> {
    this.engine = await this.engine.restart();
    this.cast = castOf(this.engine);
    this.cli.close();
    this.cli = new CommandLine(this.engine);
  }

  /** What cron does each minute: copies into the bucket, among other things. */
  async sweep(): Promise<void> {
    const cron = encodeURIComponent("* * * * *");
    await (await fetch(`${this.engine.url}/cdn-cgi/local/scheduled?cron=${cron}`)).text();
  }

  /** Clicks Deny on the card of an action and says why, as bob does. */
  async deny(action: ActionView, reason: string): Promise<void> {
    const card = await until("a card", async () => (await this.slack.cards(this.#channel, action.id))[0]);
    const paged = (): boolean => this.pagerDuty.incidents.has(action.id);
    await until("a page", paged).catch((e) => {
      console.log(JSON.stringify(this.pagerDuty.received).slice(0, 3000));
      throw e;
    });
    const opened = this.#opened();
    await this.#bob.clicks(this.#channel, card, "deny");
    await until("a form", () => this.#opened() > opened);
    const answer = await this.#bob.submits("reason", reason);
    if (answer !== null) throw new Error(JSON.stringify(answer));
  }

  async close(): Promise<void> {
    this.#spy.mockRestore();
    this.cli.close();
    await this.engine.stop();
    await Promise.all([this.slack.stop(), this.pagerDuty.close(), this.receiver.close()]);
  }

  async #link(): Promise<void> {
    const { code } = await this.cast.bob.post<{ code: string }>("/v1/slack/link", {});
    const opened = this.#opened();
    const value = JSON.stringify({ workspace: this.engine.workspace });
    await this.#bob.clicksValue(this.#channel, "1.1", "link", { value });
    await until("a form", () => this.#opened() > opened);
    await this.#bob.submits("code", code);
  }

  #opened(): number {
    return this.slack.calls.filter(({ method }) => method === "views.open").length;
  }
}

type Send = (this: Caller, ...args: Parameters<Caller["send"]>) => Promise<Answer>;

/** Every call that anybody makes from now on, and what it is answered. */
function recording(requests: Source[], answers: Source[]): MockInstance {
  const send: Send = Object.getOwnPropertyDescriptor(Caller.prototype, "send")?.value;
  return vi.spyOn(Caller.prototype, "send").mockImplementation(async function (this: Caller, ...args) {
    const [method, path, body, headers] = args;
    const route = `${method} ${path.split(/[?/]/u, 4).join("/")}`;
    requests.push(
      said(route, `${this.key} ${decodeURIComponent(path)}\n${JSON.stringify(headers)}\n${textOf(body)}`),
    );
    const answer = await send.apply(this, args);
    answers.push(said(`answer to ${route}`, `${JSON.stringify([...answer.headers])}\n${answer.text}`));
    return answer;
  });
}

const textOf = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body));

/** Comes back with what `look` gives once it gives something. */
export async function until<Found>(
  what: string,
  look: () => Promise<Found | undefined | false> | Found | undefined | false,
): Promise<Found> {
  for (let tries = 0; tries < 600; tries += 1) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await delay(100);
  }
  throw new Error(`it did not come about: ${what}`);
}
