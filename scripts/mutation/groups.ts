/** What is changed together, and the tests that have to notice. Quick tests alone: each change runs those that come to it. */
export type Group = {
  readonly name: string;
  /** Files, or patterns of them. */
  readonly mutate: readonly string[];
  /** Test files below tests/, without `.test.ts`. */
  readonly tests: readonly string[];
  /** Beginnings of the names of tests that take seconds: what they find, others of the group find as well. */
  readonly slow?: readonly string[];
  /** How many of a hundred changes have to be noticed at least. */
  readonly least: number;
  /** A file of the group, and the tests without which its changes are not noticed any more. */
  readonly control: { readonly file: string; readonly without: readonly string[] };
};

export const groups: readonly Group[] = [
  {
    name: "digest",
    mutate: ["core/digest.ts", "core/canonical.ts"],
    tests: ["unit/digest", "unit/canonical"],
    least: 95,
    control: { file: "core/canonical.ts", without: ["unit/canonical"] },
  },
  {
    name: "quorum",
    mutate: ["core/quorum.ts"],
    tests: ["unit/quorum", "unit/quorum-nearest", "unit/standing"],
    slow: ["on every roster", "and the reduced rosters", "with n units in a seat", "which notices a matcher"],
    least: 95,
    control: { file: "core/quorum.ts", without: ["unit/quorum", "unit/quorum-nearest"] },
  },
  {
    name: "clocks",
    mutate: ["core/clocks.ts", "core/interval.ts"],
    tests: ["unit/clocks", "unit/interval"],
    least: 95,
    control: { file: "core/clocks.ts", without: ["unit/clocks"] },
  },
  /**
   * Whatever signs or verifies, on both sides. Not here, because only workerd runs it: objects/ledger/signatory.ts and log-keys.ts,
   * which sign checkpoints with what core/evidence has (tests/objects/ledger-signing.test.ts).
   */
  {
    name: "signatures",
    mutate: [
      "client/base64.ts",
      "client/grant.ts",
      "client/webhook.ts",
      "core/base64.ts",
      "core/bytes.ts",
      "core/evidence/merkle.ts",
      "core/evidence/note.ts",
      "core/evidence/sshsig.ts",
      "workers/channels/slack/signature.ts",
      "workers/channels/webhook.ts",
      "workers/grants.ts",
    ],
    tests: [
      "unit/client-grant",
      "unit/client-webhook",
      "unit/evidence-merkle",
      "unit/evidence-note",
      "unit/evidence-sshsig",
      "unit/grant-signed",
      "unit/slack-signature",
      "unit/webhook",
    ],
    slow: [
      "at random in a log of",
      "come out the same however many lines",
      "fill a tile of the second level",
      "are those of the RFC's own definition for every size",
      "of every leaf in, and of every size before",
      "that is read is what writing it gives, for any text",
      "never makes reading throw",
      "never says more than was signed",
    ],
    least: 95,
    control: { file: "client/grant.ts", without: ["unit/client-grant"] },
  },
  /**
   * Who a caller is, and what an agent may ask for. Not here, because only workerd runs it: workers/door.ts and the Registry as an
   * object (objects/registry/access.ts, store.ts); nor the routes that hand passes out and take the setup token
   * (workers/routes/session.ts, engine.ts), which are tried over HTTP.
   */
  {
    name: "authentication",
    mutate: [
      "core/identity.ts",
      "core/issuer.ts",
      "core/key-text.ts",
      "core/pass-text.ts",
      "core/scope.ts",
      "core/session.ts",
      "objects/registry/keys.ts",
      "objects/registry/rows/keys.ts",
      "objects/registry/rows/passes.ts",
      "objects/registry/sessions.ts",
      "workers/access.ts",
      "workers/auth.ts",
      "workers/cookie.ts",
      "workers/issuer-keys.ts",
      "workers/known.ts",
      "workers/local.ts",
      "workers/origin.ts",
      "workers/workload.ts",
    ],
    tests: [
      "unit/access-token",
      "unit/authentication",
      "unit/identity",
      "unit/issuer",
      "unit/issuer-keys",
      "unit/key-text",
      "unit/known",
      "unit/passes",
      "unit/reader",
      "unit/registry-keys",
      "unit/role-matrix",
      "unit/scope",
      "unit/workload-token",
    ],
    slow: ["are narrowed by the agent's own segments", "are a ceiling"],
    least: 95,
    control: {
      file: "workers/auth.ts",
      without: ["unit/access-token", "unit/authentication", "unit/issuer-keys", "unit/workload-token"],
    },
  },
  /** What a command does in a state. `command.ts` holds types alone. */
  {
    name: "machine",
    mutate: [
      "core/machine/counting.ts",
      "core/machine/glass.ts",
      "core/machine/glass-event.ts",
      "core/machine/guards.ts",
      "core/machine/refusals.ts",
      "core/machine/step.ts",
      "core/machine/transitions.ts",
    ],
    tests: [
      "unit/machine",
      "unit/machine-clocks",
      "unit/machine-glass",
      "unit/machine-log",
      "unit/machine-reports",
      "unit/machine-state",
      "unit/machine-words",
      "unit/machine-conditions",
      "unit/machine-refusals",
      "unit/machine-votes",
      "unit/break-glass",
      "unit/feedback",
      "unit/policy-modes",
      "unit/selectors",
      "unit/spin-edges",
    ],
    least: 95,
    control: { file: "core/machine/guards.ts", without: ["unit/machine", "unit/machine-refusals"] },
  },
  /** What the machine writes down, what time alone does, and the state that the log leads to. */
  {
    name: "log",
    mutate: ["core/machine/deadlines.ts", "core/machine/emissions.ts", "core/machine/fold.ts"],
    tests: [
      "unit/machine",
      "unit/machine-clocks",
      "unit/machine-glass",
      "unit/machine-log",
      "unit/machine-reports",
      "unit/machine-state",
      "unit/machine-words",
      "unit/machine-refusals",
      "unit/machine-votes",
      "unit/break-glass",
      "unit/feedback",
      "unit/spin-edges",
      "unit/timings",
    ],
    least: 95,
    control: { file: "core/machine/deadlines.ts", without: ["unit/machine-clocks", "unit/machine-state"] },
  },
  /**
   * What the policy says to one request. Left out is what reads conditions (held by the conformance cases of the expression language)
   * and what words the faults of arguments.
   */
  {
    name: "policy",
    mutate: [
      "core/policy/arguments.ts",
      "core/policy/decide.ts",
      "core/policy/evaluation.ts",
      "core/policy/staffing.ts",
      "core/policy/subject.ts",
      "core/policy/windows.ts",
    ],
    tests: [
      "unit/condition",
      "unit/decide",
      "unit/policy-arguments",
      "unit/policy-evaluation",
      "unit/policy-modes",
      "unit/windows",
    ],
    slow: ["T17 no published schema", "whatever is sent", "in whatever list"],
    least: 95,
    control: { file: "core/policy/decide.ts", without: ["unit/decide", "unit/policy-modes"] },
  },
  /**
   * What is looked at before a policy is published: whether its patterns are safe, what it changes, and where it asks for less. Left
   * out are the shape of the document and the remarks, which decide nothing.
   */
  {
    name: "published",
    mutate: ["core/policy/diff.ts", "core/policy/loosened.ts", "core/policy/pattern.ts"],
    tests: [
      "unit/policy-argument-schema",
      "unit/policy-check",
      "unit/policy-diff",
      "unit/policy-loosened",
      "unit/policy-pattern",
    ],
    slow: ["T17", "by its rule is found exactly"],
    least: 95,
    control: { file: "core/policy/loosened.ts", without: ["unit/policy-check", "unit/policy-loosened"] },
  },
];
