import type {
  ActionList,
  ActionRequest,
  ActionView,
  ClaimAnswer,
  EventView,
  State,
} from "../schemas/action.ts";
import type { JsonObject } from "../schemas/json.ts";
import {
  type AccountCalls,
  accountCalls,
  type DeadLetterCalls,
  deadLetterCalls,
  type KeyCalls,
  keyCalls,
  type PolicyCalls,
  policyCalls,
} from "./admin.ts";
import { type GlassCalls, glassCalls } from "./glass.ts";
import { type EvidenceCalls, evidenceCalls } from "./evidence.ts";
import { type EvaluationCalls, evaluationCalls } from "./evaluation.ts";
import type { GrantClaims, GrantCheck, KeySet, PublicKey } from "./grant.ts";
import { verifyGrant } from "./grant.ts";
import {
  type ErasureCalls,
  erasureCalls,
  type HoldCalls,
  holdCalls,
  type PurgeCalls,
  purgeCalls,
} from "./holds.ts";
import { type IssuerCalls, issuerCalls } from "./issuers.ts";
import { type KeptLease, keepLease } from "./lease.ts";
import { type EffectCalls, effectCalls, type GuardrailCalls, guardrailCalls } from "./learning.ts";
import { type LedgerCalls, ledgerCalls } from "./ledger.ts";
import { type KillSwitchCalls, killSwitchCalls, type OnCallCalls, onCallCalls } from "./safety.ts";
import { isAction, isActionList, isClaim, isEvent, isItems, isObject } from "./shape.ts";
import { socketOpener, type WebSocketConstructor } from "./socket.ts";
import {
  createTransport,
  type Fetch,
  type Key as KeySource,
  type Retry,
  type Transport,
} from "./transport.ts";
import { waitFor, type WaitOptions } from "./wait.ts";

export { digestOfAction, sha256, verifyDigest } from "./digest.ts";
export { codeOf, type ErrorCode, HoldpointError } from "./error.ts";
export { type GrantCheck, type GrantClaims, type KeySet, type PublicKey, verifyGrant } from "./grant.ts";
export { verifyWebhook, type Webhook, type WebhookCheck } from "./webhook.ts";
export type { KeptLease } from "./lease.ts";
export type { WaitOptions } from "./wait.ts";
export type { BreakGlass, GlassCalls, GlassFilter, Review } from "./glass.ts";
export type * from "./admin.ts";
export type * from "./metrics.ts";
export type * from "./evaluation.ts";
export type * from "./evidence.ts";
export type * from "./holds.ts";
export type * from "./issuers.ts";
export type * from "./ledger.ts";
export type * from "./safety.ts";
export type * from "./learning.ts";
export type {
  ActionList,
  ActionSummary,
  ActionView,
  ClaimAnswer,
  EventView,
  State,
} from "../schemas/action.ts";
export type { BreakGlassTerms, GlassUseList, GlassUseView } from "../schemas/break-glass.ts";
export type { ProblemCode, ProblemField } from "../schemas/problem.ts";

export type ClientOptions = {
  /** The engine's address, such as https://holdpoint.example. */
  url: string;
  /** `hp_…`, the token of a trusted issuer, or a function that gives a fresh one. Without one only what is public can be asked. */
  key?: KeySource | undefined;
  /** The workspace that a token is for, where it is not `default`; a key says that itself. */
  workspace?: string | undefined;
  /** What kind of client this is: `cli` is shown beside the votes it casts. */
  name?: string;
  /** Instead of the global fetch: a service binding's, or a test's. */
  fetch?: Fetch;
  /** Instead of the runtime's WebSocket; false: wait by long-poll only. */
  webSocket?: WebSocketConstructor | false;
  retry?: Retry;
};

/** An action as one asks for it; what is left out is null. */
export type NewAction = Pick<ActionRequest, "type" | "target" | "args" | "reason"> & {
  [Part in keyof ActionRequest]?: ActionRequest[Part] | undefined;
};

export type ListFilter = {
  state?: State;
  type?: string;
  class?: string;
  group?: string;
  /** Only what the caller may decide and has not. People only. */
  waitingFor?: "me";
  cursor?: string;
  limit?: number;
};

