import * as v from "valibot";
import { Commitment } from "./evidence.ts";
import { Payload } from "./stored.ts";

const { type, contractVersion, policyVersion, requester, notBefore, notAfter } = Payload.entries;
const { supersedes, digest, decision, agent, level, authors, redactions, createdAt } = Payload.entries;

/** What the first entry of an action says was asked (`data.payload`): the request, a commitment in place of each of its values. */
export const Asked = v.strictObject({
  type,
  class: v.string(),
  risk: v.string(),
  contractVersion,
  policyVersion,
  digest,
  requester,
  notBefore,
  notAfter,
  supersedes,
  decision: v.omit(decision, ["errors"]),
  agent,
  level,
  authors,
  redactions,
  createdAt,
  /** By pointer, such as `/args`; a part that was never given has none. */
  values: v.record(v.string(), Commitment),
});
export type Asked = v.InferOutput<typeof Asked>;
