import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { afterAll, describe, test } from "vitest";
import { Bundle } from "../../schemas/bundle.ts";
import type { Checkpoint } from "../../schemas/ledger.ts";
import { LedgerLines, type LedgerView } from "../../schemas/ledger-view.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { Dice } from "../support/dice.ts";
import { storyOf } from "../support/evidence.ts";
import { checkpointAt, Tree } from "../support/evidence-bundle.ts";
import { lifeIn, worldsOf } from "../support/lives.ts";
import { actionsOnDisk } from "../support/disk.ts";
import { EvidenceLoad, type Moment, moments } from "../support/evidence-load.ts";
import { type EvidenceRecord, faultsOf, forksIn, gapsIn, leftIn } from "../support/evidence-record.ts";
import { ledgersOnDisk, lostLines, tornLedger } from "../support/ledger-disk.ts";
import { torn } from "../support/record.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/**
 * Kill -9 of the whole process group while actions are sealed, checkpoints signed and classes let go of.
 * `HOLDPOINT_KILLS` says how often, `HOLDPOINT_SEED` when.
 */
const kills = Number(process.env["HOLDPOINT_KILLS"] ?? 6);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const agents = 3;
/** So many requests are answered before the moment that a kill is to fall into is waited for. */
const answered = { fewest: 2, more: 40 };

let engine: TestEngine;
/** What the campaign leaves for the checks: the same record that they must find fault with once it is doctored. */
let record: EvidenceRecord;

afterAll(async () => {
  await engine?.stop();
});

async function prepare(): Promise<Cast> {
  engine = await startEngine();
  const cast = castOf(engine);
  const clocks = { pendingTtl: "23h", approvalTtl: "23h", leaseTtl: "10m", executionMax: "23h" };
  // Nothing is due while this goes on: whatever goes is asked for.
  const after = { ephemeral: "1d" };
  const fields = { "/args/what": "ephemeral", "/words": "ephemeral" } as const;
  await cast.operator.adopts(contractOf("kill.life", { clocks, retention: { fields, after } }));
  return cast;
}

/** Does it for each, four at a time. */
async function forEach<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items].values();
  const go = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all([go(), go(), go(), go()]);
}

/** All that an auditor gets: every action sealed, one checkpoint over all of it, the lines up to there, and each bundle proven in it. */
async function recordOf(
  { auditor }: Cast,
  load: EvidenceLoad,
  keys: readonly string[],
): Promise<EvidenceRecord> {
  const ids = new Set([
    ...(ledgersOnDisk(engine.stateDir).get("default")?.actions ?? []).map(({ action }) => action),
    ...load.ended,
  ]);
  await forEach(ids, async (id) => load.takesAway(id));
  const { checkpoint } = await auditor.get<{ checkpoint: Checkpoint }>("/v1/evidence?limit=1");
  const lines: string[] = [];
  while (lines.length < checkpoint.size) {
    const path = `/v1/ledger/entries?from=${lines.length}&size=${checkpoint.size}`;
    lines.push(...v.parse(LedgerLines, await auditor.get(path)).items.map(({ text }) => text));
  }
  const since = Math.min(...load.kept.map(({ size }) => size));
  const bundles = new Map<string, Bundle>();
  await forEach(ids, async (id) => {
    const path = `/v1/actions/${id}/evidence?at=${checkpoint.size}&since=${since}`;
    bundles.set(id, v.parse(Bundle, await auditor.get(path)));
  });
  const { kept, ended, shown, erases } = load;
  return { lines, checkpoint, kept: [...kept], keys, bundles, ended, shown: [...shown], erases: [...erases] };
}

/** Erasures that stand in the log and came no further: what the kill has left for whoever asks again. */
const stranded = ({ bundles, erases }: EvidenceRecord): number =>
  erases.filter(({ action, class: name, acknowledged }) => {
    const bundle = bundles.get(action);
    const isThere = bundle !== undefined && (leftIn(bundle)?.get(name)?.there ?? 0) > 0;
    return !acknowledged && isThere && bundle.log.erased.some(({ text }) => text.includes(`"${name}"`));
  }).length;

/** The log on disk as a kill has left it, before anything has had a chance to mend it. */
class Watch {
  #lines: readonly string[] = [];
  #seen = 0;