/** A command that is given the same key is the same command, also from another process. */
export type Once = { idempotencyKey?: string };
export type Abortable = { signal?: AbortSignal; retry?: Retry };
export type Vote = { decision: "approve" | "deny" | "withdraw"; digest: string; reason?: string | null };
export type Report = {
  lease: string;
  fence: number;
  outcome: "succeeded" | "failed";
  /** What a failure left behind; unknown where it is not said. */
  effect?: "none" | "partial" | "unknown";
  summary: string;
  evidence?: JsonObject | null;
  /** Milliseconds between the claim and the start of the work. */
  startupMs?: number | null;
};

export type Feedback = {
  /** Nobody need have been asked; people should have been asked; it did harm. */
  label: "needless_gate" | "missed_gate" | "harm";
  /** Where the story is told, such as INC-7. */
  incident?: string | null;
  note?: string | null;
};

export type Client = AccountCalls &
  GlassCalls &
  ErasureCalls &
  OperatorCalls & {
    readonly url: string;
    /** Asks for an action. Answers it `pending`, or decided already where the policy alone decides. */
    request(action: NewAction, options?: Once & Abortable): Promise<ActionView>;
    get(id: string, options?: Abortable): Promise<ActionView>;
    /** Newest first, from an index that may be a moment behind: `get` is the truth about one. */
    list(filter?: ListFilter): Promise<ActionList>;
    /** Everything pending; with `waitingFor: "me"` only what waits for the caller. */
    queue(filter?: Omit<ListFilter, "state">): Promise<ActionList>;
    /** The log of one action, oldest first. */
    events(id: string, options?: { afterSeq?: number }): Promise<EventView[]>;
    vote(id: string, vote: Vote, options?: Once): Promise<ActionView>;
    cancel(id: string, reason: string, options?: Once): Promise<ActionView>;
    revoke(id: string, reason: string, options?: Once): Promise<ActionView>;
    /** Waits for a decision, or for what `until` says, over a WebSocket or by long-poll. */
    wait(id: string, options?: WaitOptions): Promise<ActionView>;
    /** Takes the approved action, or its rollback, once. Give the digest you mean to run. */
    claim(
      id: string,
      body: { digest: string; preconditions?: JsonObject | null },
      options?: Once,
    ): Promise<ClaimAnswer>;
    heartbeat(id: string, lease: { lease: string; fence: number }, options?: Abortable): Promise<ActionView>;
    /** Renews a claim's lease in the background until `stop()`; its signal is aborted when the lease is lost. */
    keepAlive(claim: ClaimAnswer): KeptLease;
    /** Ends an execution or a rollback. */
    report(id: string, report: Report, options?: Once & Abortable): Promise<ActionView>;
    /** Starts the approved rollback; then `claim` hands out its lease. */
    rollback(id: string, reason: string, options?: Once): Promise<ActionView>;
    /** Says what one thinks of an action afterwards. Saying the same again replaces one's note. Agents never do. */
    feedback(id: string, feedback: Feedback, options?: Once): Promise<ActionView>;
    /** Resolves when the engine answers. Needs no key. */
    health(): Promise<JsonObject>;
    /** The public keys that grants are signed with. */
    jwks(): Promise<KeySet>;
    /** Verifies a claim's grant against the engine's keys and the action that came with it. */
    verifyClaim(
      claim: ClaimAnswer,
      expect: Omit<GrantCheck["expect"], "actionId" | "fence">,
    ): Promise<GrantClaims>;
    /** Milliseconds that the engine's clock is ahead of this one, as of its last answer; good to a second. */
    clockSkewMs(): number;
  };

const isHealth = (value: unknown): value is JsonObject => isObject(value);
const isKeySet = (value: unknown): value is KeySet =>
  isObject(value) &&
  Array.isArray(value["keys"]) &&
  value["keys"].every((key): key is PublicKey => isObject(key));

function path(id: string, verb?: string): string {
  return `/v1/actions/${encodeURIComponent(id)}${verb === undefined ? "" : `/${verb}`}`;
}

