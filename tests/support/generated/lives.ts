import { valueOf } from "./exchange.ts";
import { socketHeaders } from "./requests.ts";
import type { Stage } from "./stage.ts";

/** What happens in a workspace, one step after the other: answers that chance alone would seldom come to. Refusals are answers too. */

type Said = Readonly<Record<string, unknown>>;
type Ask = (who: string, method: string, path: string, body?: unknown) => Promise<Said>;

const request = {
  type: "host.shell",
  target: { resource: "prod-db-1", segment: "prod-hosts" },
  args: { argv: ["systemctl", "restart", "app"] },
  reason: "it does not answer",
};
const reason = { reason: "it has to be" };
const soon = (): string => new Date(Date.now() + 3_600_000).toISOString();

type Made = { readonly id: string; readonly digest: string; readonly on: string };

function asksOf(stage: Stage): { ask: Ask; made: (more?: object) => Promise<Made> } {
  const ask: Ask = async (...asked) => {
    const value = valueOf((await stage.ask(...asked)).text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  };
  const made = async (more: object = {}): Promise<Made> => {
    const { id, digest } = await ask("demo", "POST", "/v1/actions", { ...request, ...more });
    return { id: String(id), digest: String(digest), on: `/v1/actions/${String(id)}` };
  };
  return { ask, made };
}

/** From asking to undoing it again. @returns the id of an action of which nothing is left */
export async function actionLives(stage: Stage): Promise<string> {
  const { ask, made } = asksOf(stage);
  const one = await made({ rollbackPlan: { argv: ["undo"] } });
  const { digest } = one;
  const reported = (claim: Said, outcome: string): Promise<Said> => {
    const { lease, fence } = claim;
    const body = {
      lease,
      fence,
      outcome,
      summary: "exit",
      ...(outcome === "failed" && { effect: "partial" }),
    };
    return ask("demo", "POST", `${one.on}/report`, body);
  };
  await ask("bob", "POST", `${one.on}/seen`, {});
  await ask("bob", "POST", `${one.on}/votes`, { decision: "approve", digest });
  const claim = await ask("demo", "POST", `${one.on}/claim`, { digest });
  await ask("demo", "POST", `${one.on}/heartbeat`, { lease: claim["lease"], fence: claim["fence"] });
  await reported(claim, "succeeded");
  await ask("omar", "POST", `${one.on}/rollback`, reason);
  await reported(await ask("demo", "POST", `${one.on}/claim`, { digest }), "failed");
  for (const part of ["", "/events", "/card"]) await ask("bob", "GET", `${one.on}${part}`);
  // It is over, so that none of this comes to anything.
  await ask("bob", "POST", `${one.on}/votes`, { decision: "approve", digest });
  for (const name of ["cancel", "revoke", "rollback"]) await ask("omar", "POST", `${one.on}/${name}`, reason);
  await ask("demo", "POST", `${one.on}/claim`, { digest });
  await ask("demo", "POST", `${one.on}/heartbeat`, { lease: claim["lease"], fence: claim["fence"] });
  await reported(claim, "succeeded");
  await ask("bob", "POST", `${one.on}/feedback`, { label: "harm" });
  await ask("bob", "POST", "/v1/votes/batch", { items: [{ action: one.id, digest, decision: "approve" }] });
  const revoked = await made();
  await ask("bob", "POST", `${revoked.on}/votes`, { decision: "approve", digest: revoked.digest });
  await ask("bob", "POST", `${revoked.on}/revoke`, reason);
  await ask("demo", "POST", `${(await made()).on}/cancel`, reason);
  const headers = { ...stage.callers["bob"], ...socketHeaders };
  await stage.send({ method: "GET", path: `${one.on}/stream`, headers, body: null });
  const at = new Date(Date.now() - 60_000).toISOString();
  await ask("operator", "POST", "/v1/bypasses", { type: "host.shell", target: "prod-db-1", at });
  for (const name of ["ephemeral", "compliance"]) {
    await ask("omar", "POST", `${revoked.on}/erase`, { class: name, ...reason });
  }
  return revoked.id;
}

/** Breaking the glass as often as one may, once more, and the review of it. */
export async function brokenGlass(stage: Stage): Promise<void> {
  const { ask, made } = asksOf(stage);
  for (let times = 0; times < 3; times += 1) {
    const { on, digest } = await made();
    const body = { digest, reason: "nobody answers and it burns", incident: "INC-1", confirm: true };
    await ask("eve", "POST", `${on}/break-glass`, body);
    await ask("eve", "GET", `${on}/break-glass`);
    for (const _ of ["once", "again"]) {
      await ask("bob", "POST", `${on}/break-glass/review`, { verdict: "justified", note: "it did burn" });
    }
  }
}

/** What whoever runs it does, and takes back: alone it is done at once, with a second operator it waits. */
export async function upkeep(stage: Stage): Promise<void> {
  const { ask } = asksOf(stage);
  const as = (method: string, path: string, body?: unknown): Promise<Said> => ask("omar", method, path, body);
  await as("POST", "/v1/delegations/remove", { from: "person:carol", to: "person:alice" });
  await as("POST", "/v1/kill-switches/release", { scope: "email.send" });
  const delegation = { from: "person:alice", to: "person:bob" };
  await as("POST", "/v1/delegations", { ...delegation, groups: ["dba"], until: soon() });
  await as("POST", "/v1/delegations/remove", delegation);
  await as("PUT", "/v1/people/spare", { name: "Spare" });
  await as("DELETE", "/v1/people/spare");
  await as("DELETE", "/v1/people/omar");
  await as("PUT", "/v1/groups/spare", { members: ["person:bob"] });
  await as("DELETE", "/v1/groups/spare");
  await as("PUT", "/v1/agents/spare", {
    owner: "person:eve",
    roles: [],
    segments: [],
    actsFor: "agent:other",
  });
  await as("DELETE", "/v1/agents/other");
  await as("DELETE", "/v1/agents/spare");
  await as("PUT", "/v1/owners", { owners: [{ targets: ["*"], owner: "group:dba" }] });
  const stop = { scope: "data.export", ...reason };
  await as("POST", "/v1/kill-switches", stop);
  await as("POST", "/v1/kill-switches/release", { scope: "data.export" });
  const hold = await as("POST", "/v1/holds", { scope: "type:host.shell", ...reason });
  for (const _ of ["once", "again"]) await as("POST", `/v1/holds/${String(hold["id"])}/release`, reason);
  const past = new Date(Date.now() - 60_000).toISOString();
  await as("POST", "/v1/holds", { scope: "type:host.shell", ...reason, until: past });
  await as("PUT", "/v1/schedules/upkeep", {
    timeZone: "UTC",
    rotations: [{ people: ["person:bob"], starts: "2026-01-05T09:00", every: "7d" }],
  });
  await as("POST", "/v1/oncall/upkeep", { people: ["person:bob"], until: soon() });
  await as("GET", "/v1/oncall/upkeep");
  await as("DELETE", "/v1/oncall/upkeep");
  await as("DELETE", "/v1/schedules/upkeep");
  const rules = [{ claims: { sub: "spiffe://acme.com/agents/night" }, agent: "agent:demo" }];
  const issuer = { issuer: "https://spire.acme.com", audience: "holdpoint/default", rules };
  await as("PUT", "/v1/issuers/spiffe", issuer);
  await as("GET", "/v1/issuers/spiffe");
  await as("DELETE", "/v1/issuers/spiffe");
}

/** Keys, secrets and receivers. */
export async function keyring(stage: Stage): Promise<void> {
  const { ask } = asksOf(stage);
  const as = (method: string, path: string, body?: unknown): Promise<Said> => ask("omar", method, path, body);
  const made = await as("POST", "/v1/keys", { principal: "service:spare", scopes: ["metrics:read"] });
  const { id } = Object(made["record"]) as Said;
  for (const path of ["rotate", "rotate", "revoke", "revoke", "rotate"]) {
    await as("POST", `/v1/keys/${String(id)}/${path}`, {});
  }
  const waiting = await as("POST", "/v1/keys", { principal: "person:carol" });
  await ask("alice", "POST", `/v1/actions/${String(waiting["id"])}/votes`, {
    decision: "approve",
    digest: waiting["digest"],
    reason: "agreed",
  });
  for (const _ of ["once", "again"]) await as("POST", "/v1/keys/collect", { action: waiting["id"] });
  const secret = await as("POST", "/v1/webhooks/secrets", {});
  await as("POST", `/v1/webhooks/secrets/${String(secret["id"])}/rotate`, { overlapMs: 1_000 });
  const endpoint = await as("POST", "/v1/webhooks", { url: "http://127.0.0.1:9/", secretId: secret["id"] });
  await as("DELETE", `/v1/webhooks/${String(endpoint["id"])}`);
  await as("POST", "/v1/ledger/rotate", {});
  const first = await as("GET", "/v1/ledger");
  const size = Number(first["size"]);
  await ask("auditor", "GET", `/v1/ledger/consistency?from=1&to=${Number.isFinite(size) ? size : 1}`);
  await ask("auditor", "GET", "/v1/evidence");
  await ask("stranger", "GET", `/checkpoint?workspace=${stage.workspace}`);
  await as("POST", "/v1/policy/replay", { days: 1 });
}

/** A person on the page, who opens it, follows what happens and leaves. */
export async function pageVisit(stage: Stage): Promise<void> {
  const { ask } = asksOf(stage);
  const { ticket } = await ask("bob on the page", "POST", "/v1/tickets", {});
  const plain = { ...stage.callers["bob on the page"] };
  for (const headers of [plain, { ...plain, ...socketHeaders }]) {
    await stage.send({
      method: "GET",
      path: `/v1/board/stream?ticket=${String(ticket)}`,
      headers,
      body: null,
    });
    const again = await ask("bob on the page", "POST", "/v1/tickets", {});
    const path = `/v1/board/stream?ticket=${String(again["ticket"])}`;
    await stage.send({ method: "GET", path, headers, body: null });
  }
  await ask("bob on the page", "GET", "/v1/session");
}

/** What is asked of things that are not there. */
export async function unknowns(stage: Stage): Promise<void> {
  const { ask } = asksOf(stage);
  const version = `sha256:${"0".repeat(64)}`;
  const { reason: _, ...subject } = request;
  const asked = { ...subject, agent: "agent:demo" };
  const example = { name: "a", request: asked, expect: { outcome: "gate" } };
  await ask("omar", "POST", "/v1/policy/evaluate", { request: asked, version });
  await ask("omar", "POST", "/v1/policy/test", { examples: [example], version });
  await ask("omar", "POST", "/v1/policy/test", { examples: [example] });
  await ask("omar", "POST", "/v1/policy/diff", { document: stage.policy });
  await ask("omar", "POST", "/v1/policy/replay", { days: 1, version });
  await ask("omar", "POST", "/v1/policy/activate", { version });
  await ask("omar", "POST", "/v1/sign-in-links", { person: "person:nobody" });
  await ask("operator", "POST", "/v1/sign-in-links", { person: "person:nobody" });
  await ask("omar", "GET", `/v1/policy?version=${version}`);
  await ask("omar", "POST", "/v1/keys/collect", { action: `act_${"x".repeat(22)}` });
  await ask("stranger", "GET", "/checkpoint?workspace=nothing");
}

/** A freeze, an hour that is used up, and the policy from before again. */
export async function otherPolicies(stage: Stage): Promise<void> {
  const { ask, made } = asksOf(stage);
  const publish = (more: object): Promise<Said> =>
    ask("omar", "POST", "/v1/policy", { document: { ...stage.policy, ...more } });
  const from = { from: "2020-01-01T00:00", until: "2090-01-01T00:00" };
  const { version } = await ask("omar", "GET", "/v1/policy");
  const approved = await made();
  const { digest } = approved;
  await ask("bob", "POST", `${approved.on}/votes`, { decision: "approve", digest });
  await publish({ freezes: [{ name: "described", timeZone: "UTC", because: "it is described", ...from }] });
  await ask("demo", "POST", `${approved.on}/claim`, { digest });
  await publish({ requests: { perAgentPerHour: 1 } });
  for (const _ of ["once", "again"]) await made();
  await ask("demo", "POST", "/v1/actions/batch", { items: [{ action: request }] });
  await ask("omar", "POST", "/v1/policy/activate", { version });
}

/** What the other operator has to agree to, and what comes to nothing as nobody waits for it. */
export async function agreements(stage: Stage): Promise<void> {
  if (stage.operators === 1) return;
  const { ask } = asksOf(stage);
  const purge = { confirm: stage.workspace, cancelRunning: true, ...reason };
  const asked = [
    await ask("omar", "DELETE", "/v1/groups/dba"),
    await ask("omar", "DELETE", "/v1/people/carol"),
    await ask("omar", "PUT", "/v1/people/eve", { name: "Eve", sameAs: ["person:bob"] }),
    await ask("omar", "POST", "/v1/workspace/purge", purge),
  ];
  for (const { id } of asked) await ask("omar", "POST", `/v1/actions/${String(id)}/cancel`, reason);
}

/** The end of a workspace. */
export async function forgotten(stage: Stage): Promise<void> {
  const { ask } = asksOf(stage);
  const body = { confirm: stage.workspace, cancelRunning: true, ...reason };
  for (const _ of ["once", "again"]) await ask("omar", "POST", "/v1/workspace/purge", body);
  await ask("omar", "GET", "/v1/workspace/purge");
}
