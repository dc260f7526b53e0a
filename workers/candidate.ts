import { validatePolicy } from "../core/policy/validate.ts";
import type { Json } from "../schemas/json.ts";
import type { Policy } from "../schemas/policy.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import * as v from "valibot";
import { Policy as PolicySchema } from "../schemas/policy.ts";
import { notFound, ProblemError } from "./http/problem.ts";
import { registryOf } from "./stubs.ts";
import { unavailable } from "./tell.ts";

/** Which policy is asked about: a document that is sent along, a version that was published, or the one in force. */
export type Candidate = { readonly document?: Json | undefined; readonly version?: string | undefined };

type Asked = { readonly env: Env; readonly workspace: string; readonly snapshot: Snapshot };

const Stored = v.pipe(v.string(), v.parseJson(), v.object({ document: PolicySchema }));

/** `version` is null for a document that was sent along. A document with faults is a 422 that names each. */
export async function candidateOf(
  { env, workspace, snapshot }: Asked,
  { document, version }: Candidate,
): Promise<{ policy: Policy; version: string | null }> {
  if (document !== undefined && version !== undefined) {
    throw new ProblemError("invalid_body", {
      detail: "Send a document or name a version, not both.",
      errors: [{ pointer: "/version", detail: "stands beside a document" }],
    });
  }
  if (document !== undefined) return { policy: documentOf(document, snapshot), version: null };
  if (version === undefined || version === snapshot.policy?.version) {
    if (snapshot.policy === null) throw unavailable();
    return { policy: snapshot.policy.document, version: snapshot.policy.version };
  }
  const found = await registryOf(env, workspace).policy(version);
  if (found === null) throw notFound();
  return { policy: v.parse(Stored, found).document, version };
}

/** The document with its defaults, held against the directory. */
function documentOf(document: Json, snapshot: Snapshot): Policy {
  const checked = validatePolicy(document, snapshot.directory);
  if (checked.ok) return checked.value;
  const errors = checked.error.map(({ pointer, detail }) => ({ pointer: `/document${pointer}`, detail }));
  throw new ProblemError("invalid_body", {
    detail: "The policy has faults; mend the named parts.",
    errors,
  });
}
