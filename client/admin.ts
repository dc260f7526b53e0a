import type * as v from "valibot";
import type { ActionView } from "../schemas/action.ts";
import type { JsonObject } from "../schemas/json.ts";
import type {
  CheckAnswer,
  DiffAnswer,
  KeyView,
  PolicyVersionView,
  PublishAnswer,
  Whoami as WhoamiAnswer,
} from "../schemas/operate.ts";
import type { Policy } from "../schemas/policy.ts";
import type { LinkCode } from "../schemas/link.ts";
import type { LinkAnswer } from "../schemas/session.ts";
import type { DeadLetterView } from "../schemas/webhook-view.ts";
import { type MetricsCalls, metricsCalls } from "./metrics.ts";
import { isObject, isProblemField, orWaiting } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Calls that run an engine rather than use it: policy, keys, dead letters. Most need an operator's key. */

export type PublishedPolicy = { version: string; document: Policy };
export type PolicyVersion = v.InferOutput<typeof PolicyVersionView>;
/** `created` is false for a document that was published before. */
export type PolicyPublished = Omit<v.InferOutput<typeof PublishAnswer>, "created"> & { created?: boolean };
/** An engine of the version before has no `findings`. */
export type PolicyCheck = Omit<v.InferOutput<typeof CheckAnswer>, "findings"> & {
  findings?: v.InferOutput<typeof CheckAnswer>["findings"];
};
export type PolicyDiff = v.InferOutput<typeof DiffAnswer>;
export type Key = v.InferOutput<typeof KeyView>;
export type NewKey = { record: Key; key: string; warning?: string };
/** Who a key is, and what it may do. */
export type Whoami = v.InferOutput<typeof WhoamiAnswer>;
export type { DeadLetterView } from "../schemas/webhook-view.ts";

export type KeyRequest = {
  principal: string;
  scopes?: readonly string[];
  name?: string;
  /** RFC 3339; without it the key does not expire by itself. */
  expiresAt?: string;
};

export type PolicyCalls = {
  /** The policy in force, or the named version. */
  get(version?: string): Promise<PublishedPolicy>;
  /**
   * Puts a document in force; the same document again is the same version. Faults are in the error's `errors`. Where another operator
   * has to agree the answer is the action that waits (`isWaiting`).
   */
  publish(document: unknown, options?: { note?: string }): Promise<PolicyPublished | ActionView>;
  /** Validates without publishing: every fault by JSON Pointer, and every warning. */
  check(document: unknown): Promise<PolicyCheck>;
  /** What would change against the policy in force. */
  diff(document: unknown): Promise<PolicyDiff>;
  versions(): Promise<{ items: PolicyVersion[] }>;
  /** Puts an earlier version in force again. */
  activate(version: string): Promise<PolicyPublished | ActionView>;
};

export function policyCalls({ call }: Transport): PolicyCalls {
  return {
    get: (version) => call({ method: "GET", path: "/v1/policy", query: { version }, guard: isPublished }),
    publish: (document, { note } = {}) =>
      call({
        method: "POST",
        path: "/v1/policy",
        body: { document, ...(note === undefined ? {} : { note }) },
        guard: orWaiting(isReleased),
      }),
    check: (document) =>
      call({ method: "POST", path: "/v1/policy/check", body: { document }, guard: isCheck }),
    diff: (document) => call({ method: "POST", path: "/v1/policy/diff", body: { document }, guard: isDiff }),
    versions: () => call({ method: "GET", path: "/v1/policy/versions", guard: isVersions }),
    activate: (version) =>
      call({ method: "POST", path: "/v1/policy/activate", body: { version }, guard: orWaiting(isReleased) }),
  };
}

export type KeyCalls = {
  /** The key text is in this answer and nowhere else: it is stored hashed. */
  create(request: KeyRequest, options?: { idempotencyKey?: string }): Promise<NewKey | ActionView>;
  /** The text of a key that another operator has agreed to, once, for whoever asked for it. */
  collect(action: string): Promise<{ key: string; summary: string }>;
  list(): Promise<{ items: Key[] }>;
  revoke(id: string): Promise<Key>;
  /** A new key for the same principal; the old one works for `overlapMs` longer. */
  rotate(id: string, options?: { overlapMs?: number }): Promise<NewKey>;
};

function keyPath(id: string, verb: string): string {
  return `/v1/keys/${encodeURIComponent(id)}/${verb}`;
}

export function keyCalls({ call }: Transport): KeyCalls {
  return {
    create: (request, options) =>
      call({
        method: "POST",
        path: "/v1/keys",
        body: request,
        idempotencyKey: options?.idempotencyKey,
        guard: orWaiting(isNewKey),
      }),
    collect: (action) =>
      call({ method: "POST", path: "/v1/keys/collect", body: { action }, guard: isCollected }),
    list: () => call({ method: "GET", path: "/v1/keys", guard: isKeys }),
    revoke: (id) => call({ method: "POST", path: keyPath(id, "revoke"), body: {}, guard: isKey }),
    rotate: (id, { overlapMs } = {}) =>
      call({
        method: "POST",
        path: keyPath(id, "rotate"),
        body: overlapMs === undefined ? {} : { overlapMs },
        guard: isNewKey,
      }),
  };
}

