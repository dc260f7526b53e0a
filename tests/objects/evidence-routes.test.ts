import { describe, test } from "vitest";
import type { Route } from "../../workers/http/route.ts";
import { routes } from "../../workers/routes/index.ts";

/** For every address: whether reading it is written down, or why it gives out no evidence. A new route without a row fails. */

const now = "shows how an action stands now, to whoever works with it; its log is at /events";
const answersCommand = "answers a command with what has come of it; the command is in the log itself";
const summaries = "shows what waits or has come, a line each, without arguments, votes' words or logs";
const settings = "shows or changes settings, which no action's log is part of";
const judging = "says what a policy would do with what the caller brings";
const figures = "shows counts and times";
const lets = "lets somebody in, or out";
const hashes = "shows sizes, hashes and keys of the log, and nothing that a line of it says";
const open = "is nobody's in particular: it shows nothing of any workspace";

const records = "records";
const decisions: Readonly<Record<string, string>> = {
  "GET /v1/actions/:id/evidence": records,
  "GET /v1/actions/:id/events": records,
  "GET /v1/actions/:id/stream": "records, but for an agent that follows what it asked for itself",
  "GET /v1/evidence": records,
  "GET /v1/evidence/access": records,
  "GET /v1/bypasses": records,
  "POST /v1/policy/replay": records,
  "GET /v1/ledger/entries": records,

  "GET /v1/actions/:id": now,
  "GET /v1/actions/:id/card": now,
  "GET /v1/actions/:id/break-glass": now,
  "GET /v1/actions": summaries,
  "GET /v1/queue": summaries,
  "GET /v1/board/stream": summaries,
  "GET /v1/break-glass": summaries,
  "GET /v1/dead-letters": summaries,

  "POST /v1/actions": answersCommand,
  "POST /v1/actions/batch": answersCommand,
  "POST /v1/votes/batch": answersCommand,
  "POST /v1/actions/:id/votes": answersCommand,
  "POST /v1/actions/:id/cancel": answersCommand,
  "POST /v1/actions/:id/revoke": answersCommand,
  "POST /v1/actions/:id/break-glass": answersCommand,
  "POST /v1/actions/:id/break-glass/review": answersCommand,
  "POST /v1/actions/:id/claim": answersCommand,
  "POST /v1/actions/:id/heartbeat": answersCommand,
  "POST /v1/actions/:id/report": answersCommand,
  "POST /v1/actions/:id/rollback": answersCommand,
  "POST /v1/actions/:id/feedback": answersCommand,
  "POST /v1/actions/:id/seen": answersCommand,
  "POST /v1/actions/:id/erase": answersCommand,
  "POST /v1/bypasses": answersCommand,
  "POST /v1/board/repair": answersCommand,
  "POST /v1/dead-letters/:id/retry": answersCommand,
  "POST /slack/interactivity": answersCommand,

  "POST /v1/policy/evaluate": judging,
  "POST /v1/policy/test": judging,
  "POST /v1/policy/check": judging,
  "POST /v1/policy/diff": judging,

  "GET /v1/ledger": hashes,
  "GET /v1/ledger/consistency": hashes,
  "POST /v1/ledger/rotate": hashes,

  "GET /v1/metrics": figures,
  "GET /metrics": figures,
  "GET /v1/guardrails": figures,
  "POST /v1/guardrails/:type/proposal": figures,

  "POST /v1/sign-in-links": lets,
  "GET /v1/session": lets,
  "POST /v1/session": lets,
  "DELETE /v1/session": lets,
  "POST /v1/tickets": lets,

  "GET /.well-known/jwks.json": open,
  "GET /healthz": open,
  "GET /checkpoint": open,
  "GET /openapi.json": open,
};
const settingsOf =
  /^\/v1\/(?:policy|people|agents|groups|delegations|oncall|schedules|owners|kill-switches|keys|whoami|issuers|webhooks|slack|workspaces?|holds)(?:\/|$)/u;

const nameOf = ({ method, path }: Pick<Route, "method" | "path">): string => `${method} ${path}`;

/** What was decided of a route; undefined where nobody has thought of it yet. */
function decisionOf(route: Pick<Route, "method" | "path">): string | undefined {
  const name = nameOf(route);
  if (Object.hasOwn(decisions, name)) return decisions[name];
  return settingsOf.test(route.path) ? settings : undefined;
}

describe("T16 T26: of every route it is decided whether it gives out evidence", () => {
  test.for(routes.map((route) => [nameOf(route), route] as const))("%s", ([, route], { expect }) => {
    const decision = decisionOf(route);
    expect(decision, "has no row above").toBeDefined();
    expect(route.evidence !== undefined).toBe(decision?.startsWith(records));
  });

  test("no row is of a route that is not there", ({ expect }) => {
    const known = new Set(routes.map(nameOf));
    expect(Object.keys(decisions).filter((name) => !known.has(name))).toEqual([]);
  });

  test("whatever takes a key for evidence is written down, but for the log's hashes", ({ expect }) => {
    const asked = routes.filter(({ scope, method }) => scope === "evidence:read" && method === "GET");
    expect(asked.length).toBeGreaterThan(4);
    const others = asked.filter(({ evidence }) => evidence === undefined);
    expect(others.filter((route) => decisionOf(route) !== hashes).map(nameOf)).toEqual([]);
  });

  test("nothing that is written down can be asked by nobody in particular", ({ expect }) => {
    expect(routes.filter(({ scope, evidence }) => scope === null && evidence !== undefined)).toEqual([]);
  });

  test("and a route that nobody has thought of would be noticed", ({ expect }) => {
    expect(decisionOf({ method: "GET", path: "/v1/everything" })).toBeUndefined();
    expect(decisionOf({ method: "GET", path: "/v1/actions/:id/raw" })).toBeUndefined();
  });
});
