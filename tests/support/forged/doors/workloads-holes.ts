import type { Hole } from "../campaign.ts";

/** The checks on a workload's token, each taken out. */
const file = "workers/workload.ts";
const rules = "core/issuer.ts";
const keysFile = "workers/issuer-keys.ts";

const byName = { file, from: "one.issuer === iss", to: "iss.startsWith(one.issuer)" };
const inToken = { file, from: "      issuer: issuer.issuer,\n", to: "" };
const age = {
  file,
  from: "      maxTokenAge: Math.floor((durationMs(issuer.maxTokenAge) ?? 0) / 1_000),\n",
  to: "",
};

export const holes: readonly Hole[] = [
  {
    without: "the signature",
    changes: [
      {
        file,
        from: "await jwtVerify(token, keysOf(issuer, env), {",
        to: "await (async (t: string, ..._: unknown[]) => ({ payload: decodeJwt(t) }))(token, {",
      },
    ],
    way: "other claims under a genuine signature",
  },
  {
    without: "the list of algorithms",
    changes: [{ file, from: "algorithms: [...issuer.algorithms],", to: "" }],
    way: "an algorithm that is not in the list",
  },
  {
    without: "the audience",
    changes: [{ file, from: "audience: issuer.audience,", to: "" }],
    way: "for another audience",
  },
  {
    without: "the issuer to the letter",
    changes: [byName],
    way: "of an issuer with a longer name",
    covered: { by: "the issuer that the token is verified for", changes: [inToken] },
  },
  {
    without: "the issuer in the token",
    changes: [inToken],
    way: "of an issuer with a longer name",
    covered: { by: "the list, where it is looked up to the letter", changes: [byName] },
  },
  {
    without: "an end of the tolerance",
    changes: [{ file, from: "const clockTolerance = 30;", to: "const clockTolerance = 3_000_000;" }],
    way: "over",
  },
  {
    without: "the very second at which the tolerance ends",
    changes: [{ file, from: "const clockTolerance = 30;", to: "const clockTolerance = 31;" }],
    way: "over at this very second",
  },
  {
    without: "its beginning",
    changes: [{ file, from: "const clockTolerance = 30;", to: "const clockTolerance = 3_000_000;" }],
    way: "not valid yet",
  },
  {
    without: "an end being there",
    changes: [{ file, from: 'requiredClaims: ["exp", "iat"]', to: 'requiredClaims: ["iat"]' }],
    way: "without an end",
  },
  { without: "how old it may be", changes: [age], way: "issued too long ago" },
  { without: "when it was issued", changes: [age], way: "issued in the future" },
  {
    without: "a beginning being there",
    changes: [{ file, from: 'requiredClaims: ["exp", "iat"]', to: 'requiredClaims: ["exp"]' }],
    way: "without a beginning",
    covered: { by: "how old it may be, which cannot be said without", changes: [age] },
  },
  {
    without: "all claims of a rule",
    changes: [
      { file: rules, from: "pairs.length > 0 && pairs.every(", to: "pairs.length > 0 && pairs.some(" },
    ],
    way: "of another repository",
  },
  {
    without: "the claims",
    changes: [
      { file: rules, from: "rules.filter((rule) => ruleFits(rule, claims))", to: "rules.slice(0, 1)" },
    ],
    way: "of another repository",
  },
  {
    without: "one agent only",
    changes: [{ file: rules, from: "if (agents.length > 1)", to: "if (false)" }],
    way: "claims that fit two agents",
  },
  {
    without: "one reading of a claim only",
    changes: [{ file: rules, from: "|| more.length > 0", to: "" }],
    way: "a claim that can be read in two ways",
  },
  {
    without: "the type of a claim",
    changes: [
      {
        file: rules,
        from: 'if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return false;',
        to: "",
      },
    ],
    way: "a list instead of a claim",
  },
  {
    without: "looking whether the agent is active",
    changes: [{ file, from: "if (!isActiveAgent(snapshot, agent))", to: "if (false)" }],
    way: "for an agent that is off",
  },
  {
    without: "how long it may be",
    changes: [{ file, from: "if (token.length > maxTokenBytes)", to: "if (false)" }],
    way: "signed, and huge",
  },
  {
    without: "an end of the keys",
    changes: [{ file: keysFile, from: "const maxAgeMs = 10 * 60_000;", to: "const maxAgeMs = 1e12;" }],
    way: "of a key that was withdrawn",
  },
  {
    without: "whom the address of the keys speaks for",
    changes: [{ file: keysFile, from: "if (found.issuer === issuer)", to: "if (true)" }],
    way: "of keys that speak for another issuer",
  },
  {
    without: "what an issuer that was removed is worth",
    changes: [{ file: "objects/registry/issuers.ts", from: "deleteIssuer(sql, id);", to: "" }],
    way: "of an issuer that was removed",
  },
];
