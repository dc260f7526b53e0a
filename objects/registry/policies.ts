import { canonicalJson } from "../../core/canonical.ts";
import { plainObject } from "../../core/plain-json.ts";
import { policyVersion } from "../../core/policy/version.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { limits } from "../../schemas/limits.ts";
import type { Policy } from "../../schemas/policy.ts";
import type { PolicyVersion } from "../../schemas/snapshot.ts";
import { readDirectory } from "./directory.ts";
import { readMeta, recordChange, writeMeta } from "./rows/meta.ts";
import { findPolicy, insertPolicy, listPolicies, type ListedPolicy } from "./rows/policies.ts";
import { sha256Hex } from "./random.ts";

/** Faults listed at once: more than this and the document is not a policy that slipped, but something else. */
const maxFaults = 200;

export type PublishInput = { document: unknown; actor: string; note: string | null; now: number };
/** `created` is false where this very policy had been published before. Either way it is in force now. */
export type Published = { version: string; publishedAt: number; created: boolean };
/** One version with its document. */
export type PublishedPolicy = PolicyVersion & { document: Policy };

/**
 * Publishes a document and puts it in force. It must be valid and its rules must be satisfiable by the people of this directory;
 * refused with every fault by JSON Pointer. What is stored is the canonical JSON of the parsed document.
 */
export function publishPolicy(sql: SqlStorage, input: PublishInput): Result<Published, Refusal> {
  const { document, actor, note, now } = input;
  const valid = validatePolicy(document, readDirectory(sql));
  if (!valid.ok) {
    const faults = valid.error.slice(0, maxFaults);
    return refusal(
      "invalid_body",
      "This policy does not publish. Mend the named fields and send it again.",
      faults,
    );
  }
  const text = canonicalJson(plainObject(valid.value));
  if (new TextEncoder().encode(text).byteLength > limits.bodyBytes) {
    const detail = `A policy holds at most ${limits.bodyBytes} bytes of JSON with every default written out. Split it over workspaces.`;
    return refusal("too_large", detail);
  }
  const version = policyVersion(valid.value, sha256Hex);
  const known = findPolicy(sql, version);
  if (known === null) {
    insertPolicy(sql, { version, document: text, published_at: now, published_by: actor, note });
    recordChange(sql, { at: now, actor, kind: "policy.published", id: version }, false);
  }
  putInForce(sql, version, actor, now);
  return ok({ version, publishedAt: known?.published_at ?? now, created: known === null });
}

/**
 * Puts an earlier version in force again. It is held against the directory of today: a rule that today's people cannot satisfy
 * is refused, as it would be if it were new.
 */
export function activatePolicy(
  sql: SqlStorage,
  { version, actor, now }: { version: string; actor: string; now: number },
): Result<PolicyVersion, Refusal> {
  const stored = findPolicy(sql, version);
  if (stored === null) return refusal("not_found", "There is no such policy version here.");
  const valid = validatePolicy(stored.document, readDirectory(sql));
  if (!valid.ok) {
    const detail =
      "This version no longer fits: the directory or the rules for policies have changed since. Publish a mended one.";
    return refusal("invalid_body", detail, valid.error.slice(0, maxFaults));
  }
  putInForce(sql, version, actor, now);
  return ok(shown(stored, version));
}

/** Every version there is, newest first. */
export function policyVersions(sql: SqlStorage): PolicyVersion[] {
  const active = readMeta(sql, "policy");
  return listPolicies(sql).map((row) => shown(row, active));
}

/** One version with its document, or with null the one in force; null where there is none. */
export function readPolicy(sql: SqlStorage, version: string | null): PublishedPolicy | null {
  const active = readMeta(sql, "policy");
  const wanted = version ?? active;
  const stored = wanted === null ? null : findPolicy(sql, wanted);
  return stored === null ? null : { ...shown(stored, active), document: stored.document };
}

/** Publishing what is in force already changes nothing, and so makes nobody load it again. */
function putInForce(sql: SqlStorage, version: string, actor: string, now: number): void {
  if (readMeta(sql, "policy") === version) return;
  writeMeta(sql, "policy", version);
  recordChange(sql, { at: now, actor, kind: "policy.activated", id: version }, true);
}

function shown(row: ListedPolicy, active: string | null): PolicyVersion {
  const { version, published_at, published_by, note } = row;
  return { version, publishedAt: published_at, publishedBy: published_by, note, active: version === active };
}
