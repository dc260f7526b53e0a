import { unfit, unreadable } from "../bad-bodies.ts";
import type { Document, Operation, Schema } from "../described.ts";
import type { Dice } from "../dice.ts";
import type { Sent } from "./exchange.ts";
import { hinted, parameterOf } from "./hints.ts";
import type { Known, Subject } from "./known.ts";
import { Shapes } from "./shapes.ts";
import { oddTexts, spoiled } from "./spoiled.ts";
import type { Callers } from "./stage.ts";

/** One operation of the document with its address. */
export type Line = { readonly method: string; readonly path: string; readonly operation: Operation };

export function linesOf({ paths }: Document): Line[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

/** A request, and who sends it. */
export type Drawn = { readonly who: string; readonly sent: Sent };

/** What nobody has, and what a server may stumble over, as a part of an address. */
const hostileParts = [
  `act_${"x".repeat(22)}`,
  "hold_AAAAAAAAAAAAAAAAAAAAAA",
  "nothing",
  "%00",
  "%2e%2e",
  "%2F",
  "%zz",
  "%ff%fe",
  "%F0%9F%99%82",
  "%E2%80%AE",
  "__proto__",
  "constructor",
  "null",
  "-1",
  "*",
  "a".repeat(2_000),
  "act_",
  "'%20or%201=1",
  "..",
  "",
  "person:bob",
] as const;

const oddHeaders: readonly Readonly<Record<string, string>>[] = [
  { prefer: "wait=0" },
  { prefer: "wait=x, respond-async" },
  { "if-match": '"1"' },
  { "content-type": "text/plain" },
  { "content-type": "application/x-www-form-urlencoded" },
  { "content-type": "application/json; charset=utf-16" },
  { accept: "text/html" },
  { "accept-encoding": "br;q=1.0, *;q=0" },
  { "idempotency-key": "x".repeat(256) },
  { "idempotency-key": "é".normalize() },
  { "idempotency-key": '"quoted"' },
  { "idempotency-key": "" },
  { "holdpoint-workspace": "default" },
  { "holdpoint-workspace": "../x" },
  { "x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil.example" },
  { origin: "https://evil.example" },
  { range: "bytes=0-1" },
  { "if-none-match": "*" },
];

/** What asks for a WebSocket. */
export const socketHeaders: Readonly<Record<string, string>> = {
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
};
const badBodies = [...Object.values(unreadable), ...Object.values(unfit)].filter(
  ({ body }) => body.length < 1_000,
);
const bigBodies = Object.values(unreadable).filter(({ body }) => body.length > 200_000);

/** Who is likely to be let in, by scope. */
const whoFor: Readonly<Record<string, readonly string[]>> = {
  "actions:request": ["demo", "demo", "other"],
  "votes:write": ["alice", "bob", "carol", "omar", "bob on the page"],
  "actions:read": ["omar", "bob", "demo", "operator", "bob on the page"],
  "evidence:read": ["auditor", "operator"],
  "metrics:read": ["scraper", "auditor"],
  any: ["bob", "demo", "bob on the page", "operator"],
};
/** Of those who may all, people and machines, as some things are only for people. */
const mighty = ["operator", "omar", "omar"] as const;

const queryValues: Readonly<Record<string, readonly string[]>> = {
  wait: ["0", "0", "0", "00", "-1", "x"],
  limit: ["1", "100", "0", "101", "3", "x"],
  state: ["pending", "approved", "executed", "nonsense", "open"],
  type: ["host.shell", "db.migrate", "Not A Type"],
  class: ["production-change", "%"],
  group: ["oncall", "A"],
  waitingFor: ["me", "you"],
  risk: ["high", "low", "critical", "x"],
  window: ["24h", "7d", "1h", "0s", "x"],
  form: ["note", "ssh", "x"],
  workspace: ["default", "nothing", "A"],
  by: ["service:auditor", "person:bob"],
  since: ["2026-01-01T00:00:00Z", "1", "5", "x"],
  until: ["2090-01-01T00:00:00Z", "x"],
};
const oddQueries = ["surprise=1", "limit=1&limit=2", "%zz", "&&=", "__proto__=1"] as const;
const plainValues = ["0", "1", "2", "17", "999999999999999", "x", "", "%00", "%", "é"] as const;

/** Draws requests from the document: what it asks for, and what comes near, and what does not. */
export class Requests {
  readonly #dice: Dice;
  readonly #known: Known;
  readonly #callers: Callers;
  readonly #shapes: Shapes;
  readonly #lines: readonly Line[];
  #subject: Subject | undefined;
  /** Earlier ones with a key, to be sent again. */
  readonly #earlier: Drawn[] = [];

  constructor(document: Document, dice: Dice, known: Known, callers: Callers) {
    this.#dice = dice;
    this.#known = known;
    this.#callers = callers;
    this.#lines = linesOf(document);
    this.#shapes = new Shapes(document, dice, (name, schema) =>
      hinted(dice, known, this.#subject, name, schema),
    );
  }

  /** Any operation; those on an action more often, as they have the most to say. */
  next(): Drawn {
    const dice = this.#dice;
    const line = dice.pick(this.#lines);
    if (this.#earlier.length > 0 && dice.chance(0.02)) return this.#again();
    const isRare =
      /purge|\/v1\/policy$|\/v1\/workspaces|kill-switches$/u.test(line.path) && line.method === "POST";
    if (isRare && dice.chance(0.6)) return this.next();
    const onAction = dice.chance(0.25)
      ? this.#lines.filter(({ path }) => path.startsWith("/v1/actions"))
      : null;
    return this.of(onAction === null ? line : dice.pick(onAction));
  }

  of(line: Line): Drawn {
    const dice = this.#dice;
    const { actions } = this.#known;
    this.#subject =
      actions.length === 0 ? undefined : dice.pick(dice.chance(0.7) ? actions.slice(-4) : actions);
    const who = this.#who(line);
    const method = dice.chance(0.02)
      ? dice.pick(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
      : line.method === "GET" && dice.chance(0.05)
        ? "HEAD"
        : line.method;
    const path = this.#address(line);
    const body = method === "GET" || method === "HEAD" ? null : this.#body(line);
    const headers = this.#headers(line, who, body, method);
    const drawn = { who, sent: { method, path, headers, body } };
    if (headers["idempotency-key"] !== undefined) this.#earlier.push(drawn);
    if (this.#earlier.length > 40) this.#earlier.shift();
    return drawn;
  }

  /** A body that the document takes, for this operation. */
  bodyOf(schema: Schema): unknown {
    return this.#fitted(this.#shapes.draw(schema));
  }

  /** The same request again, or another under its key. */
  #again(): Drawn {
    const dice = this.#dice;
    const { who, sent } = dice.pick(this.#earlier);
    return dice.chance(0.7) ? { who, sent } : { who, sent: { ...sent, body: '{"reason":"another"}' } };
  }

  #who({ operation }: Line): string {
    const dice = this.#dice;
    if (dice.chance(0.1)) return dice.pick(Object.keys(this.#callers));
    return dice.pick(whoFor[operation["x-scope"] ?? ""] ?? mighty);
  }

  #address({ path, operation }: Line): string {
    const dice = this.#dice;
    const parameters = operation.parameters ?? [];
    const filled = path.replaceAll(/\{\w+\}/gu, () => {
      if (dice.chance(0.08)) return dice.pick(hostileParts);
      if (path.startsWith("/v1/actions/")) return this.#subject?.id ?? "nothing";
      return encodeURIComponent(parameterOf(dice, this.#known, path));
    });
    const asked = parameters
      .filter(({ in: place }) => place === "query")
      .filter(({ name }) => name === "ticket" || name === "from" || name === "to" || dice.chance(0.3))
      .map(({ name }) => `${name}=${this.#queryValue(name)}`);
    if (dice.chance(0.02)) asked.push(dice.pick(oddQueries));
    return asked.length === 0 ? filled : `${filled}?${asked.join("&")}`;
  }

  #queryValue(name: string): string {
    const dice = this.#dice;
    const isCursor = name === "cursor" || name === "after";
    const said = this.#known.named(dice, isCursor ? "nextCursor" : name);
    const isText = typeof said === "string" || typeof said === "number";
    if (isText && dice.chance(0.7)) return encodeURIComponent(said);
    const values = queryValues[name];
    if (values !== undefined && dice.chance(0.8)) return encodeURIComponent(dice.pick(values));
    return encodeURIComponent(
      dice.pick(dice.chance(0.9) ? plainValues : oddTexts.filter((text) => text.isWellFormed())),
    );
  }

  #headers(
    { operation, path }: Line,
    who: string,
    body: Sent["body"],
    method: string,
  ): Record<string, string> {
    const dice = this.#dice;
    // With any other method it is no upgrade (RFC 6455 §4.1), and workerd takes it for GET.
    const isSocket = method === "GET" && operation.responses["101"] !== undefined && dice.chance(0.7);
    const isKeyed = method === "POST" && dice.chance(0.3);
    return {
      ...this.#callers[who],
      ...(body !== null && { "content-type": "application/json" }),
      ...(isKeyed && { "idempotency-key": `k${dice.below(10_000_000)}` }),
      ...(isSocket && socketHeaders),
      ...(path === "/v1/session" && dice.chance(0.8) && this.#callers["the page"]),
      ...(dice.chance(0.06) && dice.pick(oddHeaders)),
    };
  }

  #body({ operation }: Line): Sent["body"] {
    const dice = this.#dice;
    const schema = operation.requestBody?.content["application/json"]?.schema;
    if (schema === undefined) return dice.chance(0.9) ? null : '{"a":1}';
    if (dice.chance(0.04)) return dice.pick(badBodies).body;
    if (dice.chance(0.002)) return dice.pick(bigBodies).body;
    if (dice.chance(0.03)) return JSON.stringify(dice.pick([null, 1, "x", [], {}, [{}], { items: [] }]));
    const drawn = this.bodyOf(schema);
    return JSON.stringify(dice.chance(0.25) ? spoiled(dice, drawn) : drawn);
  }

  /** A request for an action as its contract wants it, also within another body. */
  #fitted(drawn: unknown): unknown {
    const dice = this.#dice;
    if (typeof drawn !== "object" || drawn === null || Array.isArray(drawn) || dice.chance(0.1)) return drawn;
    const body: Record<string, unknown> = { ...drawn };
    if (Array.isArray(body["items"])) {
      const items: unknown[] = body["items"];
      return { ...body, items: items.map((item) => this.#fitted(this.#fittedItem(item))) };
    }
    if (typeof body["request"] === "object") body["request"] = this.#fitted(body["request"]);
    if (!("args" in body) || !("target" in body)) return body;
    const args = this.#known.named(dice, `args of ${String(body["type"])}`);
    return args === undefined ? body : { ...body, args: this.#shapes.draw(args as Schema) };
  }

  #fittedItem(item: unknown): unknown {
    const one = item as Record<string, unknown>;
    if (typeof one["digest"] === "string" || this.#known.actions.length === 0) return item;
    const request = { type: "host.shell", target: { resource: "a", segment: "prod-hosts" }, reason: "x" };
    return { ...one, action: this.#fitted({ ...request, args: {} }) };
  }
}
