import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { Issuer } from "../../schemas/issuer.ts";
import { parseFields } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { findEntry } from "./rows/directory.ts";
import { deleteIssuer, findIssuer, listIssuers, writeIssuer } from "./rows/issuers.ts";
import { recordChange } from "./rows/meta.ts";

/** Who changed it, and when (epoch ms). */
type Change = { readonly actor: string; readonly now: number };

/** The whole list travels with every snapshot. */
const maxIssuers = 50;

/**
 * Trusts an issuer, or changes what its tokens must claim. One entry for each `iss`, so that a token is judged by one list of
 * rules; every agent that a rule names must be there. Its addresses are the caller's to judge.
 */
export function putIssuer(sql: SqlStorage, value: unknown, { actor, now }: Change): Result<Issuer, Refusal> {
  const parsed = parseFields(Issuer, value);
  if (!parsed.ok) return refusal("invalid_body", "Mend the named fields and send it again.", parsed.errors);
  const issuer = parsed.value;
  const known = listIssuers(sql);
  const faults = faultsOf(sql, issuer, known);
  if (faults.length > 0) return refusal("invalid_body", "Mend the named fields and send it again.", faults);
  const same = known.find(({ id }) => id === issuer.id);
  if (JSON.stringify(same) === JSON.stringify(issuer)) return ok(issuer);
  if (same === undefined && known.length >= maxIssuers) {
    return refusal("conflict", `A workspace trusts at most ${maxIssuers} issuers. Remove one first.`);
  }
  writeIssuer(sql, issuer);
  recordChange(sql, { at: now, actor, kind: "issuer.put", id: issuer.id }, true);
  return ok(issuer);
}

export function removeIssuer(sql: SqlStorage, id: string, { actor, now }: Change): Result<null, Refusal> {
  if (findIssuer(sql, id) === null) return refusal("not_found", "There is no such issuer here.");
  deleteIssuer(sql, id);
  recordChange(sql, { at: now, actor, kind: "issuer.removed", id }, true);
  return ok(null);
}

/** An agent that leaves the directory leaves no rule behind for whoever gets the same id later. */
export function removeRulesOf(sql: SqlStorage, agent: string): void {
  for (const issuer of listIssuers(sql)) {
    const rules = issuer.rules.filter((rule) => rule.agent !== agent);
    if (rules.length < issuer.rules.length) writeIssuer(sql, { ...issuer, rules });
  }
}

function faultsOf(sql: SqlStorage, issuer: Issuer, known: readonly Issuer[]): ProblemField[] {
  const twin = known.find((other) => other.issuer === issuer.issuer && other.id !== issuer.id);
  return [
    ...(twin === undefined
      ? []
      : [{ pointer: "/issuer", detail: `is the issuer ${twin.id} already; add your rules there` }]),
    ...issuer.rules.flatMap(({ agent }, index) =>
      findEntry(sql, "agent", agent) === null
        ? [{ pointer: `/rules/${index}/agent`, detail: `is ${agent}, which is no agent of this directory` }]
        : [],
    ),
  ];
}
