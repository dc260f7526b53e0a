import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { EventView } from "../../schemas/action.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { CommandLine } from "../support/command-line.ts";
import { actionsOnDisk, type DiskAction } from "../support/disk.ts";
import { Load, randomOf } from "../support/load.ts";
import { skews } from "../support/moment.ts";
import { type Ack, gaps, lostAcks } from "../support/record.ts";
import { dataFolder, runScript, type SelfHost, startSelfHost, until } from "../support/selfhost.ts";

/**
 * A back-up of an engine at work: what was acknowledged before it began is in it, and all parts of it are of one moment.
 * `HOLDPOINT_BACKUPS` says how many are made one after the other, `HOLDPOINT_SEED` how the load goes.
 */
const backups = Number(process.env["HOLDPOINT_BACKUPS"] ?? 2);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const agents = 3;
/** Work before each back-up: so many commands answered, and so many actions of which the log has the end. */
const ackedEach = 30;
const sealedEach = 3;

const options = ["--local", "--starter", "--sweep-every", "1"];
const verifier = fileURLToPath(new URL("../../dist/holdpoint-verify.mjs", import.meta.url));

const Made = v.object({
  files: v.number(),
  engine: v.picklist(["running", "stopped"]),
  heldMs: v.number(),
  manifest: v.string(),
});
type Backup = v.InferOutput<typeof Made> & { readonly folder: string; readonly acks: readonly Ack[] };

const place = dataFolder();
const beside = (name: string): string => join(dirname(place.folder), name);
const taken: Backup[] = [];
let restored: SelfHost | null = null;
/** The log's own word from just before the last back-up. */
let checkpoint = "";

async function backUp(to: string): Promise<v.InferOutput<typeof Made>> {
  const ran = await runScript("selfhost/backup.ts", "--data", place.folder, "--to", to, "--json");
  if (ran.status !== 0) throw new Error(ran.stderr);
  return v.parse(Made, JSON.parse(ran.stdout));
}

const sealedIn = (folder: string): number =>
  [...actionsOnDisk(folder).values()].filter(({ stored }) => stored.sealed !== undefined).length;

const knownToLog = ({ payload, stored }: DiskAction): string[] =>
  stored.number === undefined ? [] : [payload.id];

/** The log's own word of this moment: asking for evidence has it written down and signed. */
async function checkpointOf(cast: Cast, acks: readonly Ack[]): Promise<string> {
  const [{ action }] = acks as [Ack];
  const bundle = await cast.auditor.get<Bundle>(`/v1/actions/${action}/evidence`);
  return bundle.log.checkpoint.note;
}

const restore = (from: string, data: string, ...more: string[]): ReturnType<typeof runScript> =>
  runScript("selfhost/restore.ts", "--from", from, "--data", data, ...more);

/** What is served may have to be built first. */
const buildMs = 120_000 + backups * 30_000;

beforeAll(async () => {
  console.log(`HOLDPOINT_SEED=${seed}`);
  const engine = await startSelfHost(place.folder, ...options);
  try {
    const cast = castOf(engine);
    const clocks = { pendingTtl: "23h", approvalTtl: "23h", leaseTtl: "10m", executionMax: "23h" };
    const rule = { seat: "both", n: 2, from: ["group:oncall"] };
    const parts = { clocks, rule, rollback: { window: "7d", auto: "failed" } } as const;
    await cast.operator.adopts(contractOf("kill.run", parts), contractOf("kill.quick", parts));
    const load = new Load(cast, randomOf(seed));
    load.open();
    const work = Promise.all(Array.from({ length: agents }, () => load.work()));
    for (let index = 0; index < backups; index += 1) {
      await until(() => {
        const enough =
          load.acks.length >= ackedEach * (index + 1) && sealedIn(place.folder) >= sealedEach * (index + 1);
        return enough ? true : null;
      });
      // Whatever has been answered by now. What is answered while it is made may be in it or not.
      const acks = [...load.acks];
      checkpoint = await checkpointOf(cast, acks);
      const folder = beside(`backup-${index}`);
      taken.push({ ...(await backUp(folder)), folder, acks });
    }
    load.end();
    await work;
  } finally {
    await engine.kill9();
  }
}, buildMs);
afterAll(async () => {
  await restored?.stop();
  place.remove();
});

