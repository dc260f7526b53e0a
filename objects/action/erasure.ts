import { bareOf, withValues } from "../../core/evidence/payload.ts";
import { foldAll } from "../../core/machine/fold.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import { readEvents } from "./chain.ts";
import type { Loaded } from "./loaded.ts";

/** The action without those classes: the state is the one that its log, as it can still be read, leads to (invariant I4). */
export function without(
  sql: SqlStorage,
  there: Loaded,
  classes: readonly RetentionClass[],
  now: number,
): Loaded {
  const stays = <Value>(parts: Readonly<Partial<Record<RetentionClass, Value>>>) => {
    const left = { ...parts };
    for (const name of classes) delete left[name];
    return left;
  };
  const keys = stays(there.keys);
  const openings = stays(there.chained.openings);
  const payload = withValues(bareOf(there.payload), openings);
  const state = foldAll(payload, readEvents(sql, { payload, keys }, 0));
  const erased = { ...there.stored.erased, ...Object.fromEntries(classes.map((name) => [name, now])) };
  return {
    ...there,
    payload,
    keys,
    chained: { ...there.chained, openings },
    stored: { ...there.stored, state, erased, held: stays(there.stored.held ?? {}) },
  };
}
