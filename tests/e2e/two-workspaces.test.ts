import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, Operator } from "../support/actors.ts";
import { type Answer, Caller } from "../support/caller.ts";
import { proven } from "../support/proof.ts";
import { addressOf, describedRoutes } from "../support/routes.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/**
 * T9 Two workspaces of one engine: every address, every verb, every role of the one, at what is the other's. An id of theirs and one
 * that is nobody's are answered the same, to the byte, and no answer says a word of what is theirs.
 */

let engine: TestEngine;
let cast: Cast;
let action: ActionView;
let paths: string[];
/** Callers of the other workspace, a role each. */
let strangers: Record<string, Caller>;
/** For each family of addresses with a parameter: a name that is there in ours, and one that is nowhere. */
let names: readonly (readonly [family: RegExp, theirs: string, nobodys: string])[];

/** Stands in everything of ours that has words. */
const word = "zebrafish";
/** Where a workspace reads what it has asked for itself: an id of ours that it has tried is among it. */
const ownLogs = ["/v1/ledger/entries", "/v1/evidence/access"];
const verbs = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  action = await cast.demo.asks({ reason: `the ${word} needs it` });
  const described = await describedRoutes(cast.stranger);
  paths = [...new Set(described.map(({ path }) => path))];
  names = await furnished();
  strangers = await anotherWorkspace();
}, 120_000);

afterAll(async () => {
  await engine?.stop();
});

