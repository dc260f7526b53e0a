import { createHmac, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { createEmulator } from "emulate";

/** One call to Slack's Web API as it came in, and what it was answered with. */
export type SlackCalled = {
  readonly method: string;
  readonly body: Record<string, unknown>;
  readonly at: number;
  readonly status: number;
  readonly answer: Record<string, unknown>;
};

/** How a call is met instead of being passed on: a status and a body, after a while. Null passes it on. */
export type SlackReaction = {
  status?: number;
  headers?: Record<string, string>;
  body?: object;
  delayMs?: number;
  /** The call is carried out all the same, and only its answer is lost. */
  afterwards?: boolean;
} | null;

export type SlackMessage = {
  readonly ts: string;
  readonly text: string;
  readonly blocks: SlackBlock[];
  readonly thread_ts?: string;
};
export type SlackBlock = { type: string; elements?: SlackElement[]; [field: string]: unknown };
export type SlackElement = { action_id?: string; value?: string; [field: string]: unknown };

export const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5";
const token = "xoxb-holdpoint-test";

/** The headers that Slack signs a body with. `at` is epoch ms. */
export function signed(
  body: string | Uint8Array,
  { secret = signingSecret, at = Date.now() } = {},
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  const mac = createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest("hex");
  return {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": timestamp,
    "x-slack-signature": `v0=${mac}`,
  };
}

/** A payload as Slack sends it. */
export const formOf = (payload: unknown): string =>
  new URLSearchParams({ payload: JSON.stringify(payload) }).toString();

/**
 * Slack, played by `emulate` behind a proxy of ours that notes every call and fails as it is told to. Clicks are not simulated
 * by it: a test sends them, signed, with trigger ids that Slack gave out.
 */
export class Slack {
  readonly calls: SlackCalled[] = [];
  /** Users whom `users.info` is to call something else than a full member. */
  readonly oddUsers = new Map<string, Record<string, unknown>>();
  readonly url: string;
  readonly team: string;
  /** Name → id. */
  readonly users: Readonly<Record<string, string>>;
  readonly channels: Readonly<Record<string, string>>;
  readonly #stop: () => Promise<void>;
  #reaction: (method: string, call: Record<string, unknown>) => SlackReaction = () => null;

  private constructor(parts: Pick<Slack, "url" | "team" | "users" | "channels">, stop: () => Promise<void>) {
    this.url = parts.url;
    this.team = parts.team;
    this.users = parts.users;
    this.channels = parts.channels;
    this.#stop = stop;
  }

  static async start(): Promise<Slack> {
    const emulator = await createEmulator({
      service: "slack",
      port: await freePort(),
      seed: {
        tokens: { [token]: { login: "holdpoint", scopes: ["chat:write"] } },
        slack: {
          users: ["alice", "bob", "carol", "omar", "guest"].map((name) => ({ name })),
          channels: ["approvals", "escalations", "gone"].map((name) => ({ name })),
        },
      },
    });
    let slack: Slack | null = null;
    const server = createServer((request, response) => {
      const answer = async (): Promise<void> => {
        const method = (request.url ?? "").replace(/^\/api\//u, "");
        const text = await readBody(request);
        const met = await slack!.#meet(emulator.url, method, request.headers["content-type"] ?? "", text);
        response.writeHead(met.status, met.headers).end(met.body);
      };
      void answer();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const ask = (method: string): Promise<Record<string, never>> => apiCall(emulator.url, method, {});
    const { members } = (await ask("users.list")) as unknown as {
      members: { id: string; name: string; team_id: string }[];
    };
    const { channels } = (await ask("conversations.list")) as unknown as {
      channels: { id: string; name: string }[];
    };
    slack = new Slack(
      {
        url: `http://127.0.0.1:${port}/api`,
        team: members[0]?.team_id ?? "",
        users: Object.fromEntries(members.map(({ id, name }) => [name, id])),
        channels: Object.fromEntries(channels.map(({ id, name }) => [name, id])),
      },
      async () => {
        server.closeAllConnections();
        server.close();
        await emulator.close();
      },
    );
    slack.#emulator = emulator.url;
    return slack;
  }

  #emulator = "";

  /** What an engine is told to find this Slack by. */
  get settings(): Record<string, string> {
    return {
      HOLDPOINT_SLACK_BOT_TOKEN: token,
      HOLDPOINT_SLACK_SIGNING_SECRET: signingSecret,
      HOLDPOINT_SLACK_TEAM: this.team,
      HOLDPOINT_SLACK_API: this.url,
    };
  }

  /** How calls are met from now on; nothing says: as Slack does. */
  meetWith(reaction: (method: string, call: Record<string, unknown>) => SlackReaction = () => null): void {
    this.#reaction = reaction;
  }

  /** Every message of a channel, oldest first, without those in threads. */
  async messages(channel: string): Promise<SlackMessage[]> {
    const { messages = [] } = (await apiCall(this.#emulator, "conversations.history", {
      channel,
      limit: 1_000,
    })) as unknown as { messages?: SlackMessage[] };
    return messages.toReversed();
  }

  /** The cards of an action in a channel. */
  async cards(channel: string, action: string): Promise<SlackMessage[]> {
    return (await this.messages(channel)).filter((message) => JSON.stringify(message).includes(action));
  }

  async replies(channel: string, ts: string): Promise<SlackMessage[]> {
    const { messages = [] } = (await apiCall(this.#emulator, "conversations.replies", {
      channel,
      ts,
    })) as unknown as { messages?: SlackMessage[] };
    return messages.filter((message) => message.ts !== ts);
  }

  /** Does to Slack what a person of the workspace could, such as deleting a message. */
  api(method: string, body: Record<string, unknown>): Promise<Record<string, never>> {
    return apiCall(this.#emulator, method, body);
  }

  /** A trigger id as a click carries one: good once, for three seconds. */
  async trigger(user: string): Promise<string> {
    const { trigger_id: id } = (await apiCall(this.#emulator, "views.generateTriggerId", {
      user_id: user,
    })) as unknown as { trigger_id: string };
    return id;
  }

  /** The lines that only this user has seen, oldest first. */
  ephemerals(user: string): SlackCalled[] {
    return this.calls.filter(({ method, body }) => method === "chat.postEphemeral" && body["user"] === user);
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async #meet(
    emulator: string,
    method: string,
    type: string,
    text: string,
  ): Promise<{ status: number; headers: Record<string, string>; body: string }> {
    const at = Date.now();
    const body: Record<string, unknown> = type.startsWith("application/json")
      ? JSON.parse(text)
      : Object.fromEntries(new URLSearchParams(text));
    const reaction = this.#reaction(method, body);
    if (reaction?.delayMs !== undefined) await delay(reaction.delayMs);
    const passed =
      reaction === null || reaction.afterwards === true ? await apiCall(emulator, method, body) : null;
    const odd = method === "users.info" ? this.oddUsers.get(String(body["user"])) : undefined;
    const { user } = (passed ?? {}) as unknown as { user?: object };
    const answer: Record<string, unknown> =
      reaction === null
        ? {
            ...passed,
            ...(odd !== undefined && { user: { ...user, ...odd } }),
            ...(method === "conversations.history" && passed !== null && historyOf(passed, body)),
          }
        : { ...reaction.body };
    const status = reaction?.status ?? 200;
    this.calls.push({ method, body, at, status, answer });
    return {
      status,
      headers: { "content-type": "application/json", ...reaction?.headers },
      body: JSON.stringify(answer),
    };
  }
}

/**
 * What `emulate` leaves out of `conversations.history`: `oldest` is a bound, and metadata is shown to whoever asks for it with
 * `include_all_metadata` and to nobody else.
 */
function historyOf(
  answer: Record<string, unknown>,
  { oldest, include_all_metadata: all }: Record<string, unknown>,
): Record<string, unknown> {
  const { messages } = answer as { messages?: { ts: string; metadata?: unknown }[] };
  if (messages === undefined) return answer;
  const from = typeof oldest === "string" ? Number(oldest) : 0;
  return {
    messages: messages
      .filter(({ ts }) => Number(ts) > from)
      .map(({ metadata, ...message }) =>
        all === "true" && metadata !== undefined ? { ...message, metadata } : message,
      ),
  };
}

async function apiCall(
  url: string,
  method: string,
  body: Record<string, unknown>,
): Promise<Record<string, never>> {
  const answer = await fetch(`${url}/api/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Record<string, never>;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Somebody in Slack who clicks and submits, as the engine at `engine` is told of it. */
export class SlackUser {
  readonly id: string;
  readonly #slack: Slack;
  readonly #engine: () => string;
  readonly #team: string;

  constructor(slack: Slack, engine: () => string, id: string, team = slack.team) {
    this.id = id;
    this.#slack = slack;
    this.#engine = engine;
    this.#team = team;
  }

  /** Clicks a button of a message; `button` overrides what it carries. The answer, and how long it took. */
  async clicks(
    channel: string,
    message: SlackMessage,
    action: string,
    more: { value?: string; trigger?: string } = {},
  ): Promise<{ status: number; tookMs: number }> {
    const button = buttonsOf(message).find(({ action_id: id }) => id === action);
    return this.clicksValue(channel, message.ts, action, {
      value: more.value ?? button?.value ?? "",
      ...(more.trigger !== undefined && { trigger: more.trigger }),
    });
  }

  async clicksValue(
    channel: string,
    ts: string,
    action: string,
    { value, trigger }: { value: string; trigger?: string },
  ): Promise<{ status: number; tookMs: number }> {
    const payload = {
      type: "block_actions",
      user: { id: this.id, username: "somebody", name: "somebody", team_id: this.#team },
      api_app_id: "A000000001",
      team: { id: this.#slack.team, domain: "test" },
      enterprise: null,
      is_enterprise_install: false,
      container: { type: "message", message_ts: ts, channel_id: channel, is_ephemeral: false },
      trigger_id: trigger ?? (await this.#slack.trigger(this.id)),
      channel: { id: channel, name: "approvals" },
      message: { ts, text: "" },
      state: { values: {} },
      response_url: "https://hooks.slack.invalid/actions/T/1/x",
      actions: [
        {
          type: "button",
          action_id: action,
          block_id: "decide",
          value,
          action_ts: String(Date.now() / 1_000),
        },
      ],
    };
    const began = performance.now();
    const answer = await postSigned(this.#engine(), formOf(payload));
    return { status: answer.status, tookMs: performance.now() - began };
  }

  /** Submits the form that Slack opened last for this user. */
  async submits(field: string, value: string, viewId?: string): Promise<Record<string, unknown> | null> {
    const opened = this.#slack.calls.findLast(
      ({ method, answer }) => method === "views.open" && answer["ok"] === true,
    );
    if (opened === undefined) throw new Error("no form was opened");
    const view = opened.body["view"] as { callback_id: string; private_metadata: string };
    const { id } = opened.answer["view"] as { id: string };
    return this.submitsView({ ...view, id: viewId ?? id }, field, value);
  }

  async submitsView(
    view: { callback_id: string; private_metadata: string; id: string },
    field: string,
    value: string,
  ): Promise<Record<string, unknown> | null> {
    const payload = {
      type: "view_submission",
      user: { id: this.id, username: "somebody", name: "somebody", team_id: this.#team },
      team: { id: this.#slack.team, domain: "test" },
      trigger_id: randomUUID(),
      view: {
        ...view,
        hash: "1.x",
        state: { values: { [field]: { [field]: { type: "plain_text_input", value } } } },
      },
      response_urls: [],
    };
    const answer = await postSigned(this.#engine(), formOf(payload));
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
    return text === "" ? null : (JSON.parse(text) as Record<string, unknown>);
  }
}

export function postSigned(
  engine: string,
  body: string,
  headers: Record<string, string> = signed(body),
): Promise<Response> {
  return fetch(`${engine}/slack/interactivity`, { method: "POST", body, headers });
}

/** Every button of a message. */
export function buttonsOf(message: SlackMessage): SlackElement[] {
  return message.blocks.filter(({ type }) => type === "actions").flatMap(({ elements = [] }) => elements);
}
