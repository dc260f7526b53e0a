import { describe, test } from "vitest";
import { agentOfClaims, issuerFaults } from "../../core/issuer.ts";
import type { Issuer, IssuerRule } from "../../schemas/issuer.ts";

const rule = (claims: Record<string, string>, agent = "agent:ci"): IssuerRule => ({ claims, agent });
const agentOf = (rules: IssuerRule[], claims: Record<string, unknown>): string | null => {
  const found = agentOfClaims(rules, claims);
  return found.ok ? found.value : null;
};

describe("claims", () => {
  const pod = { "kubernetes.io": { namespace: "agents", serviceaccount: { name: "fixer" } } };
  const cases: [string, IssuerRule, Record<string, unknown>, boolean][] = [
    ["by their value", rule({ sub: "a" }), { sub: "a" }, true],
    [
      "by a glob",
      rule({ sub: "repo:acme/*:ref:refs/heads/?" }),
      { sub: "repo:acme/x:ref:refs/heads/m" },
      true,
    ],
    ["all of them", rule({ sub: "a", ref: "b" }), { sub: "a", ref: "c" }, false],
    ["that are there", rule({ sub: "a", ref: "*" }), { sub: "a" }, false],
    ["by case", rule({ sub: "A" }), { sub: "a" }, false],
    ["by the whole text", rule({ sub: "a" }), { sub: "ab" }, false],
    ["that are numbers", rule({ repository_id: "42" }), { repository_id: 42 }, true],
    ["that are truths", rule({ verified: "true" }), { verified: true }, true],
    ["that are no lists", rule({ groups: "a" }), { groups: ["a"] }, false],
    ["that are no objects", rule({ a: "*" }), { a: {} }, false],
    ["that are not null", rule({ a: "*" }), { a: null }, false],
    ["inside others", rule({ "kubernetes.io.serviceaccount.name": "fixer" }), pod, true],
    ["inside others, to the end", rule({ "kubernetes.io.serviceaccount": "*" }), pod, false],
    ["not inside a text", rule({ "sub.x": "*" }), { sub: "a" }, false],
    ["not inside nothing", rule({ "a.b": "*" }), { a: null }, false],
    ["not in lists", rule({ "a.0": "x" }), { a: ["x"] }, false],
    ["not twice", rule({ "a.b": "x" }), { "a.b": "x", a: { b: "x" } }, false],
    ["not of the prototype", rule({ constructor: "*" }), {}, false],
    ["not of a text", rule({ "sub.length": "1" }), { sub: "a" }, false],
    ["and no rule fits without any", rule({}), { sub: "a" }, false],
  ];
  test.for(cases)("fit %s", ([, given, claims, fits], { expect }) => {
    expect(agentOf([given], claims)).toBe(fits ? "agent:ci" : null);
  });

  test("name one agent or none", ({ expect }) => {
    const rules = [rule({ sub: "a*" }), rule({ sub: "*b" }, "agent:other"), rule({ sub: "abc*" })];
    expect(agentOf(rules, { sub: "ac" })).toBe("agent:ci");
    expect(agentOf(rules, { sub: "b" })).toBe("agent:other");
    expect(agentOf(rules, { sub: "ab" })).toBeNull();
    expect(agentOf(rules, { sub: "abcd" })).toBe("agent:ci");
    expect(agentOf([], { sub: "a" })).toBeNull();
  });
});

