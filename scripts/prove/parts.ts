import { groups } from "../mutation/groups.ts";
import { filesOf, type Part } from "./part.ts";

/**
 * Everything that is proven by campaigns. A new part is a row here and a test, or a program, that calls `proven` with the row's
 * name. Those with a quick size are run by the "proof" step of `npm test`, and by no other; it has three minutes on two processors.
 */
export const parts: readonly Part[] = [
  {
    name: "search",
    proves:
      "Every reachable state of the real machine keeps the invariants I1 to I10, while votes, clocks, people, the policy, freezes and broken glass do what they may. The controls are machines with one mistake each, and the table with one guard or edge less, for every one of them.",
    unit: "states",
    runs: {
      files: [
        "tests/model/bugs.test.ts",
        "tests/model/exhaustive-policy.test.ts",
        "tests/model/exhaustive-people.test.ts",
        "tests/model/exhaustive.test.ts",
      ],
    },
    size: null,
    quick: 100_000,
    whole: 100_000,
    controls: 150,
  },
  {
    name: "random",
    proves:
      "Random commands, at random times, on random requests under contracts like none of the searched ones keep I1 to I10 at every step. The controls are machines with one mistake each.",
    unit: "steps",
    runs: { files: ["tests/model/random.test.ts"] },
    size: "HOLDPOINT_STEPS",
    quick: 60_000,
    whole: 10_000_000,
    shards: 2,
    controls: 30,
  },
  {
    name: "evidence",
    proves:
      "Evidence that was tampered with, in any of the ways of T16 and T26, is not taken for proven against a checkpoint that was kept. The controls are the verifier without one of its checks, for every one of them, and evidence without a checkpoint.",
    unit: "tamperings",
    runs: { files: ["tests/model/tampering.test.ts"] },
    size: "HOLDPOINT_TAMPERINGS",
    quick: 3_000,
    whole: 100_000,
    controls: 15,
  },
  {
    name: "retention",
    proves:
      "What an action still needs is not due to be forgotten, at any move of the search through the small worlds. The controls count from the end alone, and give an end to what goes on.",
    unit: "moves",
    runs: { files: ["tests/model/retention.test.ts"] },
    size: null,
    quick: 1_000_000,
    whole: 1_000_000,
    controls: 2,
  },
  {
    name: "quorum",
    proves:
      "Who fills which seat is decided as brute force decides it, on every roster of up to six people and six seats. The controls are the two matchers that come to mind first.",
    unit: "rosters",
    runs: { files: ["tests/unit/quorum.test.ts"] },
    size: null,
    quick: 435_224,
    whole: 435_224,
    controls: 2,
  },
  {
    name: "identities",
    proves:
      "T7: over random aliases, owners, delegations and agents that act for others, nobody decides on what is their own under any name, and no quorum is fewer people than it says. The controls take away the exclusions, the aliases, the owners and the classes of people who count as one.",
    unit: "graphs",
    runs: { files: ["tests/model/identity-graphs.test.ts"] },
    size: "HOLDPOINT_GRAPHS",
    quick: 40_000,
    whole: 1_000_000,
    controls: 4,
  },
  {
    name: "slack",
    proves:
      "T6: no request is taken for Slack's that is forged, stale, from the future, replayed or shifted. The controls take away one check each.",
    unit: "requests",
    runs: { files: ["tests/unit/slack-signature.test.ts"] },
    size: "HOLDPOINT_FORGERIES",
    quick: 50_000,
    whole: 1_000_000,
    controls: 8,
  },
  {
    name: "upgrade",
    proves:
      "Actions that an engine from before there was a chain has left are opened by this one with everything in them, also when it is killed at any write of the change. The control makes the change without a transaction.",
    unit: "actions and kills",
    runs: { files: ["tests/objects/old-actions.test.ts"] },
    size: null,
    quick: 11,
    whole: 11,
    controls: 1,
  },
  {
    name: "lives",
    proves:
      "I4, T13: a random life, written to real rows, is read back as it was, nothing of it stands there in clear, and whatever classes of it are let go of, the state is the fold of what is left of its log. The controls take the last entry from the log, every time.",
    unit: "lives and erasures",
    runs: { files: ["tests/objects/chain-walks.test.ts"] },
    size: "HOLDPOINT_LIVES",
    quick: 60,
    whole: 5_000,
    controls: 480,
  },
  {
    name: "kills",
    proves:
      "I11, P17: kill -9 of the real server at random moments under load loses nothing that was acknowledged, tears nothing, strands no clock, and tells each receiver once. The controls doctor what was found on disk and at the receiver.",
    unit: "kills",
    runs: { files: ["tests/e2e/kill.test.ts"] },
    size: "HOLDPOINT_KILLS",
    quick: 6,
    whole: 2_000,
    shards: 4,
    controls: 16,
    waits: true,
  },
  {
    name: "outages",
    proves:
      "P16, P17: while three of four calls to Slack, PagerDuty and a webhook fail and the engine is killed again and again, everybody is told of everything once, and of nothing that did not happen. The controls doctor what was found on disk and at the receivers.",
    unit: "notices",
    runs: { files: ["tests/e2e/outage-kills.test.ts"] },
    size: "HOLDPOINT_NOTICES",
    quick: null,
    whole: 5_000,
    shards: 2,
    controls: 14,
    waits: true,
  },
  {
    name: "workspaces",
    proves:
      "T9: every address, by every verb, by every role of another workspace answers for an id of ours as for one that is nobody's, to the byte, says nothing of ours and changes nothing of it. The controls are our own keys, which are told apart.",
    unit: "requests",
    runs: { files: ["tests/e2e/two-workspaces.test.ts"] },
    size: null,
    quick: 4_000,
    whole: 4_000,
    controls: 6,
    waits: true,
  },
  {
    name: "reads",
    proves:
      "P12: GET and HEAD on every address, by everybody, of what is there and what is not, write nothing; every answer, errors too, carries the security headers. The controls write something, and take away one header each.",
    unit: "requests",
    runs: { files: ["tests/e2e/reads.test.ts"] },
    size: null,
    quick: 4_000,
    whole: 4_000,
    controls: 6,
    waits: true,
  },
  {
    name: "histories",
    proves:
      "I1, I3, I11: what several callers do at once to one real action, with a kill -9 in the midst of it, is answered as by one thing that does one after the other: recorded over HTTP and searched for an order in which the real machine gives every answer. The controls are an await between reading and writing, in the real object and in a made-up one, and histories that were doctored.",
    unit: "histories",
    runs: { files: ["tests/e2e/histories.test.ts"] },
    size: "HOLDPOINT_HISTORIES",
    quick: 40,
    whole: 2_000,
    controls: 7,
  },
  {
    name: "crash-points",
    proves:
      "I11, P17: an engine that is killed the moment it comes to a place before or after an await of the objects or the Worker, at every such place that seven whole lives come to, loses nothing that was acknowledged, does nothing twice and tells everybody. The control is an object that answers before it writes.",
    unit: "crashes",
    runs: { files: ["tests/e2e/crash-points.test.ts"] },
    size: "HOLDPOINT_CRASH_POINTS",
    quick: 4,
    whole: 400,
    controls: 1,
  },
  {
    name: "mutation",
    proves:
      "The quorum, the clocks and the digest are held by quick tests: of small changes to that code they notice 95 of 100. Every other change is written down in tests/mutation, with why it may go unnoticed. Each group's control leaves out the tests of one file.",
    unit: "changes",
    runs: { command: ["node", "scripts/mutation/run.ts"] },
    each: groups.map(({ name }) => name),
    size: null,
    quick: null,
    whole: 380,
    controls: groups.length,
  },
];

/** The test files that the quick run makes: the "tests" step leaves them out, so that nothing is run twice. */
export const quickFiles: readonly string[] = parts.filter(({ quick }) => quick !== null).flatMap(filesOf);
