import { createHash, generateKeyPairSync, sign } from "node:crypto";
import * as v from "valibot";
import { linkOf } from "../../core/evidence/entry.ts";
import { leafHash, type Sha256 } from "../../core/evidence/merkle.ts";
import { checkpointText, signNote, type Signer } from "../../core/evidence/note.ts";
import { signSsh } from "../../core/evidence/sshsig.ts";
import { append, emptyFrontier, rootAt } from "../../core/evidence/tiles.ts";
import type { Command } from "../../core/machine/command.ts";
import { unborn } from "../../core/machine/fold.ts";
import { step } from "../../core/machine/step.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { duesOf } from "../../core/retention/dues.ts";
import {
  conceive,
  newSalt,
  openedRow,
  payloadRow,
  sha256Hex,
  stateRow,
} from "../../objects/action/sealing.ts";
import { Directory } from "../../schemas/directory.ts";
import type { Event } from "../../schemas/event.ts";
import { Contract } from "../../schemas/policy.ts";
import type { ActionState, Payload, StoredAction } from "../../schemas/stored.ts";
import { median } from "./statistics.ts";

/** What evidence costs one standard life in processor time: microseconds, medians of the rounds, in one process and without a server. */
export type EvidenceCost = {
  readonly events: number;
  /** The same rows as plain JSON text: what would be written if nothing had to be proven or forgotten. */
  readonly plain: number;
  /** Commitments, entries, hashes, and what is sealed: all rows that the object of the action writes. */
  readonly chain: number;
  /** Its two lines in the log, hashed into the tree, with its share of a checkpoint over a hundred lines signed twice. */
  readonly ledger: number;
  /** When each class of it is due, asked for after each of its commands. */
  readonly retention: number;
};

const startedAt = Date.UTC(2026, 0, 1, 12);
const digest = `sha256:${"a".repeat(64)}`;
const minute = 60_000;
const checkpointLines = 100;

const contract = v.parse(Contract, {
  type: "db.migrate",
  class: "production-change",
  risk: "high",
  args: { type: "object" },
  roles: ["remediation"],
  rule: { seat: "both", n: 2, from: ["group:dba"] },
});

const directory = v.parse(Directory, {
  version: 1,
  people: Object.fromEntries(
    ["alice", "bob", "omar"].map((name) => [`person:${name}`, { id: `person:${name}`, active: true }]),
  ),
  agents: { "agent:demo": { id: "agent:demo", owner: "person:omar", roles: ["remediation"], segments: [] } },
  groups: { dba: { id: "dba", members: ["person:alice", "person:bob"] } },
  delegations: [],
});

const payload: Payload = {
  id: "act_AAAAAAAAAAAAAAAAAAAAAA",
  workspace: "default",
  type: contract.type,
  contract,
  contractVersion: digest,
  policyVersion: digest,
  requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
  target: { resource: "orders-db", environment: "production" },
  args: { migration: "0042", statements: ["ALTER TABLE orders ADD COLUMN note text"] },
  reason: "Room for what the warehouse writes",
  context: { ticket: "OPS-1234", rows: 120_000 },
  preconditions: null,
  rollbackPlan: null,
  notBefore: null,
  notAfter: null,
  supersedes: null,
  callback: null,
  digest,
  decision: { outcome: "gate", because: "rule db.migrate" },
  createdAt: startedAt,
};

type Life = { readonly events: readonly Event[]; readonly states: readonly ActionState[] };