/** What operators set and look after. */
type OperatorCalls = {
  readonly policy: PolicyCalls & EvaluationCalls;
  readonly keys: KeyCalls;
  readonly issuers: IssuerCalls;
  readonly deadLetters: DeadLetterCalls;
  readonly killSwitches: KillSwitchCalls;
  readonly onCall: OnCallCalls;
  readonly guardrails: GuardrailCalls;
  readonly effects: EffectCalls;
  readonly evidence: EvidenceCalls;
  readonly holds: HoldCalls;
  readonly workspace: PurgeCalls;
  readonly ledger: LedgerCalls;
};

const operatorCalls = (transport: Transport): OperatorCalls => ({
  policy: { ...policyCalls(transport), ...evaluationCalls(transport) },
  keys: keyCalls(transport),
  issuers: issuerCalls(transport),
  deadLetters: deadLetterCalls(transport),
  killSwitches: killSwitchCalls(transport),
  onCall: onCallCalls(transport),
  guardrails: guardrailCalls(transport),
  effects: effectCalls(transport),
  evidence: evidenceCalls(transport),
  holds: holdCalls(transport),
  workspace: purgeCalls(transport),
  ledger: ledgerCalls(transport),
});

/**
 * A client of one engine as one principal. Every method throws `HoldpointError`; every POST carries an Idempotency-Key and is
 * tried again on network failures and passing refusals, so that a lost answer never makes two of anything.
 */
export function createClient(options: ClientOptions): Client {
  const transport = createTransport({
    url: options.url,
    key: options.key,
    workspace: options.workspace,
    name: options.name,
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    ...(options.retry === undefined ? {} : { retry: options.retry }),
  });
  const { call } = transport;
  const openSocket = options.webSocket === false ? undefined : socketOpener(options.webSocket);
  const command = (id: string, verb: string, body: unknown, more?: Once & Abortable): Promise<ActionView> =>
    call({ method: "POST", path: path(id, verb), body, guard: isAction, ...more });

  const client: Client = {
    url: transport.url,
    request: (action, more = {}) =>
      call({ method: "POST", path: "/v1/actions", body: action, guard: isAction, ...more }),
    get: (id, more = {}) => call({ method: "GET", path: path(id), guard: isAction, ...more }),
    list: (filter = {}) => call({ method: "GET", path: "/v1/actions", query: filter, guard: isActionList }),
    queue: (filter = {}) => client.list({ ...filter, state: "pending" }),
    events: async (id, { afterSeq } = {}) => {
      const { items } = await call({
        method: "GET",
        path: path(id, "events"),
        query: { afterSeq },
        guard: isItems(isEvent),
      });
      return items;
    },
    vote: (id, vote, more) => command(id, "votes", vote, more),
    cancel: (id, reason, more) => command(id, "cancel", { reason }, more),
    revoke: (id, reason, more) => command(id, "revoke", { reason }, more),
    wait: (id, more) => waitFor(transport, openSocket, id, more),
    claim: (id, body, more = {}) =>
      call({ method: "POST", path: path(id, "claim"), body, guard: isClaim, ...more }),
    heartbeat: (id, { lease, fence }, more) => command(id, "heartbeat", { lease, fence }, more),
    keepAlive: (claim) =>
      keepLease(claim, (body, signal) => client.heartbeat(claim.action.id, body, { signal })),
    report: (id, report, more) => command(id, "report", report, more),
    rollback: (id, reason, more) => command(id, "rollback", { reason }, more),
    feedback: (id, feedback, more) => command(id, "feedback", feedback, more),
    ...accountCalls(transport),
    ...glassCalls(transport),
    ...erasureCalls(transport),
    health: () => call({ method: "GET", path: "/healthz", guard: isHealth }),
    jwks: () => call({ method: "GET", path: "/.well-known/jwks.json", guard: isKeySet }),
    verifyClaim: async (claim, expect) =>
      verifyGrant(claim.grant, {
        jwks: await client.jwks(),
        expect: { actionId: claim.action.id, fence: claim.fence, ...expect },
        // The engine's clock decides what has expired: a laptop's that is off must not refuse a fresh grant.
        now: transport.now(),
        toleranceSeconds: 2,
      }),
    ...operatorCalls(transport),
    clockSkewMs: () => transport.now() - Date.now(),
  };
  return client;
}
