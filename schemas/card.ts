import * as v from "valibot";
import { Detail, Requester, SeatView, State, VoteView } from "./action.ts";
import { BrokenGlassView } from "./break-glass.ts";
import { Risk } from "./policy.ts";

/** One line of a card's facts. `lines` are ready to be shown: nothing in them hides or reorders anything. */
export const Fact = v.object({
  label: v.string(),
  /** `words`: ours or an operator's. `data`: from the request, to be set in a fixed-width face. */
  kind: v.picklist(["words", "data"]),
  lines: v.array(v.string()),
});
export type Fact = v.InferOutput<typeof Fact>;

/** Something that happens by itself at a time: `what` is a sentence, `at` RFC 3339. */
const Clock = v.object({ what: v.string(), at: v.string() });

/**
 * What a reviewer sees of an action, whatever shows it. The facts come from the payload that the digest covers; the
 * agent's own words are apart, and nobody has verified them.
 */
export const Card = v.object({
  id: v.string(),
  seq: v.number(),
  digest: v.string(),
  title: v.string(),
  state: State,
  detail: v.nullable(Detail),
  /** How it stands, in a sentence. */
  status: v.string(),
  risk: Risk,
  requester: Requester,
  facts: v.array(Fact),
  /** What a reader is to be warned of: characters made visible, names that mix scripts. */
  warnings: v.array(v.string()),
  seats: v.array(SeatView),
  votes: v.array(VoteView),
  clocks: v.array(Clock),
  /** Who went round the approvers, in words that are ready to be shown. */
  breakGlass: v.nullable(BrokenGlassView),
  agentSays: v.array(v.string()),
  page: v.string(),
  /** What the action takes now. A place that cannot show every fact whole offers Details instead of Approve. */
  open: v.object({ vote: v.boolean(), revoke: v.boolean(), rollback: v.boolean() }),
});
export type Card = v.InferOutput<typeof Card>;
