import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { encodeBase64 } from "../../core/base64.ts";
import { consistencyProof, leafHash } from "../../core/evidence/merkle.ts";
import { exportEvidence, type Asked, type Summary } from "../../scripts/holdpoint/evidence/export.ts";
import { demandRoom } from "../../scripts/holdpoint/evidence/files.ts";
import { parseKept } from "../../scripts/holdpoint/evidence/log.ts";
import { logKey, madeCheckpoint, madeEntries, madeLines } from "../support/evidence-log.ts";
import { newSigner, sha256 } from "../support/log-keys.ts";
import type { EvidenceFigures } from "../../schemas/evidence-figures.ts";
import { evidenceFiguresOf } from "../support/evidence-figures.ts";
import { bundleSaying } from "../support/told-bundle.ts";
import { parseCsv } from "../support/tables.ts";

/** The folder of an export: whole or not there, begun once and gone on with, and of the log that the auditor knows. */

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "holdpoint-export-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const origin = "holdpoint.example/default";
const signer = newSigner(origin);
const allLines = madeLines(300, origin, signer, madeEntries());
const idOf = (number: number): string => `act_${String(number).padStart(22, "0")}`;

/** An engine with some actions, that can be cut off and whose log can be another. */
class Engine {
  lines = allLines;
  actions = 12;
  /** What it counts; null: whoever asks may not know. */
  figures: EvidenceFigures | null = evidenceFiguresOf();
  /** How many bundles it gives out before it is gone. */
  patience = Infinity;
  readonly asked: string[] = [];

  readonly client = createClient({
    url: "https://holdpoint.example",
    key: "hp_x",
    retry: { tries: 1, baseMs: 0, capMs: 0 },
    fetch: (url) => Promise.resolve(this.#answer(new URL(url))),
  });

  #answer(url: URL): Response {
    this.asked.push(`${url.pathname}${url.search}`);
    const number = (name: string): number => Number(url.searchParams.get(name));
    const { pathname } = url;
    if (pathname === "/v1/metrics") return this.#figures();
    if (pathname === "/v1/whoami") return Response.json(whoami);
    if (pathname === "/v1/evidence") return Response.json(this.#list(number("after"), number("limit")));
    if (pathname === "/v1/ledger/entries") {
      const end = Math.min(number("from") + number("limit"), number("size"), this.lines.length);
      const items = this.lines.slice(number("from"), end);
      return Response.json({ items: items.map((text, at) => ({ index: number("from") + at, text })) });
    }
    if (pathname === "/v1/ledger") {
      return Response.json({ size: 1, checkpoint: null, keys: [logKey(signer)] });
    }
    if (pathname === "/v1/ledger/consistency") {
      const hashes = this.lines.slice(0, number("to")).map((line) => leafHash(line, sha256));
      const proof = consistencyProof(number("from"), hashes, sha256).map(encodeBase64);
      return Response.json({ from: number("from"), to: number("to"), proof });
    }
    const [, action = ""] = /^\/v1\/actions\/(act_\d+)\/evidence$/u.exec(pathname) ?? [];
    this.patience -= 1;
    if (this.patience < 0) return Response.json({ code: "internal", detail: "gone" }, { status: 500 });
    return Response.json({ ...bundleSaying("text"), action, number: Number(action.slice(4)) });
  }

  #figures(): Response {
    const none = { count: 0, byType: [], byRisk: [], byGroup: [] };
    const stages = ["notified", "seen", "firstVote", "decided", "claimed", "finished"];
    const queueTime = Object.fromEntries(stages.map((stage) => [stage, {}]));
    const others = { window: "24h", pending: none, queueTime, underFiveSeconds: {}, reviewers: [] };
    if (this.figures !== null) return Response.json({ ...others, evidence: this.figures });
    return Response.json({ code: "forbidden", detail: "It takes metrics:read." }, { status: 403 });
  }

  #list(after: number, limit: number): object {
    const numbers = Array.from({ length: this.actions }, (_, index) => index + 1).filter(
      (one) => one > after,
    );
    const items = numbers.slice(0, limit).map((number) => ({ number, action: idOf(number), type: "x" }));
    const nextAfter = items.length < limit ? null : (items.at(-1)?.number ?? null);
    return { items, nextAfter, checkpoint: madeCheckpoint(this.lines, [signer]) };
  }
}

const whoami = { id: "service:auditor", kind: "service", workspace: "default", scopes: ["evidence:read"] };

