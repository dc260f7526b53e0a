import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { limits } from "../schemas/limits.ts";
import { ActionChanged } from "../schemas/message.ts";
import { actionOf, boardOf } from "./stubs.ts";

/** Calls to actions under way at once; each of them wakes an object. */
const concurrency = 10;

/** Open actions that one call of `repair` looks at: some ten seconds of calls. */
const maxPerRepair = 1_000;

export type Repaired = { repaired: number; nextRow: number | null };

/**
 * Builds the Board's open rows again from the actions themselves, on from `afterRow` (0: from the oldest). `nextRow` is
 * where another call goes on, null once all have been asked.
 */
export async function repair(env: Env, workspace: string, afterRow = 0): Promise<Repaired> {
  let repaired = 0;
  let row: number | null = afterRow;
  for (let asked = 0; row !== null && asked < maxPerRepair;) {
    const page: { ids: string[]; nextRow: number | null } = await boardOf(env, workspace).open(
      row,
      limits.listPage,
    );
    repaired += await restoreRows(env, workspace, page.ids);
    asked += page.ids.length;
    row = page.nextRow;
  }
  return { repaired, nextRow: row };
}

/**
 * Asks each action what it is now, after `before`, and gives the answers to the Board. One that cannot be asked is
 * reported and keeps its row. @returns how many answered.
 */
export async function restoreRows(
  env: Env,
  workspace: string,
  ids: readonly string[],
  before: (id: string) => Promise<void> = async () => undefined,
): Promise<number> {
  const answers: ActionChanged[] = [];
  const ask = async (id: string): Promise<void> => {
    await before(id);
    const change = await actionOf(env, workspace, id).refresh();
    if (change !== null) answers.push(v.parse(ActionChanged, JSON.parse(change)));
  };
  await eachOf(ids, ask, (id, error) =>
    console.error("action did not answer", workspace, id, faultText(error)),
  );
  if (answers.length > 0) await boardOf(env, workspace).restore(answers);
  return answers.length;
}

/** Runs `work` over all items, `concurrency` at once; one that fails is reported and keeps up none of the others. */
export async function eachOf<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
  failed: (item: Item, error: unknown) => void,
): Promise<void> {
  const left = items.values();
  const run = async (): Promise<void> => {
    for (const item of left) {
      try {
        await work(item);
      } catch (error) {
        failed(item, error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, run));
}
