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
];
