import * as v from "valibot";
import type { LedgerStatus } from "../../objects/ledger/messages.ts";
import { LedgerLines, LedgerProof, LedgerView } from "../../schemas/ledger-view.ts";
import { EmptyBody } from "../../schemas/operate.ts";
import { WorkspaceName } from "../../schemas/text.ts";
import { checkpointOf, isWorkspace } from "../checkpoints.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { Limit, parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once } from "../idempotency.ts";
import { ledgerOf } from "../stubs.ts";

/** The log that evidence is held against: how it stands, its lines, that it only grew, and its keys. */

const Index = v.pipe(v.string(), v.regex(/^\d{1,15}$/u, "is a whole number from 0"), v.transform(Number));
const Size = v.pipe(v.string(), v.regex(/^[1-9]\d{0,14}$/u, "is a whole number from 1"), v.transform(Number));
const LinesQuery = v.strictObject({ from: v.optional(Index, "0"), size: v.optional(Size), limit: Limit });
const ConsistencyQuery = v.strictObject({ from: Index, to: Size });
const CheckpointQuery = v.object({
  workspace: v.optional(v.string(), "default"),
  form: v.optional(v.picklist(["note", "ssh"], "is note or ssh"), "note"),
});

function showStatus(status: LedgerStatus, now: number): v.InferOutput<typeof LedgerView> {
  const { size, actions, checkpoint, keys, unsigned, unsignedSince, fault } = status;
  const lagMs = unsignedSince === null ? 0 : Math.max(0, now - unsignedSince);
  return { size, actions, checkpoint, keys, unsigned, lagMs, fault };
}

async function showLedger({ env, principal, now }: Call<unknown>): Promise<Answer> {
  return { body: showStatus(await ledgerOf(env, principal.workspace).status(now), now) };
}

async function listLines({ env, principal, url }: Call<unknown>): Promise<Answer> {
  const { from, size = Number.MAX_SAFE_INTEGER, limit } = parseQuery(url, LinesQuery);
  return { body: { items: await ledgerOf(env, principal.workspace).leaves(from, size, limit) } };
}

async function showConsistency({ env, principal, url }: Call<unknown>): Promise<Answer> {
  const { from, to } = parseQuery(url, ConsistencyQuery);
  if (from > to) throw wrong("?from", "is larger than ?to");
  const proof = await ledgerOf(env, principal.workspace).consistency(from, to);
  if (proof === null) {
    throw wrong("?to", "is larger than the log: where you have a checkpoint of that size, the log was cut");
  }
  return { body: { from, to, proof } };
}

const wrong = (pointer: string, detail: string): ProblemError =>
  new ProblemError("bad_request", {
    detail: "Mend the named parameters and ask again.",
    errors: [{ pointer, detail }],
  });

/** What is signed from here on is signed by somebody's decision, and the log names them: a machine's key decides nothing. */
const rotate = (call: Call<unknown>): Promise<Answer> => {
  const { env, principal, now } = call;
  const { kind, id, workspace } = principal;
  if (kind !== "person") {
    const detail = "Only people begin a new key for the log: use a person's key with keys:write.";
    throw new ProblemError("not_eligible", { detail });
  }
  return once(call, async () => {
    const ledger = ledgerOf(env, workspace);
    await ledger.rotateKey({ kind, id }, now);
    return { status: 200, body: showStatus(await ledger.status(now), now) };
  });
};

const textType = "text/plain; charset=utf-8";

/** For everybody, and so without a word on which workspaces there are beyond those whose name one knows already. */
async function showCheckpoint({ env, url, now }: Call<unknown>): Promise<Answer> {
  const { workspace, form } = parseQuery(url, CheckpointQuery);
  if (!v.is(WorkspaceName, workspace) || !(await isWorkspace(env, workspace, now))) throw notFound();
  const checkpoint = await checkpointOf(env, workspace, now);
  if (checkpoint === null) throw notFound();
  const text = form === "note" ? checkpoint.note : checkpoint.ssh.join("");
  return new Response(text, {
    headers: { "content-type": textType, "cache-control": "public, max-age=10" },
  });
}

const reading = { scope: "evidence:read", tag: "evidence" } as const;

export const ledgerRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/checkpoint",
    summary:
      "The newest signed checkpoint of a workspace's log: a C2SP signed note, or SSH signatures over its first three lines",
    scope: null,
    tag: "evidence",
    query: { workspace: "`default` when left out", form: "`note` (when left out) or `ssh`" },
    answer: { status: 200, schema: v.string(), contentType: textType },
    refuses: [404],
    handle: showCheckpoint,
  },
  {
    ...reading,
    method: "GET",
    path: "/v1/ledger",
    summary: "How the log stands: its size, newest checkpoint, keys, and what is not signed yet",
    answer: { status: 200, schema: LedgerView },
    handle: showLedger,
  },
  {
    ...reading,
    method: "GET",
    path: "/v1/ledger/entries",
    evidence: true,
    summary: "Lines of the log, oldest first: each the text that is hashed",
    query: {
      from: "The index of the first line, from 0",
      size: "Only lines before this index: those of a checkpoint of this size",
      limit: "Lines a page, at most 100",
    },
    answer: { status: 200, schema: LedgerLines },
    handle: listLines,
  },
  {
    ...reading,
    method: "GET",
    path: "/v1/ledger/consistency",
    summary: "The proof that the log of one size goes on from that of a smaller one (RFC 9162 §2.1.4)",
    query: { from: "The smaller size", to: "The larger size" },
    answer: { status: 200, schema: LedgerProof },
    handle: showConsistency,
  },
  withBody({
    method: "POST",
    path: "/v1/ledger/rotate",
    summary: "Begin a new key for the log; the one before signs beside it for seven days",
    scope: "keys:write",
    tag: "evidence",
    body: EmptyBody,
    answer: { status: 200, schema: LedgerView },
    handle: rotate,
  }),
];