/** Asked for, approved by two, claimed, reported: what `npm run cost` counts, through the real machine. */
function standardLife(): Life {
  const agent = { kind: "agent", id: "agent:demo" } as const;
  const vote = (name: string): Command => ({
    type: "vote",
    actor: { kind: "person", id: `person:${name}` },
    decision: "approve",
    digest,
    reason: "The plan is the one we tried",
    via: "api",
  });
  const commands: Command[] = [
    { type: "create", actor: agent },
    vote("alice"),
    vote("bob"),
    { type: "claim", actor: agent, digest, preconditions: null, leaseId: "lease-of-the-bench" },
    {
      type: "report",
      actor: agent,
      lease: "lease-of-the-bench",
      fence: 1,
      outcome: "succeeded",
      effect: "none",
      summary: "Done in 4 s",
      evidence: { log: "https://ci.invalid/1" },
      startupMs: null,
    },
  ];
  const facts = { contract, directory, operator: false, outOfScope: null, judge };
  const events: Event[] = [];
  const states: ActionState[] = [];
  let state = unborn(payload);
  for (const [index, command] of commands.entries()) {
    const made = step(payload, state, command, facts, startedAt + index * minute);
    ({ state } = made);
    events.push(...made.events);
    states.push(state);
  }
  if (state.state !== "executed") throw new Error(`the life of the bench ended ${state.state}`);
  return { events, states };
}

const storedAt = (state: ActionState): StoredAction => ({
  schema: 1,
  state,
  origin: "https://holdpoint.invalid",
  subscribers: [],
  channels: [],
  alarmAt: startedAt,
  boardSeq: 0,
  boardDue: null,
  news: 0,
  reported: { answers: 0, notified: false },
  deadLetters: 0,
});

function writePlainly({ events, states }: Life): number {
  const texts = [payload, ...events, ...states.map(storedAt)].map((row) => JSON.stringify(row));
  return texts.reduce((sum, text) => sum + text.length, 0);
}

const env = { HOLDPOINT_SEAL_KEY: Buffer.alloc(32, 7).toString("base64") };

function writeSealed({ events, states }: Life): number {
  const there = conceive(payload, storedAt(unborn(payload)));
  let length = payloadRow(env, there).length;
  let prev: string | null = null;
  for (const event of events) {
    const link = linkOf({ payload, ...there.chained }, event, prev, newSalt, sha256Hex);
    length += link.text.length + (openedRow(there, event.seq, link)?.length ?? 0);
    prev = link.hash;
  }
  for (const state of states) length += stateRow({ ...there, stored: storedAt(state) }).length;
  return length;
}

const sha256: Sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const sha512: Sha256 = (bytes) => new Uint8Array(createHash("sha512").update(bytes).digest());

function newSigner(origin: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const der = publicKey.export({ format: "der", type: "spki" });
  return {
    origin,
    publicKey: new Uint8Array(der.subarray(-32)),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

/** A hundred lines taken in and signed. */
function writeLedger(signer: Signer): number {
  const line = JSON.stringify({
    v: 1,
    kind: "sealed",
    number: 1,
    action: payload.id,
    head: digest,
    events: 6,
  });
  const lines = Array.from({ length: checkpointLines }, (_, index) => leafHash(`${line}${index}`, sha256));
  const { frontier } = append(emptyFrontier, lines, sha256);
  const text = checkpointText(signer.origin, frontier.size, rootAt(frontier, sha256));
  const message = new TextEncoder().encode(text);
  return signNote(text, [signer], sha256).length + signSsh(message, signer, sha512).length;
}

/** Rounds of `seconds` each. */
export function measureEvidence({ rounds, seconds }: { rounds: number; seconds: number }): EvidenceCost {
  const life = standardLife();
  const signer = newSigner("bench.invalid/default");
  const held = { ephemeral: 40, operational: 400, compliance: 4_000 };
  const timed = (work: () => unknown): number =>
    median(Array.from({ length: rounds }, () => microsecondsOf(work, seconds * 1_000)));
  return {
    events: life.events.length,
    plain: timed(() => writePlainly(life)),
    chain: timed(() => writeSealed(life)),
    ledger: (timed(() => writeLedger(signer)) * 2) / checkpointLines,
    retention: timed(() => life.states.map((state) => duesOf(payload, state, held))),
  };
}

function microsecondsOf(work: () => unknown, forMs: number): number {
  const started = performance.now();
  let [calls, elapsed] = [0, 0];
  while (elapsed < forMs) {
    for (let index = 0; index < 20; index++) work();
    calls += 20;
    elapsed = performance.now() - started;
  }
  return (elapsed * 1_000) / calls;
}
