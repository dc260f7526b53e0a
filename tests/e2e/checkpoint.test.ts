import { afterAll, beforeAll, describe, test, vi } from "vitest";
import * as v from "valibot";
import { verifyConsistency } from "../../core/evidence/merkle.ts";
import { LedgerLines, LedgerProof, LedgerView } from "../../schemas/ledger-view.ts";
import { NewEndpoint } from "../../schemas/webhook-view.ts";
import { castOf, type Cast } from "../support/actors.ts";
import { Caller, type Answer } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { bytesOf, opened, sha256, signersOf, sshFault } from "../support/log.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What of the log leaves the engine, and what comes of it when the engine goes down. */

let engine: TestEngine;
let cast: Cast;
let stranger: Caller;
let receiver: Receiver;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  stranger = new Caller("nobody", engine.url, null);
  receiver = await startReceiver();
  const { secret } = v.parse(NewEndpoint, await cast.operator.post("/v1/webhooks", { url: receiver.url }));
  if (secret !== null) receiver.setSecrets(secret);
});

afterAll(async () => {
  await receiver?.close();
  await engine?.stop();
});

const status = async (): Promise<LedgerView> => v.parse(LedgerView, await cast.operator.get("/v1/ledger"));

/** Everything there is, signed now: asking for evidence is a line of the log, and is answered with it proven. */
async function signed(): Promise<LedgerView> {
  await cast.operator.get("/v1/evidence");
  return status();
}

/** Asked for, approved, claimed and reported as executed. */
async function run(): Promise<string> {
  const action = await cast.demo.asks();
  await cast.bob.approves(action);
  await cast.demo.reports(await cast.demo.claims(action), "succeeded");
  return action.id;
}

/** Comes back once the log has sealed an action, with the number that it gave it. */
async function sealed(id: string): Promise<number> {
  return vi.waitFor(
    async () => {
      const lines: { kind: string; action?: string; number?: number }[] = [];
      for (let from = 0; ; from += 100) {
        const page = v.parse(LedgerLines, await cast.operator.get(`/v1/ledger/entries?from=${from}`));
        lines.push(...page.items.map(({ text }) => JSON.parse(text) as { kind: string }));
        if (page.items.length < 100) break;
      }
      const own = lines.find(({ kind, action }) => kind === "sealed" && action === id);
      if (own?.number === undefined) throw new Error("not sealed yet");
      return own.number;
    },
    { timeout: 20_000, interval: 300 },
  );
}

/** What /checkpoint says, once it says at least so many lines: it may be some seconds behind. */
const published = (size: number, query = ""): Promise<Answer> =>
  vi.waitFor(
    async () => {
      const answer = await stranger.send("GET", `/checkpoint${query}`);
      const lines = Number(answer.text.split("\n")[1]);
      if (answer.status !== 200 || !(lines >= size)) throw new Error(`only ${answer.text}`);
      return answer;
    },
    { timeout: 20_000, interval: 200 },
  );

describe("the public checkpoint", () => {
  test("is a note that the log's key has signed, and grows into a log that goes on from it", async ({
    expect,
  }) => {
    const before = await signed();
    const first = await published(before.checkpoint!.size);
    expect(first.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(first.headers.get("cache-control")).toBe("public, max-age=10");
    const old = opened(first.text, before.keys);
    expect(old.origin).toBe("holdpoint/default");
    expect(old.signedBy).toEqual([before.keys[0]!.vkey]);

    const numbers = [await sealed(await run()), await sealed(await run())];
    expect(numbers[1]).toBe(numbers[0]! + 1);
    const after = await signed();
    const second = await published(after.checkpoint!.size);
    const grown = opened(second.text, before.keys);
    expect(grown.size).toBeGreaterThan(old.size);
    const { proof } = v.parse(
      LedgerProof,
      await cast.operator.get(`/v1/ledger/consistency?from=${old.size}&to=${grown.size}`),
    );
    const [from, to] = [bytesOf(old.root), bytesOf(grown.root)];
    expect(verifyConsistency(old.size, grown.size, from, to, proof.map(bytesOf), sha256)).toBe(true);

    await vi.waitFor(async () => {
      const ssh = await stranger.send("GET", "/checkpoint?form=ssh");
      const same = await stranger.send("GET", "/checkpoint");
      expect(sshFault({ note: same.text, ssh: [ssh.text] }, after.keys[0]!)).toBeNull();
    });
    const head = await stranger.send("HEAD", "/checkpoint");
    expect([head.status, head.text]).toEqual([200, ""]);
  });

  test("of a workspace that is not there is the same 404 as of anything else that is not there", async ({
    expect,
  }) => {
    const absent = await cast.operator.send("GET", "/v1/actions/act_AAAAAAAAAAAAAAAAAAAAAA");
    expect(absent.status).toBe(404);
    for (const name of [
      "nobody",
      "engine",
      "..%2Fdefault",
      "Default",
      "",
      "a".repeat(300),
      "default%2Fledger",
    ]) {
      const answer = await stranger.send("GET", `/checkpoint?workspace=${name}`);
      expect([name, answer.status, answer.text]).toEqual([name, 404, absent.text]);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    }
    const wrong = await stranger.send("GET", "/checkpoint?form=pdf");
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining("is note or ssh")]);
    expect((await stranger.send("POST", "/checkpoint")).status).toBe(405);
  });
});

