import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { PolicyInput } from "../../schemas/policy.ts";
import type { Document } from "../support/described.ts";
import { campaign, type Outcome } from "../support/generated/campaign.ts";
import { coverageOf, needless } from "../support/generated/coverage.ts";
import { doctorings } from "../support/generated/doctored.ts";
import { type Passed, startProxy } from "../support/generated/proxy.ts";
import { overWire } from "../support/generated/wire.ts";
import { proven } from "../support/proof.ts";
import { dataFolder, type SelfHost, startSelfHost } from "../support/selfhost.ts";

/**
 * Requests that are drawn from the description of the API, sent to a real engine through a proxy that holds every answer against that
 * same description. `HOLDPOINT_REQUESTS` says how many, `HOLDPOINT_SEED` which.
 */
const wanted = Number(process.env["HOLDPOINT_REQUESTS"] ?? 1_500);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** From here on everything that can be met is, whatever the dice say: both kinds of workspaces have been lived in. */
const wholeFrom = 3_000;

const place = dataFolder();
let engine: SelfHost;
let document: Document;

beforeAll(async () => {
  engine = await startSelfHost(place.folder, "--local", "--starter");
  document = (await (await fetch(`${engine.url}/openapi.json`)).json()) as Document;
}, 120_000);

afterAll(async () => {
  await engine?.stop();
  place.remove();
});

const starterPolicy = (): PolicyInput =>
  JSON.parse(
    readFileSync(new URL("../../scripts/starter/policy.json", import.meta.url), "utf8"),
  ) as PolicyInput;

/** What has to be said of a run, whole: the dice come to the same requests again by their seed. */
function print({ faults, met }: Outcome): string {
  for (const { operation, status, what, example } of faults) {
    console.log(`${operation} ${status}: ${what}\n  ${example}`);
  }
  const { documented, met: seen, missing } = coverageOf(document, met);
  if (missing.length > 0) console.log(`never met: ${missing.join(", ")}`);
  const statuses = new Map<string, number>();
  for (const [pair, times] of met) {
    const status = pair.slice(pair.lastIndexOf(" ") + 1);
    statuses.set(status, (statuses.get(status) ?? 0) + times);
  }
  const counts = [...statuses]
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([status, times]) => `${status}: ${times}`);
  return `${seen} of ${documented} documented answers met; ${counts.join(", ")}`;
}

describe("generated requests", () => {
  test("are answered as documented, and never by a 5xx", { timeout: 3_600_000 }, async ({ expect }) => {
    console.log(`generated: ${wanted}, HOLDPOINT_SEED=${seed}`);
    const setupToken = readFileSync(join(place.folder, "setup-token"), "utf8").trim();
    const policy = starterPolicy();
    const onProgress = (requests: number, faults: number): void =>
      console.log(`generated: ${requests} of ${wanted}, ${faults} kinds of faults`);
    const settings = { engine: engine.url, document, setupToken, policy };
    const outcome = await campaign({ ...settings, seed, wanted, onProgress });
    const notes = print(outcome);
    expect(outcome.faults.map(({ operation, status, what }) => `${operation} ${status} ${what}`)).toEqual([]);
    const { missing, stale } = coverageOf(document, outcome.met);
    // What is excused as out of reach must not have been met.
    expect(stale).toEqual([]);
    if (outcome.requests >= wholeFrom) expect(missing).toEqual([]);
    proven({ part: "generated", trials: outcome.requests, seed, notes });
  });

  test("come to answers that are all documented, and no excuse is for one that is not", ({ expect }) => {
    expect(needless(document)).toEqual([]);
  });
});

describe("the proxy", () => {
  const passThrough = async (name: string, isDoctored: boolean): Promise<Passed> => {
    const { ask, doctor } = doctorings[name]!;
    const passed: Passed[] = [];
    const proxy = await startProxy({
      engine: engine.url,
      document,
      onPassed: (one) => passed.push(one),
      ...(isDoctored && { doctor }),
    });
    const agent = new Agent();
    try {
      const isNobody = ask.path.includes("nobody");
      const headers = isNobody ? {} : { authorization: `Bearer ${engine.keys["operator"]}` };
      await overWire(proxy.url, { ...ask, headers, body: ask.body ?? null }, agent);
    } finally {
      agent.destroy();
      await proxy.close();
    }
    return passed[0]!;
  };

  test.for(Object.keys(doctorings))("sees %s", async (name, { expect }) => {
    expect((await passThrough(name, false)).faults).toEqual([]);
    expect((await passThrough(name, true)).faults).not.toEqual([]);
    proven({ part: "generated", controls: { found: 1, of: 1 } });
  });
});