/** Logs of all these actions, read over HTTP. */
async function logsOf(cast: Cast, ids: Iterable<string>): Promise<Map<string, EventView[]>> {
  const logs = new Map<string, EventView[]>();
  const left = [...new Set(ids)].values();
  const read = async (): Promise<void> => {
    for (const id of left) logs.set(id, await cast.auditor.readsLog({ id }));
  };
  await Promise.all([read(), read(), read(), read()]);
  return logs;
}

const bytesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted();

test("of an engine at work holds it for a moment, and all that was acknowledged before is there after kill -9 and a restore elsewhere", async ({
  expect,
}) => {
  const last = taken.at(-1)!;
  expect(last.engine).toBe("running");
  expect(last.acks.length).toBeGreaterThanOrEqual(ackedEach * backups);
  console.log(
    taken
      .map(({ heldMs, files, acks }) => `held ${heldMs} ms: ${files} files, ${acks.length} acks`)
      .join("; "),
  );
  const data = beside("restored");
  const ran = await restore(last.folder, data, "--manifest", last.manifest);
  expect(ran.status, ran.stderr).toBe(0);
  for (const name of ["seal-key", "setup-token", "dev.json"]) {
    expect(statSync(join(data, name)).mode & 0o777, name).toBe(0o600);
  }
  restored = await startSelfHost(data, ...options);
  const cast = castOf(restored);
  const logs = await logsOf(
    cast,
    last.acks.map(({ action }) => action),
  );
  expect(lostAcks(last.acks, logs)).toEqual([]);
  expect([...logs].flatMap(([id, log]) => gaps(id, log))).toEqual([]);
  // The other end of the same rope: an action that is not in the copy is found missing.
  expect(lostAcks([{ ...last.acks[0]!, seq: 99 }], logs)).toHaveLength(1);
  expect(restored.errors()).toBe("");
});

/** A back-up whose objects of some classes are those of another one. */
function mixed(name: string, one: Backup, classes: readonly string[], other: Backup): string {
  const folder = beside(`mixed-${name}`);
  cpSync(one.folder, folder, { recursive: true });
  for (const of of classes) {
    rmSync(join(folder, "storage", of), { recursive: true });
    cpSync(join(other.folder, "storage", of), join(folder, "storage", of), { recursive: true });
  }
  return folder;
}

describe("all objects of a back-up", () => {
  test("are of one moment", ({ expect }) => {
    for (const { folder } of taken) expect(skews(folder)).toEqual([]);
  });

  test("would be found not to be, were lists and log copied before the actions, or after them", ({
    expect,
  }) => {
    const [first, last] = [taken[0]!, taken.at(-1)!];
    expect(skews(mixed("older", last, ["Board", "Ledger"], first))).not.toEqual([]);
    expect(skews(mixed("newer", first, ["Board", "Ledger"], last))).not.toEqual([]);
    expect(skews(mixed("log", last, ["Ledger"], first)).join()).toContain("the log has said");
    expect(skews(mixed("lists", last, ["Board"], first)).join()).toContain("the Board has confirmed");
  });
});

test("evidence from before a back-up verifies after it is restored, all of it, against the checkpoint of then", async ({
  expect,
}) => {
  const cli = new CommandLine({ ...restored!, workspace: "default" });
  const verify = (...args: string[]): { status: number | null; faults: string[] } => {
    const ran = spawnSync(process.execPath, [verifier, ...args, "--json"], {
      cwd: cli.folder,
      env: {},
      encoding: "utf8",
    });
    const { findings } = JSON.parse(ran.stdout) as { findings: { status: string; says: string }[] };
    return {
      status: ran.status,
      faults: findings.flatMap(({ status, says }) => (status === "failed" ? [says] : [])),
    };
  };
  try {
    writeFileSync(join(cli.folder, "before"), checkpoint);
    const args = ["evidence", "export", "--out", "all", "--checkpoint", "before", "--as", "auditor"];
    const made = await cli.run(...args);
    expect(made.code, made.stderr).toBe(0);
    expect(verify("all", "--checkpoint", "before")).toEqual({ status: 0, faults: [] });
    const known = new Set([...actionsOnDisk(taken.at(-1)!.folder).values()].flatMap(knownToLog));
    expect(known.size).toBeGreaterThan(5);
    const bundles = readdirSync(join(cli.folder, "all", "bundles")).join("\n");
    for (const id of known) expect(bundles).toContain(id);
  } finally {
    cli.close();
  }
});