  faults(load: EvidenceLoad, upSince: number): string[] {
    const written = actionsOnDisk(engine.stateDir, upSince - 2_000);
    const ledger = ledgersOnDisk(engine.stateDir).get("default");
    if (ledger === undefined) return ["gap: there is no log"];
    const fresh = load.kept.slice(this.#seen);
    const faults = [
      ...[...written.values()].flatMap(torn),
      ...lostLines(this.#lines, ledger.lines),
      ...tornLedger(ledger, this.#lines.length),
      ...forksIn(ledger.lines, fresh),
      ...load.faults,
    ];
    this.#lines = ledger.lines;
    this.#seen += fresh.length;
    return faults;
  }
}

describe(`${kills} kills -9 during seal, checkpoint and erasure`, () => {
  test(
    "leave no gap, no fork and nothing let go of by half",
    { timeout: 180_000 + kills * 30_000 },
    async ({ expect }) => {
      console.log(`evidence kills: ${kills} kills, HOLDPOINT_SEED=${seed}`);
      const dice = new Dice(seed);
      const cast = await prepare();
      const { keys } = await cast.auditor.get<LedgerView>("/v1/ledger");
      const load = new EvidenceLoad(cast, new Dice(seed + 1));
      const days = [...Array.from({ length: agents }, () => load.work()), load.audit()];
      const working = Promise.all(days);
      // A fault of the load itself ends the campaign where it is awaited.
      working.catch(() => undefined);
      const watch = new Watch();
      const hit: Record<Moment, number> = { seal: 0, checkpoint: 0, erase: 0 };

      for (let kill = 1; kill <= kills; kill += 1) {
        const upSince = Date.now();
        load.open();
        await Promise.race([load.answers(answered.fewest + dice.below(answered.more)), working]);
        const into = dice.pick(moments);
        await Promise.race([load.next(into), working]);
        await delay(dice.next() * load.tookMs(into));
        for (const moment of moments) hit[moment] += Math.min(1, load.underWay[moment]);
        load.shut();
        await engine.kill9();
        expect(watch.faults(load, upSince)).toEqual([]);
        engine = await engine.restart();
      }

      load.open();
      load.end();
      await working;
      // For the checks of the checks, whatever the dice have left: one that is whole, and one that is not.
      await load.live();
      await load.letsGo(await load.live(), ["ephemeral"]);
      const listed = keys.map(({ vkey }) => vkey);
      const after = await recordOf(cast, load, listed);
      expect(faultsOf(after)).toEqual([]);
      expect(new Set(after.bundles.keys())).toEqual(load.ended);
      const left = stranded(after);
      const lost = load.unanswered.length;
      // Asked for again, each comes to its end, by the line that it has.
      await load.erasesAgain();
      record = await recordOf(cast, load, listed);
      expect(faultsOf(record)).toEqual([]);
      expect(stranded(record)).toBe(0);
      const sealed = after.lines.filter((line) => line.includes('"kind":"sealed"')).length;
      console.log(
        `evidence kills: ${kills} kills (${hit.seal} into a seal, ${hit.checkpoint} a checkpoint, ${hit.erase} an erasure), ` +
          `${load.ended.size} lives, ${sealed} seals, ${load.kept.length} checkpoints kept, ${load.proofs} shown to go on, ` +
          `${after.lines.length} lines, ${after.erases.length - lost} erasures acknowledged, ${lost} not ` +
          `(${left} of them with their line and their values), ${load.repeats} commands sent again; HOLDPOINT_SEED=${seed}`,
      );
    },
  );
});

describe("the checks of the campaign find", { timeout: 60_000 + kills * 10_000 }, () => {
  const faultsWith = (parts: Partial<EvidenceRecord>): string[] => faultsOf({ ...record, ...parts });
  const kinds = (faults: readonly string[]): string[] =>
    [...new Set(faults.map((fault) => fault.split(":", 1)[0] ?? ""))].toSorted();
  const lineOf = (kind: string): number =>
    record.lines.findIndex((line) => line.includes(`"kind":"${kind}"`));
  /** A bundle of which nothing was let go of, and the last of those of which something was. */
  const whole = (): [string, Bundle] =>
    [...record.bundles].find(([, { erased, entries }]) => erased.length === 0 && entries.length > 1)!;
  const partly = (): [string, Bundle] =>
    [...record.bundles].findLast(([, { erased, entries }]) => erased.length > 0 && entries.length > 0)!;
  const withBundle = (action: string, bundle: Bundle): Partial<EvidenceRecord> => ({
    bundles: new Map([...record.bundles, [action, bundle]]),
  });
  const closed = (bundle: Bundle, pointers: readonly string[]): Bundle => ({
    ...bundle,
    entries: bundle.entries.map((entry) => {
      const openings = Object.fromEntries(
        Object.entries(entry.openings).filter(([pointer]) => !pointers.includes(pointer)),
      );
      return { ...entry, openings };
    }),
  });

  test("a gap: a line that is not there, a number left out, and an end that the log never heard of", ({
    expect,
  }) => {
    expect(kinds(faultsWith({ lines: record.lines.toSpliced(lineOf("opened"), 1) }))).toContain("gap");
    const later = record.lines.map((line) => line.replace('"number":2,', '"number":3,'));
    expect(gapsIn(record.lines)).toEqual([]);
    expect(gapsIn(later)).not.toEqual([]);
    const nowhere = `act_${"x".repeat(22)}`;
    expect(faultsWith({ ended: new Set([nowhere]) })).toEqual([
      `gap: ${nowhere} was acknowledged, and the log has never seen it`,
    ]);
    const [action, bundle] = whole();
    const unsealed = { ...bundle, log: { ...bundle.log, sealed: null } };
    expect(faultsWith(withBundle(action, unsealed))).toContain(`gap: ${action} is over, and has no seal`);
  });

  test("a fork: another line in a place, a tail that was cut off, another end than was sealed or shown", ({
    expect,
  }) => {
    const at = lineOf("access");
    const other = record.lines.with(at, record.lines[at]!.replace(/"id":"[^"]*"/u, '"id":"service:else"'));
    expect(kinds(faultsWith({ lines: other }))).toEqual(["fork", "verifier"]);
    const cut = record.kept.reduce((most, one) => (one.size > most.size ? one : most));
    const short = record.lines.slice(0, cut.size - 1);
    expect(forksIn(short, [cut])).toEqual([
      `fork: a checkpoint of ${cut.size} lines was signed, and there are ${cut.size - 1}`,
    ]);
    const [action, bundle] = whole();
    const shorter = { ...bundle, entries: bundle.entries.slice(0, -1) };
    expect(kinds(faultsWith(withBundle(action, shorter)))).toEqual(["fork", "verifier"]);
    const [shown] = record.shown;
    const elsewhere = { ...shown!, head: `sha256:${"0".repeat(64)}` };
    expect(kinds(faultsWith({ shown: [elsewhere] }))).toEqual(["fork"]);
  });

  test("a log that two were signed of", ({ expect }) => {
    const dice = new Dice(seed);
    const lives = worldsOf(8, seed).map((world) => lifeIn(world, dice));
    const story = storyOf(lives, dice, { rotated: false, erases: 0 });
    const { lines } = story;
    const recordIn = (parts: Partial<EvidenceRecord>): EvidenceRecord => ({
      lines,
      checkpoint: checkpointAt(story, new Tree(lines), lines.length),
      kept: [],
      keys: [],
      bundles: new Map(),
      ended: new Set(),
      shown: [],
      erases: [],
      ...parts,
    });
    const early = checkpointAt(story, new Tree(lines), lines.length - 5);
    const forks = (parts: Partial<EvidenceRecord>): string[] =>
      faultsOf(recordIn(parts)).filter((fault) => fault.startsWith("fork"));
    expect(forks({ kept: [early] })).toEqual([]);
    // The same key, and another line in the middle: each of the two is in perfect order by itself.
    const at = lines.findIndex((line) => line.includes('"kind":"access"'));
    const second = lines.with(
      at,
      lines[at]!.replace(/"outcome":"\w+"/u, '"outcome":"refused"').replace(/"asked":null/u, '"asked":"x"'),
    );
    const forked = { ...story, lines: second };
    const signed = checkpointAt(forked, new Tree(second), second.length - 5);
    expect(forks({ kept: [signed] })).toEqual([
      `fork: the first ${second.length - 5} lines are not those of a checkpoint that was signed`,
    ]);
  });

  test("half of a purge: a class without its line, one of its values left, and one that was said to be gone", ({
    expect,
  }) => {
    const [action, bundle] = whole();
    const silently = faultsWith(withBundle(action, closed(bundle, ["/context", "/args/what", "/reason"])));
    expect(silently.join("\n")).toContain("and the log does not say so");
    const half = faultsWith(withBundle(action, closed(bundle, ["/context"])));
    expect(half.join("\n")).toMatch(/half-purge: .* ephemeral: \d of \d values are left/u);
    const [other, gone] = partly();
    const { class: name } = gone.erased[0]!;
    const unsaid = record.lines.filter((line) => !(line.includes('"erased"') && line.includes(other)));
    expect(kinds(faultsWith({ lines: unsaid }))).toContain("half-purge");
    const asked = { action, class: name, acknowledged: true };
    expect(faultsWith({ erases: [...record.erases, asked] })).toEqual([
      `half-purge: ${action} ${name}: acknowledged as gone, and still there`,
    ]);
    const erases = record.erases.filter((one) => one.action !== other);
    expect(kinds(faultsWith({ erases }))).toEqual(["half-purge"]);
    const denied = { ...gone, erased: [] };
    expect(kinds(faultsWith(withBundle(other, denied)))).toEqual(["half-purge"]);
  });
});