function askedOf(parts: { typed?: string; kept?: string } = {}): Asked {
  const { typed = "the same", kept = null } = parts;
  const lines = kept === null ? null : parseKept(kept, "kept");
  return {
    folder: join(home, "out"),
    typed,
    question: { since: null, until: null, type: null, kept: lines?.size ?? null },
    kept: lines === null || kept === null ? null : { lines, note: kept },
  };
}

const run = ({ client }: Engine, asked: Asked = askedOf()): Promise<Summary> =>
  exportEvidence(client, asked, () => undefined);
const read = (name: string): string => readFileSync(join(home, "out", name), "utf8");
const bundlesAsked = ({ asked }: Engine): number =>
  asked.filter((one) => one.includes("/evidence?at=")).length;

describe("an export", () => {
  test("holds all that an auditor is told to look for, and says what each file's sum is", async ({
    expect,
  }) => {
    const engine = new Engine();
    const summary = await run(engine);
    expect(readdirSync(home)).toEqual(["out"]);
    expect(readdirSync(join(home, "out")).toSorted()).toEqual([
      "README.txt",
      "access.csv",
      "actions.csv",
      "allowed_signers",
      "bundles",
      "checkpoint",
      "checkpoint.sig",
      "checkpoint.txt",
      "events.csv",
      "figures.json",
      "index.html",
      "ledger.jsonl",
      "log.vkey",
      "reads.csv",
      "retention.csv",
      "summary.json",
      "votes.csv",
    ]);
    expect(summary).toMatchObject({ actions: 12, events: 36, votes: 12, checkpoint: { size: 300 } });
    expect(JSON.parse(read("summary.json"))).toEqual(summary);
    expect(Object.keys(summary.files)).toHaveLength(12 + 15);
    for (const [name, sum] of Object.entries(summary.files)) {
      expect(createHash("sha256").update(read(name)).digest("hex"), name).toBe(sum);
    }
    expect(parseCsv(read("actions.csv"))).toHaveLength(1 + 12);
    expect(parseCsv(read("access.csv"))).toHaveLength(1 + summary.accesses);
    const indexes = read("ledger.jsonl")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).index);
    expect(indexes).toEqual(Array.from({ length: 300 }, (_, index) => index));
    const bundle = engine.asked.find((one) => one.includes("/evidence?at="));
    expect(bundle).toContain("at=300");
  });

  test("has the figures of retention and reads, and does without where the key may not know", async ({
    expect,
  }) => {
    const engine = new Engine();
    await run(engine);
    expect(JSON.parse(read("figures.json"))).toEqual(engine.figures);
    const [head, ...rows] = parseCsv(read("retention.csv"));
    expect(head?.slice(0, 5)).toEqual(["class", "due", "gone", "late", "held"]);
    const { retention, reads } = evidenceFiguresOf();
    expect(rows.map((row) => row.slice(0, 5))).toEqual(
      retention.map(({ class: name, due, done, late, held }) => [name, due, done, late, held].map(String)),
    );
    expect(parseCsv(read("reads.csv"))).toHaveLength(1 + reads.length);
    expect(read("README.txt")).toContain("retention.csv");
    rmSync(join(home, "out"), { recursive: true });

    engine.figures = null;
    await run(engine);
    expect(readdirSync(join(home, "out"))).not.toContain("figures.json");
    expect(read("README.txt")).not.toContain("retention.csv");
  });

  test("of nothing is an export with nothing in it, and still with a log and keys", async ({ expect }) => {
    const engine = new Engine();
    engine.actions = 0;
    expect(await run(engine)).toMatchObject({ actions: 0 });
    expect(read("allowed_signers")).toBe(
      `${origin} namespaces="holdpoint-checkpoint" ${logKey(signer).ssh}\n`,
    );
    expect(read("index.html")).toContain("</html>");
  });

  test("asks for page after page", async ({ expect }) => {
    const engine = new Engine();
    engine.actions = 201;
    expect(await run(engine)).toMatchObject({ actions: 201 });
    expect(engine.asked.filter((one) => one.startsWith("/v1/evidence?"))).toHaveLength(3);
  });

  test("that is cut off leaves no folder of its name, and is gone on with where it stopped", async ({
    expect,
  }) => {
    const engine = new Engine();
    engine.patience = 5;
    await expect(run(engine)).rejects.toThrow("gone");
    expect(readdirSync(home)).toEqual(["out.partial"]);
    expect(existsSync(join(home, "out.partial", "summary.json"))).toBe(false);
    const there = readdirSync(join(home, "out.partial", "bundles")).length;
    expect(there).toBe(5);

    const again = new Engine();
    // The log has grown meanwhile: what was begun is still proven in the checkpoint that it began with.
    again.lines = [...allLines, ...allLines.slice(50, 60)];
    expect(await run(again)).toMatchObject({ actions: 12, checkpoint: { size: 300 } });
    expect(bundlesAsked(again)).toBe(12 - there);
    expect(readdirSync(home)).toEqual(["out"]);
  });

  test("of something else begins anew", async ({ expect }) => {
    const engine = new Engine();
    engine.patience = 5;
    await expect(run(engine)).rejects.toThrow("gone");
    const again = new Engine();
    again.lines = [...allLines, ...allLines.slice(50, 60)];
    expect(await run(again, askedOf({ typed: "other" }))).toMatchObject({ checkpoint: { size: 310 } });
    expect(bundlesAsked(again)).toBe(12);
  });

  test("replaces an earlier one as a whole, and nothing else ever", async ({ expect }) => {
    const folder = join(home, "out");
    await run(new Engine());
    expect(() => demandRoom(folder, false)).toThrow("--force");
    demandRoom(folder, true);
    const engine = new Engine();
    engine.actions = 3;
    await run(engine);
    expect(readdirSync(join(folder, "bundles"))).toHaveLength(3);
    expect(readdirSync(home)).toEqual(["out"]);

    const other = join(home, "photographs");
    mkdirSync(other);
    demandRoom(other, true);
    writeFileSync(join(other, "me.jpg"), "x");
    expect(() => demandRoom(other, true)).toThrow("is no export");
    mkdirSync(join(home, "out.partial"));
    writeFileSync(join(home, "out.partial", "me.jpg"), "x");
    await expect(run(new Engine())).rejects.toThrow("no unfinished export");
    expect(existsSync(join(home, "out.partial", "me.jpg"))).toBe(true);
  });
});