/** One thing of each kind in our workspace. */
async function furnished(): Promise<typeof names> {
  const { operator, omar } = cast;
  type Made = { id: string };
  await operator.put(`/v1/people/${word}`, { name: word });
  await operator.put(`/v1/groups/${word}`, { members: ["person:bob"] });
  await operator.put(`/v1/agents/${word}`, { owner: "person:omar", roles: [], segments: [] });
  const key = await operator.post<{ record: Made }>("/v1/keys", { principal: "person:carol" });
  const secret = await operator.post<Made>("/v1/webhooks/secrets", {});
  const url = `https://${word}.example.com/in`;
  const endpoint = await operator.post<Made>("/v1/webhooks", { url, secretId: secret.id });
  const hold = await omar.post<Made>("/v1/holds", { scope: `action:${action.id}`, reason: `a ${word}` });
  const unknown = `act_${"x".repeat(22)}`;
  return [
    [/^\/v1\/actions\//u, action.id, unknown],
    [/^\/v1\/holds\//u, hold.id, "hold_AAAAAAAAAAAAAAAAAAAAAA"],
    [/^\/v1\/keys\//u, key.record.id, "0".repeat(12)],
    [/^\/v1\/webhooks\/secrets\//u, secret.id, "whs_nothing"],
    [/^\/v1\/webhooks\//u, endpoint.id, "whe_nothing"],
    [/^\/v1\/dead-letters\//u, `${action.id}.1.callback`, `${unknown}.1.callback`],
    [/^\/v1\/guardrails\//u, "host.shell", "host.spell"],
    // Names that everybody may give: another workspace's is not known to be taken.
    [/./u, word, "goldfinch"],
  ];
}

async function anotherWorkspace(): Promise<typeof strangers> {
  const token = readFileSync(join(engine.stateDir, "setup-token"), "utf8").trim();
  const setup = new Operator("setup", engine.url, token);
  const { key } = await setup.post<{ key: string }>("/v1/workspaces", { name: "hp-elsewhere" });
  const operator = new Operator("service:operator", engine.url, key);
  const { document } = await cast.operator.get<{ document: unknown }>("/v1/policy");
  for (const name of ["omar", "alice", "bob", "carol"]) await operator.put(`/v1/people/${name}`, {});
  for (const [group, name] of Object.entries({ oncall: "bob", dba: "alice", security: "carol" })) {
    await operator.seats(group, name);
  }
  await operator.put("/v1/agents/demo", {
    owner: "person:omar",
    roles: ["controlled-remediation"],
    segments: ["prod-hosts"],
  });
  await operator.post("/v1/policy", { document });
  const holder = async (principal: string, more: Record<string, unknown> = {}): Promise<Caller> =>
    new Caller(principal, engine.url, await operator.givesKey(principal, more));
  return {
    operator,
    agent: await holder("agent:demo"),
    approver: await holder("person:bob"),
    "a person with every right": await holder("person:omar", { scopes: ["admin"] }),
    auditor: await holder("service:auditor", { scopes: ["evidence:read", "actions:read", "metrics:read"] }),
    stranger: cast.stranger,
  };
}

/** What a command has to look like to be more than a bad body. */
function bodyFor(path: string, verb: string): object | undefined {
  if (["GET", "HEAD", "OPTIONS", "DELETE"].includes(verb)) return undefined;
  const { digest } = action;
  const lease = { lease: "lse_x", fence: 1 };
  const bodies: [RegExp, object][] = [
    [/votes$/u, { decision: "approve", digest }],
    [/(?:cancel|revoke|rollback|release)$/u, { reason: "mine" }],
    [/claim$/u, { digest }],
    [/heartbeat$/u, lease],
    [/report$/u, { ...lease, outcome: "succeeded", summary: "x" }],
    [/feedback$/u, { label: "harm" }],
    [/break-glass$/u, { digest, reason: "nobody answers and it burns", incident: "INC-1", confirm: true }],
    [/review$/u, { verdict: "justified", note: "it was" }],
    [/erase$/u, { class: "ephemeral", reason: "mine" }],
    [/\/agents\//u, { owner: "person:omar", roles: [], segments: [] }],
    [/\/groups\//u, { members: [] }],
  ];
  return bodies.find(([family]) => family.test(path))?.[1] ?? {};
}

const namesOf = (path: string): readonly [theirs: string, nobodys: string] => {
  const [, theirs, nobodys] = names.find(([family]) => family.test(path))!;
  return [theirs, nobodys];
};

/** What the answer says, with the name that was asked for left out: it is the one thing in which two may differ. */
const said = ({ status, text, headers }: Answer, name: string): unknown => ({
  status,
  // A success is about the caller's own, which has its times and versions.
  text: status < 300 ? "" : text.replaceAll(name, "NAME"),
  type: headers.get("content-type"),
});

const isOwnView = (path: string): boolean => !path.includes("{") && !ownLogs.includes(path);

const asked = (who: Caller, verb: string, path: string, name: string): Promise<Answer> =>
  who.send(verb, addressOf({ path }, name), bodyFor(path, verb));

/** Everything that an operator of ours can see of it. */
async function ours(): Promise<unknown[]> {
  const views = ["people", "agents", "groups", "keys", "webhooks", "webhooks/secrets", "holds", "policy"];
  return [
    await cast.demo.sees(action),
    ...(await Promise.all(views.map((view) => cast.operator.get(`/v1/${view}`)))),
  ];
}

describe("T9 every address, every verb and every role of another workspace", () => {
  test(
    "find what is ours as little as what is nobody's, and change nothing of it",
    { timeout: 300_000 },
    async ({ expect }) => {
      const before = await ours();
      let trials = 0;
      const told: string[] = [];
      const look = async (path: string): Promise<void> => {
        const [theirs, nobodys] = namesOf(path);
        for (const verb of verbs) {
          for (const [role, who] of Object.entries(strangers)) {
            const one = await asked(who, verb, path, theirs);
            const place = `${role}: ${verb} ${path}`;
            // What it was asked for with may come back, and nothing else of ours.
            const rest = one.text.replaceAll(new RegExp(`(?:[a-z]+:)?${word}(?=")`, "gu"), "");
            if (rest.includes(word) || (isOwnView(path) && one.text.includes(action.id))) told.push(place);
            trials += 1;
            if (!path.includes("{")) continue;
            const other = await asked(who, verb, path, nobodys);
            expect([place, said(one, theirs)]).toEqual([place, said(other, nobodys)]);
            trials += 1;
          }
        }
      };
      const left = paths.values();
      const some = async (): Promise<void> => {
        for (const path of left) await look(path);
      };
      await Promise.all([some(), some(), some(), some()]);
      expect(told).toEqual([]);
      expect(await ours()).toEqual(before);
      const notes = `${paths.length} addresses, ${verbs.length} verbs, ${Object.keys(strangers).length} roles`;
      proven({ part: "workspaces", trials, notes });
    },
  );

  const seen = [
    "/v1/actions/{id}",
    "/v1/actions/{id}/events",
    "/v1/actions/{id}/card",
    "/v1/actions/{id}/break-glass",
    "/v1/actions/{id}/evidence",
  ];
  test.for(seen)(
    "are held against a check that our own key does not pass: GET %s",
    async (path, { expect }) => {
      const [theirs, nobodys] = namesOf(path);
      const who = path.endsWith("evidence") ? cast.auditor : cast.bob;
      const one = await asked(who, "GET", path, theirs);
      expect(said(one, theirs)).not.toEqual(said(await asked(who, "GET", path, nobodys), nobodys));
      proven({ part: "workspaces", controls: { found: 1, of: 1 } });
    },
  );

  test("are held against a check that finds the word in our own list", async ({ expect }) => {
    const { text } = await cast.operator.send("GET", "/v1/webhooks");
    expect(text.replaceAll(new RegExp(`(?:[a-z]+:)?${word}(?=")`, "gu"), "")).toContain(word);
    proven({ part: "workspaces", controls: { found: 1, of: 1 } });
  });
});
