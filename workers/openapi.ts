import { toJsonSchema, toJsonSchemaDefs, type ConversionConfig } from "@valibot/to-json-schema";
import type * as v from "valibot";
import {
  ActionRequest,
  ActionSummary,
  ActionView,
  EventView,
  OutcomeView,
  Requester,
  SeatView,
  Target,
  VoteView,
} from "../schemas/action.ts";
import { Json } from "../schemas/json.ts";
import { KeyView } from "../schemas/operate.ts";
import { Problem, ProblemField, problems } from "../schemas/problem.ts";
import type { Route } from "./http/route.ts";

type Described = Record<string, unknown>;

/** What stands in many places, described once and referred to by name. */
const components = {
  ActionRequest,
  ActionSummary,
  ActionView,
  EventView,
  KeyView,
  OutcomeView,
  Problem,
  ProblemField,
  Requester,
  SeatView,
  Target,
  VoteView,
};

/** OpenAPI 3.1 takes JSON Schema 2020-12. What is only checked in code stays in the description of the field. */
const conversion = {
  target: "draft-2020-12",
  errorMode: "ignore",
  typeMode: "input",
  definitions: components,
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  // Its own schema refers to itself, which says nothing more than that anything goes.
  overrideSchema: ({ valibotSchema }) =>
    valibotSchema === Json ? { description: "Any JSON value" } : undefined,
} as const satisfies ConversionConfig;

function schemaOf(schema: v.GenericSchema): Described {
  // The definitions stand under `components` once, and not in every schema again.
  const { $schema: _, $defs: _defs, ...rest } = toJsonSchema(schema, conversion);
  return { ...rest };
}

const problemContent = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };

const titles = (status: number): string =>
  Object.values(problems)
    .filter((problem) => problem.status === status)
    .map(({ title }) => title)
    .join("; or ");

const header = (description: string): Described => ({
  description,
  required: true,
  schema: { type: "string" },
});

/** What a refusal always says besides its problem, by its status. */
const refusalHeaders: Readonly<Record<number, Described>> = {
  401: { "WWW-Authenticate": header("How to prove who is calling (RFC 9110 §11.6.1)") },
  429: { "Retry-After": header("Seconds until it may be sent again") },
  503: { "Retry-After": header("Seconds after which to try again") },
};

/** The refusals a route can answer with, by its shape; each is a problem. */
function refusals(route: Route): Described {
  const statuses = new Set([400, 500, ...(route.refuses ?? [])]);
  if (route.path.includes(":")) statuses.add(404);
  // An action may be over and done with, down to its tombstone.
  if (route.path.startsWith("/v1/actions/:id")) statuses.add(410);
  if (route.scope !== null) for (const status of [401, 503]) statuses.add(status);
  // Whatever key may read, a browser that is signed in changes things from our own page only.
  if (route.scope !== null && (route.scope !== "any" || route.method !== "GET")) statuses.add(403);
  if (route.body !== undefined) for (const status of [409, 413, 422]) statuses.add(status);
  return Object.fromEntries(
    [...statuses].map((status) => {
      const headers = refusalHeaders[status];
      const described = { description: titles(status), ...(headers !== undefined && { headers }) };
      return [String(status), { ...described, content: problemContent }];
    }),
  );
}

function answerOf({ answer, summary, waits = false }: Route): Described {
  if (answer.status === 101) {
    return {
      "101": { description: "The connection is a WebSocket now" },
      "426": { description: "The call was no WebSocket upgrade", content: problemContent },
    };
  }
  const content =
    answer.schema === undefined
      ? undefined
      : { [answer.contentType ?? "application/json"]: { schema: schemaOf(answer.schema) } };
  const later = {
    description: "It waits for somebody else's agreement: this action",
    content: { "application/json": { schema: { $ref: "#/components/schemas/ActionView" } } },
  };
  return {
    [String(answer.status)]: { description: summary, ...(content !== undefined && { content }) },
    ...(waits && { "202": later }),
  };
}

function parametersOf(route: Route): Described[] {
  const inPath = [...route.path.matchAll(/:(\w+)/gu)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(route.query ?? {}).map(([name, description]) => ({
    name,
    in: "query",
    description,
    schema: { type: "string" },
  }));
  const key = {
    name: "Idempotency-Key",
    in: "header",
    description: "The same key and body gets the same answer",
    schema: { type: "string" },
  };
  return [...inPath, ...inQuery, ...(route.method === "POST" ? [key] : [])];
}

function operationOf(route: Route): Described {
  const name = route.path.replaceAll(/[^a-z0-9]+/giu, "_").replaceAll(/^_|_$/gu, "");
  const parameters = parametersOf(route);
  const schema = route.body === undefined ? undefined : schemaOf(route.body);
  return {
    operationId: `${route.method.toLowerCase()}_${name}`,
    summary: route.summary,
    tags: [route.tag],
    ...(route.scope === null ? { security: [] } : { "x-scope": route.scope }),
    // Who asks is written into the workspace's log before it is answered.
    ...(route.evidence !== undefined && { "x-recorded": true }),
    ...(parameters.length > 0 && { parameters }),
    ...(schema !== undefined && {
      requestBody: { required: true, content: { "application/json": { schema } } },
    }),
    responses: { ...answerOf(route), ...refusals(route) },
  };
}

const tagTexts: Readonly<Record<string, string>> = {
  actions: "Ask for an action, look at it, wait for it",
  decisions: "Approve, deny, cancel, revoke, break the glass",
  execution: "Claim what was approved, run it under a lease, report, roll back",
  evidence: "What an auditor takes away and checks, and who has read it",
  policy: "Which actions there are, who must agree, and for how long",
  feedback: "What came of it: needless and missed gates, harm, and effects that nobody had claimed",
  directory: "People, agents, groups and who acts for whom",
  keys: "API keys",
  webhooks: "Endpoints that are told of every step, and the secrets they verify it with",
  deliveries: "Notices that could not be delivered",
  operations: "Repairs",
  engine: "The engine itself",
};

function componentSchemas(): Described {
  const named = Object.keys(components);
  const all = Object.entries(toJsonSchemaDefs(components, conversion));
  return Object.fromEntries(all.filter(([name]) => named.includes(name)));
}

/** The API as OpenAPI 3.1, generated from the route table, so that it cannot say anything else than the code does. */
export function openApi(routes: readonly Route[], origin: string): Described {
  const paths: Record<string, Described> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/gu, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  return {
    openapi: "3.1.1",
    info: {
      title: "Holdpoint",
      version: "1",
      summary: "The approval control plane for high-risk agent actions",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: origin }],
    security: [{ key: [] }],
    tags: tags.map((name) => ({ name, description: tagTexts[name] ?? name })),
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "hp_…",
          description:
            "A key of this engine; or, for an agent, a JSON Web Token of an issuer that the workspace trusts, with the header Holdpoint-Workspace naming the workspace where that is not `default`",
        },
      },
    },
  };
}
