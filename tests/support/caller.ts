import { randomUUID } from "node:crypto";
import type { ActionList, ActionView, EventView } from "../../schemas/action.ts";
import type { Problem } from "../../schemas/problem.ts";
import { openStream, type Stream } from "./stream.ts";

/** An answer as it came: `text` is the body to the byte, `body` what it says where it is JSON. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
};

/** The engine said no. Thrown by the verbs of an actor, so that a test cannot miss a refusal. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(what: string, answer: Answer) {
    super(`${what}: ${answer.status} ${answer.text}`);
    this.answer = answer;
  }
}

/** What the engine said no with. @throws where it said yes. */
export async function refusalOf(attempt: Promise<unknown>): Promise<Problem> {
  const answer = await refusedAnswer(attempt);
  return answer.body as Problem;
}

/** The same, with status and headers. */
export async function refusedAnswer(attempt: Promise<unknown>): Promise<Answer> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
  throw new Error("It was not refused.");
}

/** How a command is sent: under this Idempotency-Key instead of a new one, with these fields besides its own. */
export type Sending = { readonly key?: string; readonly more?: Record<string, unknown> };

/** What names an action: its id is enough, its digest is what decisions are about. */
export type Named = Pick<ActionView, "id" | "digest">;

/** Somebody with a key, who calls the engine over HTTP. Without a key: a stranger. */
export class Caller {
  readonly id: string;
  readonly url: string;
  readonly key: string | null;

  constructor(id: string, url: string, key: string | null) {
    this.id = id;
    this.url = url;
    this.key = key;
  }

  /** One call as it is; nothing is thrown for a refusal. A string or bytes go out as they are, anything else as JSON. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const raw = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(this.key !== null && { authorization: `Bearer ${this.key}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: (raw ? body : JSON.stringify(body)) as BodyInit }),
      // Node sends a stream only so.
      ...(body instanceof ReadableStream && { duplex: "half" as const }),
      redirect: "manual",
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  }

  async get<Body>(path: string): Promise<Body> {
    return taken<Body>(`GET ${path}`, await this.send("GET", path));
  }

  async post<Body>(path: string, body: unknown, { key, more }: Sending = {}): Promise<Body> {
    const headers = { "idempotency-key": key ?? randomUUID() };
    const whole = more === undefined ? body : { ...(body as object), ...more };
    return taken<Body>(`POST ${path}`, await this.send("POST", path, whole, headers));
  }

  async put<Body>(path: string, body: unknown): Promise<Body> {
    return taken<Body>(`PUT ${path}`, await this.send("PUT", path, body));
  }

  sees({ id }: { id: string }): Promise<ActionView> {
    return this.get(`/v1/actions/${id}`);
  }

  async readsLog({ id }: { id: string }, afterSeq = 0): Promise<EventView[]> {
    const { items } = await this.get<{ items: EventView[] }>(`/v1/actions/${id}/events?afterSeq=${afterSeq}`);
    return items;
  }

  lists(query = ""): Promise<ActionList> {
    return this.get(`/v1/actions?${query}`);
  }

  /** Holds a request until the action has moved past `afterSeq`, or `seconds` are over. */
  waitsFor({ id }: { id: string }, afterSeq: number, seconds = 30): Promise<ActionView> {
    return this.get(`/v1/actions/${id}?wait=${seconds}&afterSeq=${afterSeq}`);
  }

  /** Opens a WebSocket on the action. */
  follows({ id }: { id: string }, afterSeq = 0): Promise<Stream> {
    const headers: Record<string, string> = this.key === null ? {} : { authorization: `Bearer ${this.key}` };
    return openStream(new URL(`/v1/actions/${id}/stream?afterSeq=${afterSeq}`, this.url), headers);
  }

  cancels({ id }: { id: string }, sending?: Sending): Promise<ActionView> {
    return this.post(`/v1/actions/${id}/cancel`, { reason: "not needed any more" }, sending);
  }

  revokes({ id }: { id: string }, sending?: Sending): Promise<ActionView> {
    return this.post(`/v1/actions/${id}/revoke`, { reason: "it must not run" }, sending);
  }

  rollsBack({ id }: { id: string }, sending?: Sending): Promise<ActionView> {
    return this.post(`/v1/actions/${id}/rollback`, { reason: "it did harm" }, sending);
  }
}

function taken<Body>(what: string, answer: Answer): Body {
  if (answer.status >= 300) throw new Refused(what, answer);
  return answer.body as Body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