describe("a webhook", () => {
  test("carries a checkpoint that opens with the log's key", async ({ expect }) => {
    const { keys, checkpoint } = await signed();
    const id = await vi.waitFor(
      async () => {
        const action = await cast.demo.asks();
        await receiver.until(({ received }) =>
          received.some(({ verified }) => verified?.data["id"] === action.id),
        );
        const [message] = receiver.received.filter(({ verified }) => verified?.data["id"] === action.id);
        const header = message?.headers["holdpoint-checkpoint"];
        if (typeof header !== "string") throw new Error("no checkpoint yet");
        const note = opened(Buffer.from(header, "base64").toString("utf8"), keys);
        if (note.size < checkpoint!.size) throw new Error("an older one");
        return note.signedBy;
      },
      { timeout: 30_000, interval: 500 },
    );
    expect(id).toEqual([keys[0]!.vkey]);
  });
});

describe("on the command line", () => {
  test("the log is shown, its checkpoint kept, and never over another", async ({ expect }) => {
    await signed();
    const line = new CommandLine(engine);
    try {
      const shown = await line.start(["ledger"]).ended;
      expect(shown.code, shown.stderr).toBe(0);
      expect(shown.stdout).toMatch(/\d+ lines, \d+ actions\n/u);
      expect(shown.stdout).toContain((await status()).keys[0]!.vkey);
      const kept = await line.start(["ledger", "checkpoint", "--out", "kept"]).ended;
      expect(kept.code, kept.stderr).toBe(0);
      const again = await line.start(["ledger", "checkpoint", "--out", "kept"]).ended;
      expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("EEXIST")]);
      const json = await line.start(["ledger", "checkpoint", "--json"]).ended;
      const checkpoint = v.parse(LedgerView.entries.checkpoint, JSON.parse(json.stdout))!;
      expect(signersOf(checkpoint, (await status()).keys)).toHaveLength(1);
      const refused = await line.start(["ledger", "rotate"]).ended;
      expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining("Only people")]);
    } finally {
      line.close();
    }
  });
});

describe("the engine goes down and comes back", () => {
  test.for(["kill -9 of the whole process group", "a polite stop"] as const)(
    "%s: the log has every line that it had, the same key, and goes on from the same numbers",
    async (way, { expect }) => {
      const number = await sealed(await run());
      const before = await signed();
      const lines = v.parse(LedgerLines, await cast.operator.get("/v1/ledger/entries")).items;
      if (way === "a polite stop") await engine.stop({ keep: true });
      else await engine.kill9();
      engine = await engine.restart();
      cast = castOf(engine);
      expect(
        v.parse(LedgerLines, await cast.operator.get("/v1/ledger/entries")).items.slice(0, lines.length),
      ).toEqual(lines);
      const next = await sealed(await run());
      expect(next).toBe(number + 1);
      const after = await signed();
      expect(after.keys).toEqual(before.keys);
      const [old, grown] = [before.checkpoint!, after.checkpoint!];
      expect(signersOf(grown, before.keys)).toEqual([before.keys[0]!.vkey]);
      const { proof } = v.parse(
        LedgerProof,
        await cast.operator.get(`/v1/ledger/consistency?from=${old.size}&to=${grown.size}`),
      );
      const [from, to] = [bytesOf(old.root), bytesOf(grown.root)];
      expect(verifyConsistency(old.size, grown.size, from, to, proof.map(bytesOf), sha256)).toBe(true);
    },
  );
});

describe("a new key", () => {
  test("is begun by a person who may make keys, and by nobody else; both sign from then on", async ({
    expect,
  }) => {
    const before = await signed();
    const asAgent = await cast.demo.send("POST", "/v1/ledger/rotate", {});
    expect(asAgent.status).toBe(403);
    const asService = await cast.operator.send("POST", "/v1/ledger/rotate", {});
    expect([asService.status, asService.text]).toEqual([403, expect.stringContaining("Only people")]);
    const scopes = ["keys:write", "evidence:read"];
    const given = await cast.operator.givesKey("person:alice", { scopes });
    const alice = new Caller("person:alice", engine.url, given);
    const key = "a-new-key-for-the-log";
    const rotated = v.parse(LedgerView, await alice.post("/v1/ledger/rotate", {}, { key }));
    expect(v.parse(LedgerView, await alice.post("/v1/ledger/rotate", {}, { key }))).toEqual(rotated);
    expect(rotated.keys).toHaveLength(before.keys.length + 1);
    const [fresh] = rotated.keys.slice(-1);
    expect(signersOf(rotated.checkpoint!, rotated.keys)).toEqual([fresh!.vkey, before.keys[0]!.vkey]);
    const note = await published(rotated.checkpoint!.size);
    expect(opened(note.text, before.keys).signedBy).toEqual([before.keys[0]!.vkey]);
    expect(opened(note.text, [fresh!]).signedBy).toEqual([fresh!.vkey]);
  });
});
