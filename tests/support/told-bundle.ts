import type { Bundle } from "../../schemas/bundle.ts";
import type { Json } from "../../schemas/json.ts";

const hash = `sha256:${"0".repeat(64)}`;
const committed = { sha256: "0".repeat(64) };
const salt = "A".repeat(22);

/** A bundle in which everything that anybody but the engine can write is `text`. Its hashes and proofs are none. */
export function bundleSaying(text: string): Bundle {
  const opening = (value: Json) => ({ salt, value });
  const base = { v: 1, workspace: "default", action: "act_1", target: committed, prev: hash };
  const asked = {
    type: text,
    risk: "high",
    digest: hash,
    policyVersion: hash,
    requester: { kind: "agent", id: text, owner: text },
    decision: { outcome: "gate", because: text },
    values: { "/target": committed, "/args": committed, "/reason": committed, "/context": committed },
  };
  const entry = (seq: number, parts: Record<string, Json>): string =>
    JSON.stringify({ ...base, seq, at: seq, state: "pending", detail: null, outcome: "pending", ...parts });
  const actor = { kind: "person", id: text };
  const vote = { person: text, decision: "approve", via: text, identity: `${text}!`, counted: [text] };
  const entries = [
    {
      text: entry(1, { type: "requested", actor, reason: committed, data: { payload: asked, [text]: text } }),
      openings: {
        "/target": opening({ resource: text }),
        "/args": opening({ [text]: [text] }),
        "/reason": opening(text),
      },
    },
    {
      text: entry(2, { type: "voted", actor, reason: committed, data: { ...vote, shown: { card: text } } }),
      openings: { "/reason": opening(text) },
    },
    {
      text: entry(3, { type: "executed", actor, reason: text, data: { evidence: committed } }),
      openings: { "/data/evidence": opening({ stdout: text }) },
    },
  ];
  const card = {
    title: text,
    facts: [{ label: text, kind: "data", lines: [text, text] }],
    warnings: [text],
    agentSays: [text],
  };
  const proven = { index: 1, text: "", proof: [] };
  return {
    format: "holdpoint-evidence/1",
    exportedAt: 1,
    workspace: "default",
    action: "act_1",
    number: 1,
    entries,
    contract: null,
    policy: null,
    shown: [{ seq: 2, card }],
    redactions: [{ pointer: text, kind: text }],
    erased: [{ class: "ephemeral", at: 5 }],
    log: {
      checkpoint: { origin: "o", size: 2, root: "", at: 1, note: "", ssh: [] },
      keys: [],
      opened: proven,
      sealed: null,
      erased: [],
      conflicts: [proven],
      keyed: [],
      consistency: null,
    },
  };
}
