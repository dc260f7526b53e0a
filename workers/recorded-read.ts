import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import type { Access } from "../schemas/ledger.ts";
import type { Principal } from "../schemas/principal.ts";
import { ProblemError } from "./http/problem.ts";
import type { Call, Route } from "./http/route.ts";
import { withoutSecrets } from "./secrets/shown.ts";
import { actionOf, ledgerOf } from "./stubs.ts";
import { actionIdPattern } from "./tell.ts";

/**
 * Every read of evidence is written into the workspace's log before it is answered (threats T16, T26), whoever reads: agents,
 * people, operators, auditors, whoever looks for a fault.
 *
 * - `refused` is what is known to be refused before anything is looked up: the key is not for this. `allowed` says that the
 *   reader might read, and was answered with what there was: also with 404 or with what is wrong with the question.
 * - A HEAD is a read. So is a WebSocket, once, when it is opened.
 * - What nobody is proven to have asked (401) is not written down: anybody at all could fill the log with it.
 * - Where the log cannot be written there is no answer (503).
 */
export async function recordRead(
  route: Route,
  call: Pick<Call<unknown>, "env" | "url" | "params" | "principal" | "now">,
  outcome: Access["outcome"],
): Promise<void> {
  if (route.evidence === undefined) return;
  const { env, principal, params, now } = call;
  const { workspace, kind, id } = principal;
  try {
    const action = actionNamedIn(params);
    if (route.evidence === "otherThanOwn" && (await isOwn(env, principal, action))) return;
    const asked = await written(askedBy(route, call.url));
    const read = {
      by: { kind, id },
      route: `${route.method} ${route.path}`,
      action,
      asked: asked === "" ? null : asked,
      outcome,
    } satisfies Access;
    await ledgerOf(env, workspace).access(read, now);
  } catch (error) {
    console.error("ledger", faultText(error));
    throw logUnavailable();
  }
}

/** What the log can be given for good. Short words are names and numbers, and those that are no secret by their form are looked at by rule. */
async function written(asked: string): Promise<string> {
  if (!/[\w.:-]{13,}/u.test(asked)) return asked;
  const [kept = ""] = await withoutSecrets([asked]);
  return kept;
}

/** 503: evidence that nobody would know was read is not given out. */
export function logUnavailable(): ProblemError {
  const detail =
    "Evidence is only given out once it is written down who reads it, and that cannot be written now. Nothing was given out; try again shortly.";
  return new ProblemError("log_unavailable", { detail }, { "retry-after": "2" });
}

/** The action in the path; null where there is none, or something that is no id of ours and so might be anything. */
function actionNamedIn({ id }: Call<unknown>["params"]): string | null {
  return id !== undefined && actionIdPattern.test(id) ? id : null;
}

const Asked = v.object({ requester: v.object({ id: v.string() }) });

/** An agent that waits for what it asked for reads no evidence of anybody else's doing. */
async function isOwn(env: Env, { workspace, kind, id }: Principal, action: string | null): Promise<boolean> {
  if (kind !== "agent" || action === null) return false;
  const text = await actionOf(env, workspace, action).view();
  return text !== null && v.parse(Asked, JSON.parse(text)).requester.id === id;
}

/** The most that is kept of a question, in UTF-8 bytes. Everything in it is ASCII. */
const askedBytes = 512;
/** What parameters of these routes look like: names, numbers, times, hashes. Nothing that a key or a token looks like. */
const plain = /^(?:[a-z0-9][a-z0-9:._-]{0,127}|\d{4}-\d{2}-\d{2}T[\d:.]{8,15}(?:Z|[+-]\d{2}:\d{2}))$/u;
const keyLike = /hp_|whsec_/u;

/**
 * What the query asked for, as far as the route knows such parameters. A value that does not look like one of them may be a
 * secret that was put there by mistake, and the log keeps what it is given: only its length is told.
 */
export function askedBy({ query = {} }: Pick<Route, "query">, url: URL): string {
  const given = [...url.searchParams];
  const known = given.filter(([name]) => Object.hasOwn(query, name));
  const parts = known.map(([name, value]) => `${name}=${shown(value)}`);
  const others = given.length - known.length;
  if (others > 0) parts.push(`(${others} unknown)`);
  return parts.join("&").slice(0, askedBytes);
}

function shown(value: string): string {
  if (value === "" || (plain.test(value) && !keyLike.test(value))) return value;
  return `(${value.length} characters)`;
}
