/**
 * Answers that the document names and no request of the campaign brings about, each with why. `seldom`: chance does so now and then,
 * so that nothing is said where it was met.
 */
export type Excuse = {
  readonly status: number;
  /** Of `GET /v1/actions`, the method with the address. */
  readonly operations: RegExp;
  readonly because: string;
  readonly seldom?: true;
};

export const excuses: readonly Excuse[] = [
  { status: 500, operations: /./u, because: "It is a fault wherever it is met." },
  {
    status: 503,
    operations: /^(?!POST \/v1\/actions$)/u,
    because:
      "The Registry or the log of the workspace cannot be read. Nothing takes them away here; tests/objects/ledger-faults and tests/e2e/policy-and-keys do.",
    seldom: true,
  },
  {
    status: 409,
    operations:
      /^(?:POST|PUT) \/v1\/(?!keys\/\{id\}\/rotate|keys\/collect|holds|workspace\/purge|actions\/\{id\}\/(?!break-glass$|feedback|seen))/u,
    because:
      "A limit of hundreds or thousands of one kind, a change that somebody makes between two reads of one call, or what is said of whatever takes a body. tests/objects/registry-* come to the limits.",
    seldom: true,
  },
  {
    status: 410,
    operations: /^(?:GET .*\/evidence|POST .*\/(?:break-glass|seen))$/u,
    because:
      "Of what was erased there is still the evidence; of the others the refusal before it is met first.",
    seldom: true,
  },
  {
    status: 404,
    operations: /^POST .*\/break-glass$|^POST \/v1\/sign-in-links$/u,
    because: "Only for those who may do it, and they are few: tests/e2e/break-glass comes to it.",
    seldom: true,
  },
  {
    status: 200,
    operations: /^POST \/(?:slack\/interactivity|v1\/guardrails\/\{type\}\/proposal)$/u,
    because:
      "Slack is not configured, and no guardrail has learnt enough to stand at deny: tests/e2e/slack, tests/e2e/guardrails.",
  },
  {
    status: 202,
    operations: /^POST \/v1\/guardrails\/\{type\}\/proposal$/u,
    because: "No guardrail has learnt enough to stand at deny: tests/e2e/guardrails.",
  },
  {
    status: 202,
    operations: /^POST \/v1\/dead-letters\/\{id\}\/retry$/u,
    because:
      "Most deliveries are tried for a day before they are dead letters; those of an endpoint that is removed are so at once.",
    seldom: true,
  },
  {
    status: 404,
    operations: /^PUT \/v1\/issuers\//u,
    because: "An id that can be none is a field of the body that does not fit.",
    seldom: true,
  },
  {
    status: 204,
    operations: /^DELETE \/v1\/slack\/links/u,
    because: "Slack is not configured, so that nobody is linked: tests/e2e/slack-people.",
  },
  {
    status: 401,
    operations: /^POST \/slack\/interactivity$/u,
    because: "Slack is not configured: tests/e2e/slack.",
  },
  {
    status: 413,
    operations: /^POST \/slack\/interactivity$/u,
    because: "Slack is not configured: tests/e2e/slack.",
  },
];
