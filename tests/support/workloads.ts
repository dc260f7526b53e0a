import type { Problem } from "../../schemas/problem.ts";
import { type Answer, Caller } from "./caller.ts";
import type { IssuerStandIn } from "./issuer.ts";

/** What platforms claim of the workloads that run on them, and which of the starter's agents that makes them. */

export const github = {
  sub: "repo:acme/shop:ref:refs/heads/main",
  repository: "acme/shop",
  ref: "refs/heads/main",
  environment: "production",
};
export const pod = {
  sub: "system:serviceaccount:agents:fixer",
  "kubernetes.io": { namespace: "agents", serviceaccount: { name: "fixer", uid: "4ba7" } },
};
export const workload = { sub: "spiffe://mesh.example/agents/night-shift" };
export const rules = [
  {
    claims: { repository: "acme/shop", ref: "refs/heads/*", environment: "production" },
    agent: "agent:demo",
  },
  {
    claims: { "kubernetes.io.namespace": "agents", "kubernetes.io.serviceaccount.name": "fixer" },
    agent: "agent:other",
  },
  { claims: { sub: "spiffe://mesh.example/agents/*" }, agent: "agent:demo" },
  { claims: { team: "both" }, agent: "agent:demo" },
  { claims: { team: "bo*" }, agent: "agent:other" },
  { claims: { team: "twice" }, agent: "agent:demo" },
  { claims: { team: "twi*" }, agent: "agent:demo" },
  { claims: { team: "idle" }, agent: "agent:idle" },
];

/** The body that trusts an issuer, for these rules where none are given. */
export const trusted = (issuer: IssuerStandIn, more: object = {}): object => ({
  issuer: issuer.url,
  audience: issuer.audience,
  algorithms: ["RS256", "ES256", "EdDSA"],
  rules,
  ...more,
});

/** Who a token's bearer is, as the engine at `url` says it. */
export const whoamiAt = (url: string, token: string, headers: Record<string, string> = {}): Promise<Answer> =>
  new Caller("ci", url, token).send("GET", "/v1/whoami", undefined, headers);

export const detailOf = (answer: Answer): string => (answer.body as Problem).detail;
