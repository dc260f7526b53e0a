import * as v from "valibot";
import { Detail, Requester, State } from "./action.ts";
import { Hash } from "./evidence.ts";
import { RetentionClass } from "./retention.ts";

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));

/**
 * All that is left of an action whose evidence is gone: which it was, how it ended, and the hashes that the workspace's log has of it.
 * No value, no word of anybody's. Times are epoch ms.
 */
export const Tombstone = v.strictObject({
  v: v.literal(1),
  workspace: v.string(),
  action: v.string(),
  /** Its number in the workspace's log; null where the action never heard of one. */
  number: v.nullable(Whole),
  type: v.string(),
  requester: Requester,
  state: State,
  detail: v.nullable(Detail),
  events: Whole,
  first: Hash,
  head: Hash,
  createdAt: Whole,
  endedAt: Whole,
  erasedAt: Whole,
  erased: v.record(RetentionClass, Whole),
  /** The Board and the log are to be told, until they have said that they know. `due`: when (again). */
  news: Whole,
  tellDue: v.nullable(Whole),
  /** When copies of its evidence are to be removed (again); null once there are none. */
  copiesDue: v.nullable(Whole),
});
export type Tombstone = v.InferOutput<typeof Tombstone>;
