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
    shards: 2,
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
    name: "forged",
    proves:
      "T6, T13, T15, T20, T21: no API key, session, sign-in link, ticket, setup token, workload's token, Cloudflare Access token, webhook or grant is taken that is forged, stale, used already, somebody else's, another workspace's or spelt otherwise. The controls are the product without one of its checks, for every one of them.",
    unit: "requests",
    runs: { files: ["tests/unit/forged.test.ts"] },
    size: "HOLDPOINT_FORGED",
    quick: 3_600,
    whole: 1_000_000,
    shards: 2,
    controls: 139,
  },
  {
    name: "forged-http",
    proves:
      "T6: the same forgeries over HTTP, at a real engine's own addresses, let nobody in either. The controls are engines that are built without one check.",
    unit: "requests",
    runs: { files: ["tests/e2e/forged.test.ts"] },
    size: "HOLDPOINT_FORGED_HTTP",
    quick: null,
    whole: 6_000,
    controls: 2,
    waits: true,
  },
  {
    name: "upgrade",
    proves:
      "What engines of every earlier schema have left, actions, Boards, Registries and ledgers, is opened by this one with everything in it, also when it is killed at any write of the change; what the next one adds is opened by this one, and what it must not overlook is refused. The controls make the change without a transaction.",
    unit: "openings and kills",
    runs: { files: ["tests/objects/old-actions.test.ts", "tests/objects/migrations.test.ts"] },
    size: null,
    quick: 230,
    whole: 230,
    controls: 5,
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
    shards: 2,
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
    whole: 200,
    shards: 2,
    controls: 16,
    waits: true,
  },
  {
    name: "kills-selfhost",
    proves:
      "I11, P17: the same of the engine that `npm run selfhost` runs, under plain workerd: it is there again so much sooner that it can be killed ten times as often.",
    unit: "kills",
    runs: { files: ["tests/e2e/kill.test.ts"] },
    size: "HOLDPOINT_KILLS",
    env: { HOLDPOINT_UNDER: "selfhost" },
    quick: null,
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
    name: "generated",
    proves:
      "Requests drawn from the OpenAPI document, for every operation, by everybody, right, nearly right and hostile, go to the real engine through a proxy that holds every answer against the same document: no 5xx, and status, headers, content type and body as documented. Every documented answer is met, but for those that are listed with why. The controls are wrong answers, which the proxy sees.",
    unit: "requests",
    runs: { files: ["tests/e2e/generated.test.ts"] },
    size: "HOLDPOINT_REQUESTS",
    quick: 1_500,
    whole: 50_000,
    shards: 2,
    controls: 23,
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
    shards: 2,
    controls: 7,
    waits: true,
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
    waits: true,
  },
  {
    name: "spin",
    proves:
      "I1, I3, I5, I6, I10, I11: the protocol between the parts, as a model for Spin whose edges are made from the machine's table, searched to its end in fifteen worlds: calls that are late, doubled and lost, an object that forgets what is not durable, alarms, leases, two queues, the Board, a receiver and a channel. It is the model that is proven, and not the code (docs/spin.md). The controls are models with one mistake each.",
    unit: "states",
    runs: { files: ["tests/model/spin.test.ts"] },
    size: "HOLDPOINT_SPIN_STATES",
    quick: null,
    whole: 10_000_000,
    controls: 17,
  },
  {
    name: "storms",
    proves:
      "While clocks jump by weeks and back, alarms go off early, late, twice and a hundred at once, the queue, the Board or the disk is out for ten minutes, the platform gives alarms up, and queues deliver every message five times in any order, every action comes to what the plain machine comes to that meets each deadline to the millisecond; nothing is overdue for more than alarm and sweep may take, every notice ends delivered or dead, and the Board says what the actions say. The controls do without the sweep, clear an alarm before its work, take a caller's clock, trust the order of messages at the Board and at a receiver, and take what comes twice.",
    unit: "lives",
    runs: { files: ["tests/objects/storms.test.ts"] },
    size: "HOLDPOINT_STORMS",
    quick: 8,
    whole: 600,
    shards: 6,
    controls: 6,
  },
  {
    name: "soak",
    proves:
      "Half an hour of mixed load on plain workerd beside 10,000 actions that wait leaves its memory flat and costs each action its rows and no more; all that was acknowledged is there, and everybody was told. The control keeps every body it is sent.",
    unit: "minutes",
    runs: { files: ["tests/e2e/soak.test.ts"] },
    size: "HOLDPOINT_SOAK_MINUTES",
    quick: null,
    whole: 30,
    controls: 1,
    waits: true,
    env: { HOLDPOINT_SOAK_PENDING: "10000" },
  },
  {
    name: "mutation",
    proves:
      "The state machine, its log, the policy, the quorum, the clocks, the digest, what signs and verifies, and what lets a caller in are held by quick tests: of small changes to that code they notice 95 of 100. Every other change is written down in tests/mutation, with why it may go unnoticed. Each group's control leaves out the tests of one file.",
    unit: "changes",
    runs: { command: ["node", "scripts/mutation/run.ts"] },
    each: groups.map(({ name }) => name),
    size: null,
    quick: null,
    whole: 6_390,
    controls: groups.length,
  },
];

/** The test files that the quick run makes: the "tests" step leaves them out, so that nothing is run twice. */
export const quickFiles: readonly string[] = parts.filter(({ quick }) => quick !== null).flatMap(filesOf);