test("goes on where it was: pending actions are decided, run and reported", async ({ expect }) => {
  const { demo, bob } = castOf(restored!);
  const action = await demo.asks();
  await bob.approves(action);
  const held = await demo.claims(action);
  expect(await demo.reports(held, "succeeded")).toMatchObject({ state: "executed" });
});

describe("a restore", () => {
  const target = beside("never");

  /** The first back-up with something wrong in it. */
  function spoilt(name: string, spoil: (folder: string) => void): string {
    const folder = beside(`spoilt-${name}`);
    cpSync(taken[0]!.folder, folder, { recursive: true });
    spoil(folder);
    return folder;
  }
  const someFile = (folder: string): string =>
    join(
      folder,
      bytesIn(folder).find((name) => name.startsWith("storage/Ledger/"))!,
    );

  test("writes nothing of a back-up that is not what was backed up", async ({ expect }) => {
    const cases: [string, string[], string][] = [
      [spoilt("missing", (folder) => rmSync(someFile(folder))), [], "is missing"],
      [
        spoilt("changed", (folder) => {
          const bytes = readFileSync(someFile(folder));
          bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
          writeFileSync(someFile(folder), bytes);
        }),
        [],
        "has other content",
      ],
      [
        spoilt("longer", (folder) => writeFileSync(someFile(folder), "x", { flag: "a" })),
        [],
        "bytes instead of",
      ],
      [
        spoilt("added", (folder) => writeFileSync(join(folder, "more"), "x")),
        [],
        "more is not of the back-up",
      ],
      [
        spoilt("unlisted", (folder) => {
          const path = join(folder, "manifest.json");
          const manifest = JSON.parse(readFileSync(path, "utf8")) as { files: { path: string }[] };
          manifest.files[0]!.path = "../outside";
          writeFileSync(path, JSON.stringify(manifest));
        }),
        [],
        "is not inside the back-up",
      ],
      [taken[0]!.folder, ["--manifest", taken.at(-1)!.manifest], "another back-up"],
      [place.folder, [], "is no back-up"],
    ];
    await Promise.all(
      cases.map(async ([from, more, why], index) => {
        const to = `${target}-${index}`;
        const { status, stderr } = await restore(from, to, ...more);
        expect(stderr).toContain(why);
        expect(stderr).not.toContain("    at ");
        expect(status, why).toBe(1);
        expect(existsSync(to), why).toBe(false);
      }),
    );
  });

  test("never writes over data", async ({ expect }) => {
    const before = bytesIn(place.folder);
    const { status, stderr } = await restore(taken[0]!.folder, place.folder);
    expect(stderr).toContain("is not empty");
    expect(status).toBe(1);
    expect(bytesIn(place.folder)).toEqual(before);
  });

  test("that was cut short is not started on", async ({ expect }) => {
    const data = beside("half");
    mkdirSync(join(data, "storage"), { recursive: true });
    writeFileSync(join(data, "restoring"), "");
    const { status, stderr } = await runScript("selfhost.ts", "--port", "0", "--data", data);
    expect(stderr).toContain("not restored to its end");
    expect(status).toBe(1);
  });
});

describe("a back-up", () => {
  test("of a stopped engine, without its secrets, is the same and says what it lacks", async ({ expect }) => {
    const to = beside("stopped");
    const args = ["--data", place.folder, "--to", to, "--no-secrets", "--json"];
    const { status, stdout } = await runScript("selfhost/backup.ts", ...args);
    expect(status).toBe(0);
    expect(v.parse(Made, JSON.parse(stdout))).toMatchObject({ engine: "stopped", heldMs: 0 });
    expect(existsSync(join(to, "seal-key"))).toBe(false);
    const data = beside("sealed");
    const ran = await restore(to, data);
    expect(ran.stdout).toContain("It needs the seal key of then");
    const started = await runScript("selfhost.ts", "--port", "0", "--data", data);
    expect(started.stderr).toContain("the key that it is sealed with");
  });

  test("is refused where it cannot be one", async ({ expect }) => {
    const cases = [
      [["--data", beside("nothing"), "--to", beside("x")], "no engine's data folder"],
      [["--data", place.folder, "--to", taken[0]!.folder], "exists already"],
      [["--data", place.folder, "--to", join(place.folder, "backup")], "would be lost with it"],
    ] as const;
    for (const [args, why] of cases) {
      const { status, stderr } = await runScript("selfhost/backup.ts", ...args);
      expect(stderr).toContain(why);
      expect(status, why).toBe(1);
    }
    expect(existsSync(beside("nothing"))).toBe(false);
  });
});
