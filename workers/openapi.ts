import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { Problem, problems } from "../schemas/problem.ts";
import type { Route } from "./http/route.ts";

type Described = Record<string, unknown>;

/** A schema as OpenAPI 3.1 takes it: JSON Schema 2020-12. What is only checked in code stays in the description of the field. */
function schemaOf(schema: v.GenericSchema): Described {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: "draft-2020-12",
    errorMode: "ignore",
    typeMode: "input",
  });
  return { ...rest };
}

const problemContent = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };

const titles = (status: number): string =>
  Object.values(problems)
    .filter((problem) => problem.status === status)
    .map(({ title }) => title)
    .join("; or ");

/** The refusals a route can answer with, by its shape; each is a problem. */
function refusals(route: Route): Described {
  const statuses = new Set([400, 404, 500]);
  if (route.scope !== null) for (const status of [401, 403, 503]) statuses.add(status);
  if (route.body !== undefined) for (const status of [409, 413, 422]) statuses.add(status);
  return Object.fromEntries(
    [...statuses].map((status) => [String(status), { description: titles(status), content: problemContent }]),
  );
}

function answerOf({ answer, summary }: Route): Described {
  if (answer.status === 101) return { "101": { description: "The connection is a WebSocket now" } };
  const content =
    answer.schema === undefined
      ? undefined
      : { [answer.contentType ?? "application/json"]: { schema: schemaOf(answer.schema) } };
  return { [String(answer.status)]: { description: summary, ...(content !== undefined && { content }) } };
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
    ...(parameters.length > 0 && { parameters }),
    ...(schema !== undefined && {
      requestBody: { required: true, content: { "application/json": { schema } } },
    }),
    responses: { ...answerOf(route), ...refusals(route) },
  };
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
    tags: tags.map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: schemaOf(Problem) },
      securitySchemes: { key: { type: "http", scheme: "bearer", bearerFormat: "hp_…" } },
    },
  };
}
