import type { Event } from "../../schemas/event.ts";
import type { Retention, RetentionClass } from "../../schemas/retention.ts";
import type { Payload } from "../../schemas/stored.ts";
import type { Dice } from "../support/dice.ts";
import type { Life } from "../support/evidence.ts";
import { sha256Hex } from "../../objects/action/sealing.ts";

/** Lives whose every value is one that is looked for: whoever finds `planted` in clear has found what must not be there. */

export const mark = "planted";

/** Classes in all the ways that matter: by the defaults, all different, and parts that stay when what they are part of goes. */
export const retentions: readonly Retention[] = [
  { context: "ephemeral", payload: "operational", evidence: "compliance" },
  {
    context: "ephemeral",
    payload: "operational",
    evidence: "compliance",
    fields: { "/words": "ephemeral", "/report": "compliance", "/args/secret": "ephemeral" },
  },
  {
    context: "operational",
    payload: "operational",
    evidence: "compliance",
    fields: { "/words": "compliance", "/report": "ephemeral", "/context/log": "ephemeral" },
  },
  { context: "compliance", payload: "ephemeral", evidence: "operational" },
];

export function planted({ payload, events }: Life, retention: Retention, dice: Dice): Life {
  const text = (what: string): string => `${mark} ${what} ${dice.salt()}`;
  const asked: Payload = {
    ...payload,
    contract: { ...payload.contract, retention },
    target: { resource: text("target") },
    args: { migration: text("argument"), secret: { deep: [text("secret")] }, half: 12.5 },
    reason: text("reason"),
    context: { log: text("log"), note: text("note") },
    callback: { url: `https://hooks.example.com/${mark}`, secretId: "whs_planted1" },
    sums: { spent: "12" },
    decision: { ...payload.decision, errors: [{ entry: 0, detail: text("error") }] },
  };
  return { payload: asked, events: events.map((event) => withWords(event, asked, text)) };
}

function withWords(event: Event, payload: Payload, text: (what: string) => string): Event {
  const reason =
    event.type === "requested"
      ? payload.reason
      : event.reason === null || event.actor.kind === "engine"
        ? event.reason
        : text("words");
  const worded: Event = { ...event, reason };
  switch (worded.type) {
    case "executed":
    case "failed":
    case "rolled_back":
    case "rollback_failed": {
      const evidence = worded.data.reported ? { log: text("report"), took: 1.25 } : null;
      return { ...worded, data: { ...worded.data, evidence, lease: leaseOf(worded.data.lease) } };
    }
    case "fenced_report":
      return { ...worded, data: { ...worded.data, evidence: { log: text("report") } } };
    case "claimed":
    case "rollback_claimed":
      return { ...worded, data: { ...worded.data, lease: leaseOf(worded.data.lease) } };
    default:
      return worded;
  }
}

const leaseOf = (id: string): string => (id === "" ? "" : `lse_${mark}_${id}`);

/** What was said, as it is to read once those classes are gone: made of the events themselves, and not of what is stored. */
export function forgotten(event: Event, { contract }: Payload, gone: ReadonlySet<RetentionClass>): Event {
  const { payload, evidence, fields = {} } = contract.retention;
  const isGone = (part: string): boolean => gone.has(fields[part] ?? payload);
  const own = event.actor.kind !== "engine" || event.type === "cancelled";
  const wordless =
    event.type === "requested"
      ? { ...event, reason: isGone("/reason") ? "[erased]" : event.reason }
      : { ...event, reason: own && isGone("/words") ? null : event.reason };
  const data = { ...wordless.data };
  if ("evidence" in data && isGone("/report")) data.evidence = null;
  if ("lease" in data && typeof data.lease === "string" && data.lease !== "" && gone.has(evidence)) {
    data.lease = sha256Hex(data.lease);
  }
  return { ...wordless, data } as Event;
}

/** Every text in every row of every table. */
export function everyText(sql: SqlStorage): string {
  const tables = sql.exec<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
  );
  return tables
    .toArray()
    .map(({ name }) => JSON.stringify(sql.exec(`SELECT * FROM "${name}"`).toArray()))
    .join("\n");
}
