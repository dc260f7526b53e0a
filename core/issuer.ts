import type { Issuer, IssuerRule } from "../schemas/issuer.ts";
import type { ProblemField } from "../schemas/problem.ts";
import { refuse, ok, type Result } from "./result.ts";
import { globMatches } from "./scope.ts";
import { webhookUrlFault } from "./webhook-url.ts";

/**
 * Which agent a verified token speaks for, and which rules may be trusted with that. The token itself is verified elsewhere;
 * what is unclear here is refused.
 */

type Claims = Readonly<Record<string, unknown>>;

/** The agent that the claims name: every rule that fits them must name the same one. The error says what was wrong. */
export function agentOfClaims(rules: readonly IssuerRule[], claims: Claims): Result<string, string> {
  const agents = [...new Set(rules.filter((rule) => ruleFits(rule, claims)).map(({ agent }) => agent))];
  const [agent] = agents;
  if (agent === undefined) return refuse("no rule of this issuer fits the claims of the token");
  if (agents.length > 1) return refuse(`the claims of the token fit rules for ${agents.join(" and ")}`);
  return ok(agent);
}

function ruleFits({ claims: wanted }: IssuerRule, claims: Claims): boolean {
  const pairs = Object.entries(wanted);
  return pairs.length > 0 && pairs.every(([path, glob]) => claimFits(claims, path, glob));
}

/**
 * A claim fits by its one value. Names may hold dots themselves, so `kubernetes.io.namespace` can be read in more than one
 * way: where a token gives two readings a value each, neither is believed. Lists and objects are no values.
 */
function claimFits(claims: Claims, path: string, glob: string): boolean {
  const [value, ...more] = readingsOf(claims, path.split("."));
  if (value === undefined || more.length > 0) return false;
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return false;
  return globMatches(glob, String(value));
}

function readingsOf(value: unknown, parts: readonly string[]): unknown[] {
  if (parts.length === 0) return [value];
  if (!isClaims(value)) return [];
  return parts.flatMap((_, index) => {
    const name = parts.slice(0, index + 1).join(".");
    return Object.hasOwn(value, name) ? readingsOf(value[name], parts.slice(index + 1)) : [];
  });
}

const isClaims = (value: unknown): value is Claims =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Issuers that sign for everybody in the world, with the claims that say for whom. A rule there must name one of them without a
 * wildcard, or it would let in whoever has an account.
 */
const sharedIssuers: Readonly<Record<string, readonly string[]>> = {
  "https://token.actions.githubusercontent.com": [
    "sub",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
  ],
  "https://gitlab.com": ["sub", "project_path", "project_id", "namespace_path", "namespace_id"],
  "https://accounts.google.com": ["sub", "email"],
};

/** What is wrong with an issuer that fits its schema, by field. `allowLoopback` on a developer's own machine only. */
export function issuerFaults(
  { issuer, jwksUrl, rules }: Omit<Issuer, "id">,
  { allowLoopback }: { allowLoopback: boolean },
): ProblemField[] {
  const fault = addressFault(issuer, jwksUrl, allowLoopback);
  const jwksFault = jwksUrl === null ? null : webhookUrlFault(jwksUrl, { allowLoopback });
  return [
    ...(fault === null ? [] : [{ pointer: "/issuer", detail: fault }]),
    ...(jwksFault === null ? [] : [{ pointer: "/jwksUrl", detail: jwksFault }]),
    ...rules.flatMap((rule, index) => ruleFaults(issuer, rule, index)),
  ];
}

/** With `jwksUrl` the issuer is only a name, which inside a cluster need not be public; without it, it is called. */
function addressFault(issuer: string, jwksUrl: string | null, allowLoopback: boolean): string | null {
  if (jwksUrl === null) return webhookUrlFault(issuer, { allowLoopback });
  const parsed = URL.parse(issuer);
  if (parsed === null) return "is not a URL";
  return parsed.protocol === "https:" || webhookUrlFault(issuer, { allowLoopback }) === null
    ? null
    : "does not start with https://";
}

function ruleFaults(issuer: string, { claims }: IssuerRule, index: number): ProblemField[] {
  const pointer = `/rules/${index}/claims`;
  if (Object.values(claims).every((glob) => /^[*?]+$/u.test(glob))) {
    return [{ pointer, detail: "fits every token; name at least one claim by its value" }];
  }
  const owners = Object.hasOwn(sharedIssuers, issuer) ? sharedIssuers[issuer] : undefined;
  if (owners === undefined || owners.some((name) => isOwned(name, claims[name]))) return [];
  const detail = `would let in anybody with an account there; name one of ${owners.join(", ")} without a wildcard`;
  return [{ pointer, detail }];
}

/** A subject is owned once its owner is written out: `repo:acme/*`, and not `repo:*`. */
function isOwned(name: string, glob: string | undefined): boolean {
  if (glob === undefined) return false;
  if (!/[*?]/u.test(glob)) return true;
  return name === "sub" && /^[a-z_]+:[^*?:/]+\//u.test(glob);
}
