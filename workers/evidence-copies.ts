import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import type { Uncopied } from "../objects/ledger/action-rows.ts";
import { actionOf, ledgerOf } from "./stubs.ts";

/**
 * Copies of finished actions' evidence in a bucket, for whoever has to keep them where the engine cannot change them: entries and
 * contract, never what opens a commitment. Each object is written once; an action that goes on gets another one. Nothing waits
 * for this: what is not copied stays marked in the log, and the sweep tries again.
 */

/** Actions that one run copies in a workspace. */
const atOnce = 50;

const Bound = v.object({
  EVIDENCE: v.optional(
    v.custom<R2Bucket>((value) => typeof value === "object" && value !== null && "put" in value),
  ),
});

/** Null where no bucket is bound. */
export const copiesTo = (env: unknown): R2Bucket | null => v.parse(Bound, env).EVIDENCE ?? null;

/** What the names of all copies of a workspace begin with. */
export const copiesOf = (workspace: string): string => `evidence/${workspace}/`;

/** What copies of an action's evidence are called: what begins so is all there is of it. */
export const copyPrefix = (
  workspace: string,
  { number, action }: Pick<Uncopied, "number" | "action">,
): string => `${copiesOf(workspace)}${number}-${action}-`;

/** @returns how many could not be copied; never throws. */
export async function copySealed(env: Env, workspace: string, now: number): Promise<number> {
  const bucket = copiesTo(env);
  if (bucket === null) return 0;
  try {
    const ledger = ledgerOf(env, workspace);
    const waiting = await ledger.uncopied(atOnce);
    const copied = await Promise.all(waiting.map((one) => copyOne(env, bucket, workspace, one)));
    const done = waiting.filter((_, nth) => copied[nth] === true);
    if (done.length > 0) await ledger.copied(done, now);
    return waiting.length - done.length;
  } catch (error) {
    console.error("evidence was not copied", workspace, faultText(error));
    return 1;
  }
}

/** @returns whether nothing is left: a bucket that is locked keeps what it has. Never throws. */
export async function removeCopiesOf(
  env: unknown,
  workspace: string,
  one: Pick<Uncopied, "number" | "action">,
): Promise<boolean> {
  const bucket = copiesTo(env);
  if (bucket === null) return true;
  const prefix = copyPrefix(workspace, one);
  try {
    const { objects } = await bucket.list({ prefix });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    return (await bucket.list({ prefix, limit: 1 })).objects.length === 0;
  } catch (error) {
    console.error("copies stay", workspace, one.action, faultText(error));
    return false;
  }
}

const Evidence = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ entries: v.array(v.object({ text: v.string() })), contract: v.unknown() }),
);

async function copyOne(env: Env, bucket: R2Bucket, workspace: string, one: Uncopied): Promise<boolean> {
  const { number, action, events } = one;
  try {
    const text = await actionOf(env, workspace, action).evidence();
    if (text === null) return true;
    const { entries, contract } = v.parse(Evidence, text);
    // What is gone before it was ever copied is not to come back by a copy.
    if (entries.length < events) return true;
    const copy = {
      format: "holdpoint-copy/1",
      workspace,
      action,
      number,
      entries: entries.slice(0, events).map((entry) => entry.text),
      contract,
    };
    await bucket.put(`${copyPrefix(workspace, one)}${events}.json`, JSON.stringify(copy), {
      onlyIf: { etagDoesNotMatch: "*" },
      httpMetadata: { contentType: "application/json" },
    });
    return true;
  } catch (error) {
    console.error("evidence was not copied", workspace, action, faultText(error));
    return false;
  }
}
