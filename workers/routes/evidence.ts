import * as v from "valibot";
import { Bundle } from "../../schemas/bundle.ts";
import { AccessList, EvidenceList } from "../../schemas/evidence-list.ts";
import { InstantText } from "../../schemas/instant.ts";
import type { Checkpoint } from "../../schemas/ledger.ts";
import { ActionType, Label } from "../../schemas/text.ts";
import { accessesIn } from "../accesses.ts";
import { bundleOf } from "../bundle.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { Cursor, Limit, parseQuery } from "../http/query.ts";
import type { Answer, Call, Route } from "../http/route.ts";
import { logUnavailable } from "../recorded-read.ts";
import { ledgerOf } from "../stubs.ts";
import { actionId } from "../tell.ts";

/** Evidence as it is given out. Who asks has been written down before any of these runs. */

const Count = v.optional(
  v.pipe(v.string(), v.regex(/^\d{1,15}$/u, "is a whole number"), v.transform(Number)),
);
const Time = v.optional(v.pipe(InstantText, v.transform(Date.parse)));

const BundleQuery = v.strictObject({ since: Count, at: Count });
const ListQuery = v.strictObject({
  since: Time,
  until: Time,
  type: v.optional(ActionType),
  after: Count,
  limit: Limit,
});
const AccessQuery = v.strictObject({
  since: Time,
  until: Time,
  by: v.optional(Label),
  cursor: Cursor,
  limit: Limit,
});

/** Everything there is, signed now. There is at least one line: that somebody asks for it. */
async function freshCheckpoint({ env, principal, now }: Call<unknown>): Promise<Checkpoint> {
  const checkpoint = await ledgerOf(env, principal.workspace).checkpoint(true, now);
  if (checkpoint === null) throw logUnavailable();
  return checkpoint;
}

const mend = "Mend the named parameters and ask again.";
const wrong = (pointer: string, detail: string, advice = mend): ProblemError =>
  new ProblemError("bad_request", { detail: advice, errors: [{ pointer, detail }] });

async function showBundle(call: Call<unknown>): Promise<Answer> {
  const action = actionId(call.params);
  const { at = null, since = null } = parseQuery(call.url, BundleQuery);
  if (at === 0) throw wrong("?at", "is the size of a checkpoint, from 1");
  if (since === 0) throw wrong("?since", "is the size of a checkpoint, from 1");
  if (at !== null && since !== null && since > at) throw wrong("?since", "is larger than ?at");
  const { env, principal, now } = call;
  const bundle = await bundleOf(env, { workspace: principal.workspace, action, at, since, now });
  if (bundle === null || (since !== null && bundle.log.consistency === null)) {
    throw await whyNot(call, action, at, since);
  }
  if (bundle.entries.length === 0 && bundle.erased.length === 0) await demandNoPurge(call, action);
  const name = `holdpoint-${bundle.number}-${action}.json`;
  return { body: bundle, headers: { "content-disposition": `attachment; filename="${name}"` } };
}

/**
 * What is being forgotten with its workspace has nothing left in its own store, and no line of the log says so of the single action:
 * a bundle of it could not be told from one whose entries somebody has taken out.
 * @throws ProblemError 410, which is what an export that is under way ends with.
 */
async function demandNoPurge({ env, principal }: Call<unknown>, action: string): Promise<void> {
  const standing = await ledgerOf(env, principal.workspace).purge();
  if (standing === null || standing.state.stage === "reopened") return;
  const since = new Date(standing.state.since).toISOString();
  const detail = `The workspace is being forgotten since ${since}, and ${action} with it: of this one nothing is left but its lines in the log. GET /v1/workspace/purge says how far that has come.`;
  throw new ProblemError("gone", { detail });
}

/** Why there is no bundle: sizes that the log has not come to, a tree from before the action, or no such action. */
async function whyNot(
  call: Call<unknown>,
  action: string,
  at: number | null,
  since: number | null,
): Promise<ProblemError> {
  const { env, principal, now } = call;
  const { size } = await freshCheckpoint(call);
  const cut = `${mend} Where a checkpoint that you have kept is larger than the log, the log was cut.`;
  const beyond = `is larger than the log, which has ${size} lines`;
  if (at !== null && at > size) return wrong("?at", beyond, cut);
  if (since !== null && since > size) return wrong("?since", beyond, cut);
  const known = at !== null && (await ledgerOf(env, principal.workspace).prove(action, null, null, now));
  if (known === null || known === false) return notFound();
  return wrong("?at", `is from before the log first saw this action, at line ${known.opened.index + 1}`);
}

async function listEvidence(call: Call<unknown>): Promise<Answer> {
  const { since = null, until = null, type = null, after = 0, limit } = parseQuery(call.url, ListQuery);
  const ledger = ledgerOf(call.env, call.principal.workspace);
  const items = await ledger.exported({ since, until, type, after, limit });
  const checkpoint = await freshCheckpoint(call);
  const nextAfter = items.length < limit ? null : (items.at(-1)?.number ?? null);
  return { body: { items, nextAfter, checkpoint } };
}

async function listAccess(call: Call<unknown>): Promise<Answer> {
  const { since = null, until = null, by = null, cursor, limit } = parseQuery(call.url, AccessQuery);
  const { size } = await freshCheckpoint(call);
  const log = ledgerOf(call.env, call.principal.workspace);
  return { body: await accessesIn(log, size, { since, until, by, cursor, limit }) };
}

/** An auditor's key has it; `admin` holds every scope, and so this one. */
const line = { scope: "evidence:read", evidence: true, tag: "evidence" } as const;

export const evidenceRoutes: readonly Route[] = [
  {
    ...line,
    method: "GET",
    path: "/v1/evidence",
    summary: "Which actions there is evidence of, with a checkpoint signed now to ask for all of them at",
    query: {
      since: "Only actions that the log first saw at this RFC 3339 time or later",
      until: "Only actions that it first saw before this time",
      type: "Only this action type",
      after: "`nextAfter` of the page before: only larger numbers",
      limit: "Items a page, at most 100",
    },
    answer: { status: 200, schema: EvidenceList },
    handle: listEvidence,
  },
  {
    ...line,
    method: "GET",
    path: "/v1/evidence/access",
    summary: "Who has read evidence, by which route, of what, oldest first",
    query: {
      since: "Only reads at this RFC 3339 time or later",
      until: "Only reads before this time",
      by: "Only this principal's, such as service:auditor",
      cursor: "`nextCursor` of the page before",
      limit: "Items a page, at most 100",
    },
    answer: { status: 200, schema: AccessList },
    handle: listAccess,
  },
  {
    ...line,
    method: "GET",
    path: "/v1/actions/:id/evidence",
    summary:
      "All that is needed to check one action offline: its entries, what opens them, and proofs in the log",
    query: {
      at: "The size of the checkpoint that everything is proven in; everything there is, when left out",
      since: "The size of a checkpoint that you have kept: with a proof that nothing in it was changed",
    },
    answer: { status: 200, schema: Bundle },
    handle: showBundle,
  },
];
