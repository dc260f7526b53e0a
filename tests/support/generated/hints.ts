import type { Dice } from "../dice.ts";
import type { Schema } from "../described.ts";
import type { Known, Subject } from "./known.ts";

/** What is likely to be wanted where, so that a drawn request comes further than the door. */

const dayMs = 86_400_000;
const soon = (dice: Dice): string => new Date(Date.now() + 60_000 + dice.below(dayMs)).toISOString();
const rarely = (dice: Dice, value: unknown): unknown => (dice.chance(0.9) ? null : value);

type Draw = (dice: Dice, known: Known) => unknown;

/** By the name of a property. */
const byName: Readonly<Record<string, Draw>> = {
  reason: (dice) => dice.pick(["it does not answer", "é 漢字", "a\nb", "x"]),
  type: (dice, known) => known.named(dice, "type of contract"),
  target: (dice) =>
    dice.pick([
      { resource: "prod-db-1", segment: "prod-hosts" },
      { resource: "orders", segment: "prod-data", environment: "production" },
      { resource: "mail" },
    ]),
  url: (dice) => dice.pick(["http://127.0.0.1:9/in", "http://localhost:9/"]),
  every: (dice) => dice.pick(["12h", "7d", "1d"]),
  maxTokenAge: (dice) => dice.pick(["1h", "10m"]),
  timeZone: (dice) => dice.pick(["Europe/Berlin", "UTC", "America/New_York"]),
  starts: (dice) => dice.pick(["2026-01-05T09:00", "2026-02-01T00:00"]),
  until: soon,
  expiresAt: (dice) => rarely(dice, soon(dice)),
  notBefore: (dice) => rarely(dice, soon(dice)),
  notAfter: (dice) => rarely(dice, soon(dice)),
  supersedes: (dice, known) => rarely(dice, known.named(dice, "id of actions")),
  onBehalfOf: (dice) => rarely(dice, "person:omar"),
  callback: () => null,
  preconditions: (dice) => rarely(dice, { version: 1 }),
  context: (dice) => dice.pick([null, {}, { ticket: "OPS-311", diff: ["a"] }]),
  rollbackPlan: (dice) => rarely(dice, { argv: ["undo"] }),
  document: (dice, known) => known.named(dice, "policy"),
  version: (dice, known) => known.named(dice, "version"),
  cursor: (dice, known) => known.named(dice, "nextCursor"),
  action: (dice, known) => known.named(dice, "id of actions"),
  secretId: (dice, known) => known.named(dice, "id of secrets"),
  token: (dice, known) => known.named(dice, "ticket"),
  issuer: (dice) => dice.pick(["https://issuer.example.com", "https://other.example.com/a"]),
  jwksUrl: () => null,
  audience: () => "holdpoint/default",
  agent: (dice) => dice.pick(["agent:demo", "agent:other"]),
  owner: (dice) => dice.pick(["person:omar", "person:eve"]),
  person: (dice) => dice.pick(["person:bob", "person:eve"]),
  from: (dice) => `person:${dice.pick(["alice", "bob", "eve", "carol"])}`,
  to: (dice) => `person:${dice.pick(["alice", "bob", "eve", "carol"])}`,
  people: (dice) => [`person:${dice.pick(["alice", "bob"])}`],
  members: (dice) => ["person:bob", `person:${dice.pick(["alice", "eve", "carol"])}`],
  groups: (dice) => [dice.pick(["oncall", "dba", "security"])],
  roles: () => ["controlled-remediation"],
  principal: (dice) => dice.pick(["person:eve", "agent:other", "service:auditor"]),
  sameAs: () => [],
  scope: (dice) => dice.pick(["data.*", "type:host.shell", "email.send", "requester:agent:demo"]),
  confirm: (dice, known) => (dice.chance(0.9) ? "elsewhere" : known.named(dice, "workspace")),
  effect: (dice) => dice.pick(["none", "partial", "unknown"]),
};

/** Of a property: what is of the action that is asked about, what is known by its name, what its pattern takes. */
export function hinted(
  dice: Dice,
  known: Known,
  subject: Subject | undefined,
  name: string,
  schema: Schema,
): unknown {
  if (dice.chance(0.08) || "const" in schema || "enum" in schema) return undefined;
  if (subject !== undefined && name in subject && name !== "id") return subject[name as keyof Subject];
  const made = byName[name]?.(dice, known) ?? undefined;
  if (made !== undefined && suits(schema, made)) return made;
  if (name in byName && made === undefined && allowsNull(schema)) return null;
  if (schema["type"] !== "string" || dice.chance(0.3)) return undefined;
  const pattern = schema["pattern"];
  return typeof pattern === "string" ? known.matching(dice, pattern) : undefined;
}

const allowsNull = (schema: Schema): boolean =>
  Array.isArray(schema["anyOf"]) && (schema["anyOf"] as Schema[]).some(({ type }) => type === "null");

/** Whether it is of the kind and form that is wanted, as the same name means something else elsewhere. */
function suits(schema: Schema, value: unknown): boolean {
  if (Array.isArray(schema["anyOf"])) return (schema["anyOf"] as Schema[]).some((one) => suits(one, value));
  const { type, pattern } = schema;
  if (typeof pattern === "string") return typeof value === "string" && new RegExp(pattern, "u").test(value);
  if (type === undefined) return true;
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === (type === "integer" ? "number" : type);
}

/** What stands for a parameter of an address, by the address before it. */
const byAddress: readonly (readonly [RegExp, readonly string[], string])[] = [
  [/^\/v1\/people\//u, ["alice", "bob", "eve", "zoe"], "people"],
  [/^\/v1\/groups\//u, ["oncall", "dba", "spare"], "groups"],
  [/^\/v1\/agents\//u, ["demo", "other", "spare"], "agents"],
  [/^\/v1\/schedules\//u, ["primary", "oncall"], "schedules"],
  [/^\/v1\/oncall\//u, ["primary", "oncall", "nobody"], "oncall"],
  [/^\/v1\/issuers\//u, ["spire", "github"], "issuers"],
  [/^\/v1\/guardrails\//u, ["host.shell", "db.migrate"], "guardrails"],
  [/^\/v1\/webhooks\/secrets\//u, [], "secrets"],
  [/^\/v1\/webhooks\//u, [], "webhooks"],
  [/^\/v1\/keys\//u, [], "keys"],
  [/^\/v1\/holds\//u, [], "holds"],
  [/^\/v1\/dead-letters\//u, [`act_${"x".repeat(22)}.1.Y2FsbGJhY2s`], "dead-letters"],
  [/./u, ["T1DC2JH3J"], "anything"],
];

/** Ids that are there or could be; the caller makes them hostile. */
export function parameterOf(dice: Dice, known: Known, path: string): string {
  const [, names = [], family = ""] = byAddress.find(([form]) => form.test(path)) ?? [];
  const id = known.named(dice, `id of ${family}`);
  if (typeof id === "string" && (names.length === 0 || dice.chance(0.5))) return id.replace(/^\w+:/u, "");
  return names.length === 0 ? "nothing" : dice.pick(names);
}

/** Which ids an address gives out. */
export function familyOf(path: string): string {
  if (path.startsWith("/v1/webhooks/secrets")) return "secrets";
  return path.split("/")[2] ?? "";
}
