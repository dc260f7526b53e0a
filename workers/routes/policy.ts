import * as v from "valibot";
import { aloneWarning } from "../../core/operators.ts";
import { checkPolicy } from "../../core/policy/check.ts";
import { diffPolicies } from "../../core/policy/diff.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import { policyVersion } from "../../core/policy/version.ts";
import { plainObject } from "../../core/plain-json.ts";
import { Json } from "../../schemas/json.ts";
import {
  ActivateBody,
  CheckAnswer,
  DiffAnswer,
  DocumentBody,
  PolicyAnswer,
  PolicyVersions,
  PolicyVersionView,
  PublishAnswer,
  PublishBody,
  Warned,
} from "../../schemas/operate.ts";
import { limits } from "../../schemas/limits.ts";
import { Policy } from "../../schemas/policy.ts";
import { PolicyVersion } from "../../schemas/snapshot.ts";
import { sha256Hex } from "../auth.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { governed } from "../governed.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { forget } from "../known.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";
import { VersionQuery } from "../http/query.ts";

/** One version as the Registry tells it, in JSON text. */
const Stored = v.pipe(v.string(), v.parseJson(), v.object({ ...PolicyVersion.entries, document: Json }));

const instant = (at: number): string => new Date(at).toISOString();

async function showPolicy(call: Call<unknown>): Promise<Answer> {
  const { version } = parseQuery(call.url, VersionQuery);
  const found = await registryOf(call.env, call.principal.workspace).policy(version ?? null);
  if (found === null) throw notFound();
  const { publishedAt, ...rest } = v.parse(Stored, found);
  return { body: { ...rest, publishedAt: instant(publishedAt) } };
}

async function listVersions(call: Call<unknown>): Promise<Answer> {
  const versions = await registryOf(call.env, call.principal.workspace).policyVersions();
  return { body: { items: versions.map((one) => ({ ...one, publishedAt: instant(one.publishedAt) })) } };
}

/** The document as it would be published, or a 422 that names every fault under `/document`. */
function validated(call: Call<v.InferOutput<typeof DocumentBody>>): Policy {
  const checked = validatePolicy(call.body.document, call.snapshot.directory);
  if (checked.ok) return checked.value;
  const errors = checked.error.map(({ pointer, detail }) => ({ pointer: `/document${pointer}`, detail }));
  throw new ProblemError("invalid_body", {
    detail: "The policy was not published; mend the named parts.",
    errors,
  });
}

function postCheck(call: Call<v.InferOutput<typeof DocumentBody>>): Answer {
  const { directory, endpoints, links, policy: inForce } = call.snapshot;
  const surroundings = { directory, endpoints, links, inForce: inForce?.document ?? null, now: call.now };
  const { policy, findings } = checkPolicy(call.body.document, surroundings);
  const errors = findings
    .filter(({ severity }) => severity === "error")
    .map(({ pointer, detail }) => ({ pointer, detail }));
  const version = policy === null ? null : policyVersion(policy, sha256Hex);
  const warning = aloneWarning(directory);
  return { body: { ok: policy !== null, ...(warning !== null && { warning }), errors, version, findings } };
}

function diffPolicy(call: Call<v.InferOutput<typeof DocumentBody>>): Answer {
  const nothing: Policy = { roles: {}, contracts: [] };
  const inForce = call.snapshot.policy?.document ?? nothing;
  return { body: diffPolicies(inForce, validated(call)) };
}

const publishPolicy = (call: Call<v.InferOutput<typeof PublishBody>>): Promise<Answer> =>
  once(call, async () => {
    const { principal, now, body } = call;
    const document = validated(call);
    return governed(call, { kind: "policy.publish", document, note: body.note }, async (warning) => {
      const published = refuseWith(
        await registryOf(call.env, principal.workspace).publishPolicy({
          document: plainObject(document),
          actor: principal.id,
          note: body.note,
          now,
        }),
      );
      forget(principal.workspace);
      return { status: 200, body: { ...published, publishedAt: instant(published.publishedAt), ...warning } };
    });
  });

const activatePolicy = (call: Call<v.InferOutput<typeof ActivateBody>>): Promise<Answer> =>
  once(call, async () => {
    const { principal, now, body } = call;
    const registry = registryOf(call.env, principal.workspace);
    const found = await registry.policy(body.version);
    if (found === null) {
      throw new ProblemError("not_found", { detail: "There is no such policy version here." });
    }
    const { publishedBy, document: stored } = v.parse(Stored, found);
    const document = v.safeParse(Policy, stored);
    const activate = async (warning: object): Promise<Repeatable> => {
      const asked = { version: body.version, actor: principal.id, now };
      const active = refuseWith(await registry.activatePolicy(asked));
      forget(principal.workspace);
      return { status: 200, body: { ...active, publishedAt: instant(active.publishedAt), ...warning } };
    };
    if (!document.success) {
      const detail =
        "This version no longer fits: the rules for policies have changed since. Publish a mended one.";
      throw new ProblemError("invalid_body", { detail });
    }
    const change = { kind: "policy.activate", version: body.version, document: document.output } as const;
    return governed(call, change, activate, { authors: [publishedBy] });
  });

const tag = "policy";

export const policyRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/policy",
    summary: "The policy in force, or a named version",
    scope: "policy:read",
    tag,
    query: { version: "Hash of an earlier version" },
    answer: { status: 200, schema: PolicyAnswer },
    refuses: [404],
    handle: showPolicy,
  },
  {
    method: "GET",
    path: "/v1/policy/versions",
    summary: "Every version published, newest first",
    scope: "policy:read",
    tag,
    answer: { status: 200, schema: PolicyVersions },
    handle: listVersions,
  },
  withBody({
    method: "POST",
    path: "/v1/policy",
    summary:
      "Publish a policy; in force at once where the version in force lets you, else once another operator agrees",
    scope: "policy:write",
    tag,
    body: PublishBody,
    words: ["note", "because", "description"],
    maxKeys: limits.bulkKeys,
    answer: { status: 200, schema: PublishAnswer },
    waits: true,
    handle: publishPolicy,
  }),
  withBody({
    method: "POST",
    path: "/v1/policy/check",
    summary: "Every fault of a document and what is doubtful about it, without publishing it",
    scope: "policy:read",
    tag,
    body: DocumentBody,
    maxKeys: limits.bulkKeys,
    answer: { status: 200, schema: CheckAnswer },
    handle: postCheck,
  }),
  withBody({
    method: "POST",
    path: "/v1/policy/diff",
    summary: "What publishing a document would change",
    scope: "policy:read",
    tag,
    body: DocumentBody,
    maxKeys: limits.bulkKeys,
    answer: { status: 200, schema: DiffAnswer },
    handle: diffPolicy,
  }),
  withBody({
    method: "POST",
    path: "/v1/policy/activate",
    summary: "Put an earlier version in force again",
    scope: "policy:write",
    tag,
    body: ActivateBody,
    answer: { status: 200, schema: v.object({ ...PolicyVersionView.entries, ...Warned }) },
    waits: true,
    refuses: [404],
    handle: activatePolicy,
  }),
];
