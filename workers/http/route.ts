import * as v from "valibot";
import { Json } from "../../schemas/json.ts";
import type { Principal, Scope } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import type { Standing } from "../../schemas/standing.ts";
import { redactWords } from "../secrets/redact.ts";
import { parseWith } from "./body.ts";

/** What a handler is given: parsed, authenticated, and nothing taken on trust from the request. */
export type Call<Body> = {
  readonly request: Request;
  readonly url: URL;
  readonly env: Env;
  readonly params: Readonly<Record<string, string>>;
  readonly principal: Principal;
  /** The workspace's policy and directory, at most a few seconds old. */
  readonly snapshot: Snapshot;
  /** What proved the caller, for whatever stays open after the call. */
  readonly standing: Standing;
  /** Proves the caller once more, for an answer that was held back. @throws ProblemError 401 */
  readonly again: () => Promise<unknown>;
  readonly body: Body;
  /** SHA-256 (hex) of the body text: with the same key, another fingerprint is another request. */
  readonly fingerprint: string;
  readonly idempotencyKey: string | null;
  /** Epoch ms at which the request came in. */
  readonly now: number;
  readonly waitUntil: (work: Promise<unknown>) => void;
};

/** A JSON answer, or a ready response (a WebSocket, text). Status 200 unless said. */
export type Answer = Response | { status?: number; body: unknown; headers?: Record<string, string> };

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One line of the route table. OpenAPI is generated from the same lines. */
export type Route = {
  readonly method: Method;
  /** itty-router path, such as `/v1/actions/:id`. */
  readonly path: string;
  readonly summary: string;
  /** The scope a key needs; `any` for every key, null where no key is asked for. */
  readonly scope: Scope | "any" | null;
  readonly tag: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: v.GenericSchema;
  /**
   * Members of the body, at any depth, in which people write freely: the handler sees them without the secrets in them. What is told to an
   * action needs none of this, nor does a request: `workers/tell` and `workers/new-action` see to those by their contract.
   */
  readonly words?: readonly string[];
  /** How many keys its body may hold, where that is more than `limits.jsonKeys`. */
  readonly maxKeys?: number;
  readonly answer: {
    readonly status: number;
    readonly schema?: v.GenericSchema;
    readonly contentType?: string;
  };
  /** It may answer 202 with the action that waits for somebody else's agreement. */
  readonly waits?: boolean;
  /**
   * It gives out evidence: who asks is written into the workspace's log before anything is answered (`workers/recorded-read`).
   * `otherThanOwn`: but for an agent that follows what it asked for itself.
   */
  readonly evidence?: true | "otherThanOwn";
  /** Statuses of refusals besides those that its shape says. */
  readonly refuses?: readonly number[];
  readonly handle: (call: Call<unknown>) => Promise<Answer> | Answer;
};

type Line<Schema extends v.GenericSchema> = Omit<Route, "body" | "handle"> & {
  readonly body: Schema;
  readonly handle: (call: Call<v.InferOutput<Schema>>) => Promise<Answer> | Answer;
};

/**
 * A route with a body. The handler sees the output of the schema that stands in the same line, so the type of
 * `body` cannot drift from what was checked.
 */
export function withBody<Schema extends v.GenericSchema>(line: Line<Schema>): Route {
  const { handle, ...rest } = line;
  return {
    ...rest,
    handle: async (call) => {
      // What does not fit is said of what was sent.
      const body = parseWith(line.body, call.body);
      return handle({ ...call, body: line.words === undefined ? body : await withoutSecrets(line, call) });
    },
  };
}

async function withoutSecrets<Schema extends v.GenericSchema>(
  { body: schema, words = [] }: Line<Schema>,
  { body, snapshot: { salt } }: Call<unknown>,
): Promise<v.InferOutput<Schema>> {
  return parseWith(schema, await redactWords(v.parse(Json, body), words, { salt, emails: false }));
}
