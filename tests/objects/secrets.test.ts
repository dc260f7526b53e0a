import { describe, test } from "vitest";
import { routes } from "../../workers/routes/index.ts";
import { knownIn } from "../../workers/secrets/rules.ts";

describe("the published rules inside the engine", () => {
  test("know a token, and where in which text it stands", async ({ expect }) => {
    const token = `ghp_${"wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx".slice(0, 36)}`;
    const found = await knownIn(["nothing here", `see ${token} there`, "nor here"]);
    expect([...found.keys()]).toEqual([1]);
    expect(found.get(1)).toMatchObject([{ start: 4, end: 4 + token.length }]);
  });
});

/** Names of members in which people write freely. */
const written = ["reason", "note", "incident", "because", "evidence", "summary", "comment", "context"];

/** Bodies of which the secrets are taken out elsewhere, by what the action's contract says of e-mail addresses. */
const elsewhere: Readonly<Record<string, string>> = {
  "POST /v1/actions": "workers/new-action",
  "POST /v1/actions/batch": "workers/new-action",
  "POST /v1/votes/batch": "workers/tell",
  "POST /v1/actions/:id/votes": "workers/tell",
  "POST /v1/actions/:id/cancel": "workers/tell",
  "POST /v1/actions/:id/revoke": "workers/tell",
  "POST /v1/actions/:id/report": "workers/tell",
  "POST /v1/actions/:id/rollback": "workers/tell",
  "POST /v1/actions/:id/feedback": "workers/tell",
  "POST /v1/actions/:id/break-glass/review": "workers/tell",
  "POST /v1/policy/evaluate": "keeps nothing",
  "POST /v1/policy/test": "keeps nothing",
  "POST /v1/policy/check": "keeps nothing",
  "POST /v1/policy/diff": "keeps nothing",
  "POST /v1/policy/replay": "keeps nothing",
};

/** Names of members anywhere in a schema. */
function membersOf(schema: unknown, seen = new Set<unknown>()): string[] {
  if (typeof schema !== "object" || schema === null || seen.has(schema)) return [];
  seen.add(schema);
  return Object.entries(schema).flatMap(([name, part]) => [
    ...(name === "entries" && typeof part === "object" && part !== null ? Object.keys(part) : []),
    ...membersOf(part, seen),
  ]);
}

describe("T16 of every body it is decided where the secrets in it go", () => {
  test.for(routes.filter(({ body }) => body !== undefined))("$method $path", (route, { expect }) => {
    const { method, path, body, words = [] } = route;
    const open = membersOf(body).filter((name) => written.includes(name) && !words.includes(name));
    if (elsewhere[`${method} ${path}`] === undefined) expect(open).toEqual([]);
    else expect(words).toEqual([]);
  });

  test("a body in which people write is seen as one", ({ expect }) => {
    const found = routes.filter(({ body }) => membersOf(body).some((name) => written.includes(name)));
    expect(found.length).toBeGreaterThan(15);
  });
});