describe("an issuer", () => {
  const github = "https://token.actions.githubusercontent.com";
  const issuerOf = (more: Partial<Issuer>): Issuer => ({
    id: "ci",
    description: null,
    issuer: github,
    jwksUrl: null,
    audience: "holdpoint/default",
    algorithms: ["RS256"],
    rules: [rule({ repository: "acme/shop" })],
    maxTokenAge: "1h",
    ...more,
  });
  const faultsOf = (more: Partial<Issuer>, allowLoopback = false): string[] =>
    issuerFaults(issuerOf(more), { allowLoopback }).map(({ pointer }) => pointer);

  const owners: [issuer: string, claims: string[]][] = [
    ["https://gitlab.com", ["sub", "project_path", "project_id", "namespace_path", "namespace_id"]],
    ["https://accounts.google.com", ["sub", "email"]],
  ];
  test.for(owners)("of %s, who signs for everybody, needs an owner", ([issuer, names], { expect }) => {
    const faults = (claims: Record<string, string>): string[] => faultsOf({ issuer, rules: [rule(claims)] });
    expect(faults({ aud: "holdpoint" })).toEqual(["/rules/0/claims"]);
    for (const name of names) {
      expect(faults({ [name]: "acme" }), name).toEqual([]);
      expect(faults({ [name]: "ac*", aud: "holdpoint" }), name).toEqual(["/rules/0/claims"]);
    }
    expect(issuerFaults(issuerOf({ issuer, rules: [rule({ aud: "x" })] }), { allowLoopback: false })).toEqual(
      [
        {
          pointer: "/rules/0/claims",
          detail: `would let in anybody with an account there; name one of ${names.join(", ")} without a wildcard`,
        },
      ],
    );
  });

  const owned: [string, Record<string, string>, boolean][] = [
    ["a repository", { repository: "acme/shop" }, true],
    ["a repository by its number", { repository_id: "42", ref: "refs/heads/*" }, true],
    ["an owner", { repository_owner: "acme" }, true],
    ["a subject of one owner", { sub: "repo:acme/*" }, true],
    ["any repository", { repository: "*" }, false],
    ["anybody's shop", { repository: "*/shop" }, false],
    ["owners that begin alike", { repository: "acme*" }, false],
    ["any subject", { sub: "repo:*" }, false],
    ["subjects of owners that begin alike", { sub: "repo:acme*" }, false],
    ["a repository that looks like a subject", { repository: "repo:acme/*" }, false],
    ["a subject of an owner that anything may stand before", { sub: "*repo:acme/*" }, false],
    ["a branch", { ref: "refs/heads/main" }, false],
    ["an environment", { environment: "production" }, false],
  ];
  test.for(owned)("that signs for everybody takes a rule for %s: %o", ([, claims, fine], { expect }) => {
    expect(faultsOf({ rules: [rule(claims)] })).toEqual(fine ? [] : ["/rules/0/claims"]);
  });

  test("of one's own may be trusted by any claim but a star", ({ expect }) => {
    const own = { issuer: "https://oidc.acme.com" };
    expect(faultsOf({ ...own, rules: [rule({ ref: "refs/heads/main" })] })).toEqual([]);
    expect(faultsOf({ ...own, rules: [rule({ ref: "*", sub: "?*" })] })).toEqual(["/rules/0/claims"]);
    // One claim by its value is enough, and so is a star with something to it.
    expect(faultsOf({ ...own, rules: [rule({ ref: "*", sub: "a" })] })).toEqual([]);
    expect(faultsOf({ ...own, rules: [rule({ ref: "*x" })] })).toEqual([]);
  });

  test("says what is wrong with it, in words", ({ expect }) => {
    const said = (more: Partial<Issuer>): string[] =>
      issuerFaults(issuerOf(more), { allowLoopback: false }).map(({ detail }) => detail);
    expect(said({ rules: [rule({ ref: "*" })] })).toEqual([
      "fits every token; name at least one claim by its value",
    ]);
    expect(said({ rules: [rule({ ref: "refs/heads/main" })] })).toEqual([
      "would let in anybody with an account there; name one of sub, repository, repository_id, repository_owner, repository_owner_id without a wildcard",
    ]);
    const jwksUrl = "https://oidc.acme.com/keys";
    expect(said({ issuer: "nonsense", jwksUrl })).toEqual(["is not a URL"]);
    expect(said({ issuer: "http://oidc.acme.com", jwksUrl })).toEqual(["does not start with https://"]);
  });

  test("may be on this machine, and its keys, where a developer's engine is", ({ expect }) => {
    const rules = [rule({ sub: "a" })];
    const [issuer, jwksUrl] = ["http://127.0.0.1:1234", "http://127.0.0.1:1234/keys"];
    expect(faultsOf({ issuer, jwksUrl, rules }, true)).toEqual([]);
    expect(faultsOf({ issuer, jwksUrl, rules })).toEqual(["/issuer", "/jwksUrl"]);
  });

  test("has a public address, or its keys have one", ({ expect }) => {
    const cluster = "https://kubernetes.default.svc.cluster.local";
    const rules = [rule({ sub: "a" })];
    expect(faultsOf({ issuer: cluster, rules })).toEqual(["/issuer"]);
    expect(faultsOf({ issuer: cluster, rules, jwksUrl: "https://oidc.acme.com/keys" })).toEqual([]);
    expect(faultsOf({ issuer: cluster, rules, jwksUrl: "https://10.0.0.1/keys" })).toEqual(["/jwksUrl"]);
    expect(
      faultsOf({ issuer: "http://oidc.acme.com", rules, jwksUrl: "https://oidc.acme.com/keys" }),
    ).toEqual(["/issuer"]);
    expect(faultsOf({ issuer: "http://127.0.0.1:1234", rules })).toEqual(["/issuer"]);
    expect(faultsOf({ issuer: "http://127.0.0.1:1234", rules }, true)).toEqual([]);
  });
});