export type DeadLetterCalls = {
  list(cursor?: string): Promise<{ items: DeadLetterView[]; nextCursor: string | null }>;
  /** Puts a delivery that used up its tries back in line. */
  retry(id: string): Promise<JsonObject>;
};

export function deadLetterCalls({ call }: Transport): DeadLetterCalls {
  return {
    list: (cursor) =>
      call({ method: "GET", path: "/v1/dead-letters", query: { cursor }, guard: isDeadLetters }),
    retry: (id) =>
      call({
        method: "POST",
        path: `/v1/dead-letters/${encodeURIComponent(id)}/retry`,
        body: {},
        guard: isJsonObject,
      }),
  };
}

function whoami({ call }: Transport): Promise<Whoami> {
  return call({ method: "GET", path: "/v1/whoami", guard: isWhoami });
}

const isJsonObject = (value: unknown): value is JsonObject => isObject(value);
const isDiff = (value: unknown): value is PolicyDiff =>
  isObject(value) &&
  ["added", "removed", "changed"].every((name) => Array.isArray(value[name])) &&
  isObject(value["roles"]);
const isVersion = (value: unknown): value is PolicyVersion =>
  isObject(value) && typeof value["version"] === "string";
const isReleased = (value: unknown): value is PolicyPublished =>
  isObject(value) && typeof value["version"] === "string";
const isPublished = (value: unknown): value is PublishedPolicy =>
  isObject(value) && typeof value["version"] === "string" && isObject(value["document"]);
const isVersions = (value: unknown): value is { items: PolicyVersion[] } =>
  isObject(value) && Array.isArray(value["items"]) && value["items"].every(isVersion);
const isCheck = (value: unknown): value is PolicyCheck =>
  isObject(value) &&
  typeof value["ok"] === "boolean" &&
  Array.isArray(value["errors"]) &&
  value["errors"].every(isProblemField) &&
  (value["findings"] === undefined ||
    (Array.isArray(value["findings"]) && value["findings"].every(isProblemField)));
const isKey = (value: unknown): value is Key => isObject(value) && typeof value["id"] === "string";
const isKeys = (value: unknown): value is { items: Key[] } =>
  isObject(value) && Array.isArray(value["items"]) && value["items"].every(isKey);
const isNewKey = (value: unknown): value is NewKey =>
  isObject(value) && typeof value["key"] === "string" && isKey(value["record"]);
const isCollected = (value: unknown): value is { key: string; summary: string } =>
  isObject(value) && typeof value["key"] === "string" && typeof value["summary"] === "string";
const isDeadLetter = (value: unknown): value is DeadLetterView =>
  isObject(value) && typeof value["id"] === "string" && typeof value["action"] === "string";
const isDeadLetters = (value: unknown): value is { items: DeadLetterView[]; nextCursor: string | null } =>
  isObject(value) && Array.isArray(value["items"]) && value["items"].every(isDeadLetter);
const isWhoami = (value: unknown): value is Whoami =>
  isObject(value) &&
  ["id", "kind", "workspace"].every((name) => typeof value[name] === "string") &&
  Array.isArray(value["scopes"]);

/** Whoever enters `code` in Slack before `expiresAt` (RFC 3339) is `person` there. */
export type SlackLinkCode = v.InferOutput<typeof LinkCode>;

const isLinkCode = (value: unknown): value is SlackLinkCode =>
  isObject(value) && ["code", "person", "expiresAt"].every((name) => typeof value[name] === "string");

/** `url` signs the person in on the page, once, until `expiresAt` (RFC 3339). */
export type SignInLink = v.InferOutput<typeof LinkAnswer>;

const isLink = (value: unknown): value is SignInLink =>
  isObject(value) &&
  typeof value["url"] === "string" &&
  typeof value["person"] === "string" &&
  typeof value["expiresAt"] === "string";

export type AccountCalls = MetricsCalls & {
  whoami(): Promise<Whoami>;
  /** A link that signs a person in on the page: whoever's key it is, or for an operator anybody. */
  signInLink(person?: string): Promise<SignInLink>;
  /** A one-time code that links a Slack user to the person whose key it is. */
  slackCode(): Promise<SlackLinkCode>;
};

export function accountCalls(transport: Transport): AccountCalls {
  return {
    ...metricsCalls(transport),
    whoami: () => whoami(transport),
    signInLink: (person) =>
      transport.call({
        method: "POST",
        path: "/v1/sign-in-links",
        body: person === undefined ? {} : { person },
        guard: isLink,
      }),
    slackCode: () => transport.call({ method: "POST", path: "/v1/slack/link", body: {}, guard: isLinkCode }),
  };
}
