import { createHash } from "node:crypto";
import { canonicalJson } from "../../core/canonical.ts";
import { approvalDigest, digestOf } from "../../core/digest.ts";
import { linkOf, type Link } from "../../core/evidence/entry.ts";
import { vkeyOf, type Signer } from "../../core/evidence/note.ts";
import { commitPayload } from "../../core/evidence/payload.ts";
import { isOver } from "../../core/machine/deadlines.ts";
import { foldAll } from "../../core/machine/fold.ts";
import { plainObject } from "../../core/plain-json.ts";
import { contractVersion, policyVersion } from "../../core/policy/version.ts";
import type { Event } from "../../schemas/event.ts";
import type { Openings } from "../../schemas/evidence.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { LedgerEntry } from "../../schemas/ledger.ts";
import type { Policy } from "../../schemas/policy.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import type { Payload } from "../../schemas/stored.ts";
import type { Dice } from "./dice.ts";
import { newSigner, sha256 } from "./log-keys.ts";

/** True evidence, made of what the real machine has written and by the engine's own chain; nothing of it ever saw an engine. */

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What became of a request: its events, as a walk through the machine gave them. */
export type Life = { readonly payload: Payload; readonly events: readonly Event[] };

/** An action with its chain. */
export type Told = Life & {
  readonly number: number;
  readonly policy: Policy;
  readonly links: readonly Link[];
  readonly opened: Openings;
  readonly classes: Readonly<Record<string, RetentionClass>>;
  readonly cards: Readonly<Record<number, JsonObject>>;
  /** How many of its entries are sealed; 0 where it is not over. */
  readonly sealed: number;
  erased: RetentionClass[];
};

/** A log with whatever was told of its actions. */
export type Story = {
  readonly workspace: string;
  readonly origin: string;
  /** In the order in which they came in. */
  readonly signers: readonly Signer[];
  readonly keyTimes: readonly { since: number; until: number | null }[];
  readonly told: readonly Told[];
  readonly lines: readonly string[];
};

/** Gives a life the digests and versions that an engine would have given it, and a chain. */
export function tell(life: Life, number: number, workspace: string, dice: Dice): Told {
  const { contract } = life.payload;
  const policy: Policy = { roles: {}, contracts: [contract] };
  const id = `act_${String(number).padStart(22, "0")}`;
  const version = contractVersion(contract, sha256Hex);
  const policyNow = policyVersion(policy, sha256Hex);
  const bare = { ...life.payload, id, workspace, contractVersion: version, policyVersion: policyNow };
  const payload = { ...bare, digest: approvalDigest(bare, sha256Hex) };
  const cards: Record<number, JsonObject> = {};
  const events = life.events.map((event): Event => {
    if (event.type === "requested") {
      return { ...event, data: { ...event.data, digest: payload.digest, policyVersion: policyNow } };
    }
    if (event.type !== "voted" || dice.chance(0.3)) return event;
    const card = { title: `for entry ${event.seq}`, digest: payload.digest };
    cards[event.seq] = card;
    return { ...event, data: { ...event.data, shown: { renderer: 1, card: digestOf(card, sha256Hex) } } };
  });
  const { commitments, openings } = commitPayload(payload, () => dice.salt(), sha256Hex);
  const links: Link[] = [];
  for (const event of events) {
    links.push(
      linkOf({ payload, commitments }, event, links.at(-1)?.hash ?? null, () => dice.salt(), sha256Hex),
    );
  }
  const byClass = retentionClasses.flatMap((name) =>
    Object.entries(openings[name] ?? {}).map(([pointer, opening]) => ({ name, pointer, opening })),
  );
  return {
    payload,
    events,
    number,
    policy,
    links,
    opened: Object.fromEntries(byClass.map(({ pointer, opening }) => [pointer, opening])),
    classes: Object.fromEntries(byClass.map(({ name, pointer }) => [pointer, name])),
    cards,
    sealed: isOver(payload, foldAll(payload, events)) ? events.length - sealedWithout(events, dice) : 0,
    erased: [],
  };
}