describe("an export with a checkpoint that was kept", () => {
  const kept = madeCheckpoint(allLines.slice(0, 200), [signer]).note;

  test("holds the proof that nothing before it was changed", async ({ expect }) => {
    const engine = new Engine();
    expect(await run(engine, askedOf({ kept }))).toMatchObject({ consistentSince: 200 });
    expect(read("kept-checkpoint")).toBe(kept);
    expect(JSON.parse(read("consistency.json"))).toMatchObject({ since: 200, size: 300 });
    expect(engine.asked.some((one) => one.includes("at=300&since=200"))).toBe(true);
  });

  test("ends where the log has become shorter", async ({ expect }) => {
    const engine = new Engine();
    engine.lines = allLines.slice(0, 150);
    await expect(run(engine, askedOf({ kept }))).rejects.toThrow("lines were taken away");
    expect(existsSync(join(home, "out"))).toBe(false);
  });

  test("ends where a line before it was changed", async ({ expect }) => {
    const engine = new Engine();
    engine.lines = allLines.with(77, `${allLines[77]} `);
    await expect(run(engine, askedOf({ kept }))).rejects.toThrow("something in its first lines was changed");
  });

  test("ends where it is another log's", async ({ expect }) => {
    const other = madeCheckpoint(allLines, [newSigner("holdpoint.example/other")]).note;
    await expect(run(new Engine(), askedOf({ kept: other }))).rejects.toThrow("is of the log");
  });

  test("is refused where the file holds something else", ({ expect }) => {
    expect(() => parseKept("hello\n", "notes.txt")).toThrow("notes.txt is no checkpoint");
  });
});

describe("an export of a log", () => {
  test("with a line missing ends", async ({ expect }) => {
    const engine = new Engine();
    const { client } = engine;
    const list = await client.evidence.list({ after: 0, limit: 100 });
    engine.lines = allLines.slice(0, 250);
    const lying = {
      ...client,
      evidence: { ...client.evidence, list: () => Promise.resolve(list) },
    };
    await expect(exportEvidence(lying, askedOf(), () => undefined)).rejects.toThrow("has no line 250");
    expect(existsSync(join(home, "out"))).toBe(false);
  });

  test("whose lines do not come to the signed root ends", async ({ expect }) => {
    const engine = new Engine();
    const { client } = engine;
    const list = await client.evidence.list({ after: 0, limit: 100 });
    engine.lines = allLines.with(5, `${allLines[5]} `);
    const lying = {
      ...client,
      evidence: { ...client.evidence, list: () => Promise.resolve(list) },
    };
    await expect(exportEvidence(lying, askedOf(), () => undefined)).rejects.toThrow("come to the root");
  });
});