/** How many entries have come since it was sealed: a word or two on what is over. */
function sealedWithout(events: readonly Event[], dice: Dice): number {
  const said = events.findLastIndex(({ type }) => type !== "feedback" && type !== "late_command");
  return dice.chance(0.3) ? dice.below(events.length - said) : 0;
}

/** Writes the lines of a log: who asks for what in between is up to the dice. */
class Pen {
  readonly lines: string[] = [];
  at: number;
  readonly #workspace: string;

  constructor(workspace: string, at: number) {
    this.#workspace = workspace;
    this.at = at;
  }

  write(
    line: {
      [Kind in LedgerEntry["kind"]]: Omit<Extract<LedgerEntry, { kind: Kind }>, "v" | "workspace" | "at">;
    }[LedgerEntry["kind"]],
  ): void {
    this.at += 250;
    this.lines.push(canonicalJson(plainObject({ v: 1, workspace: this.#workspace, at: this.at, ...line })));
  }

  read(dice: Dice, told: Told | null): void {
    const by = { kind: "person", id: dice.pick(["person:ada", "person:grace"]) } as const;
    const route = "GET /v1/actions/:id/evidence";
    const outcome = dice.pick(["allowed", "refused"] as const);
    this.write({ kind: "access", by, route, action: told?.payload.id ?? null, asked: null, outcome });
  }
}

const engine = { kind: "engine", id: "engine" } as const;

export type StoryOptions = {
  readonly workspace?: string;
  readonly reads?: number;
  readonly rotated?: boolean;
  readonly erases?: number;
};

/** A log over these lives: opened, read, sealed, partly let go of, now and then under a new key. */
export function storyOf(lives: readonly Life[], dice: Dice, options: StoryOptions = {}): Story {
  const { workspace = "default", reads = 60, rotated = dice.chance(0.3), erases = 0.25 } = options;
  const origin = `holdpoint.example/${workspace}`;
  const signers = [newSigner(origin), ...(rotated ? [newSigner(origin)] : [])];
  const pen = new Pen(workspace, lives[0]?.payload.createdAt ?? 0);
  pen.write({ kind: "log", origin, key: vkeyOf(origin, signers[0]?.publicKey ?? new Uint8Array(), sha256) });
  const keyTimes: { since: number; until: number | null }[] = [{ since: pen.at, until: null }];
  const told = lives.map((life, index) => tell(life, index + 1, workspace, dice));
  const middle = Math.floor(told.length / 2);
  for (const [index, one] of told.entries()) {
    const { number, links, payload, sealed, events } = one;
    pen.write({ kind: "opened", number, action: payload.id, first: links[0]?.hash ?? "" });
    for (let count = dice.below(reads); count > 0; count -= 1) pen.read(dice, dice.chance(0.5) ? one : null);
    if (sealed > 0) {
      const last = links[sealed - 1];
      pen.write({
        kind: "sealed",
        number,
        action: payload.id,
        events: sealed,
        head: last?.hash ?? "",
        state: events[sealed - 1]?.state ?? "pending",
      });
      for (const name of retentionClasses) {
        // The evidence itself goes last, and only where everything else has gone.
        if (!dice.chance(name === "compliance" ? erases / 3 : erases)) continue;
        if (name === "compliance" && one.erased.length < 2) continue;
        one.erased.push(name);
        pen.write({
          kind: "erased",
          number,
          action: payload.id,
          class: name,
          ...(name === "compliance" && { evidence: true }),
          dueAt: pen.at,
          events: sealed,
          head: last?.hash ?? "",
          by: engine,
        });
      }
    }
    if (index === middle && rotated) {
      const until = pen.at + 1_000_000;
      const { publicKey = new Uint8Array() } = signers[1] ?? {};
      pen.write({
        kind: "key",
        key: vkeyOf(origin, publicKey, sha256),
        until,
        by: { kind: "person", id: "person:ada" },
      });
      const [first] = keyTimes;
      if (first !== undefined) first.until = until;
      keyTimes.push({ since: pen.at, until: null });
    }
    if (dice.chance(0.2)) pen.write({ kind: "held", hold: `hold_${number}`, scope: "all", by: engine });
  }
  for (let count = dice.below(reads); count > 0; count -= 1) pen.read(dice, null);
  return { workspace, origin, signers, keyTimes, told, lines: pen.lines };
}
