import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Debian's package `prometheus`, which brings both. */
const tools = { promtool: "/usr/bin/promtool", prometheus: "/usr/bin/prometheus" } as const;

/** Whether both are there. Says so where they are not. @throws where CI=true: there they have to be. */
export function hasPrometheus(): boolean {
  const missing = Object.values(tools).filter((path) => !existsSync(path));
  if (missing.length === 0) return true;
  const what = `There is no ${missing.join(" and no ")}; install the package prometheus.`;
  if (process.env["CI"] === "true") throw new Error(`The tests with Prometheus cannot run. ${what}`);
  console.log(`SKIPPED: the tests with Prometheus. ${what}`);
  return false;
}

/** Runs promtool; `input` is what it reads. Resolves with its exit code and all it said. */
export function promtool(args: readonly string[], input = ""): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(tools.promtool, args, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
    child.stdin?.end(input);
  });
}

export type TestPrometheus = {
  /** The value of a query that yields one series, null while it yields none. */
  readonly ask: (query: string) => Promise<number | null>;
  /** The same, once `is` holds of it. @throws Error when that does not come within 30 s. */
  readonly until: (query: string, is: (value: number | null) => boolean) => Promise<number | null>;
  readonly stop: () => Promise<void>;
};

/** A real Prometheus on loopback that scrapes `url`/metrics every second with a bearer key and has our alert rules. */
export async function startPrometheus(url: string, key: string, rules: string): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-prometheus-"));
  const port = await freePort();
  const target = new URL(url).host;
  writeFileSync(join(folder, "key"), key, { mode: 0o600 });
  writeFileSync(
    join(folder, "prometheus.yml"),
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: "holdpoint",
          authorization: { credentials_file: join(folder, "key") },
          static_configs: [{ targets: [target] }],
        },
      ],
    }),
  );
  const child = spawn(
    tools.prometheus,
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));

  const ask = async (query: string): Promise<number | null> => {
    const address = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
    const response = await fetch(address).catch(() => null);
    if (response === null) return null;
    const answer = (await response.json()) as { data?: { result?: { value: [number, string] }[] } };
    const [series] = answer.data?.result ?? [];
    return series === undefined ? null : Number(series.value[1]);
  };
  const until: TestPrometheus["until"] = async (query, is) => {
    let value: number | null = null;
    for (let tries = 0; tries < 150; tries += 1) {
      value = await ask(query);
      if (is(value)) return value;
      await delay(200);
    }
    throw new Error(`${query} stayed ${value}; Prometheus says: ${errors}`);
  };
  return {
    ask,
    until,
    stop: async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  await exit;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address === null || typeof address === "string"
          ? reject(new Error("no port"))
          : resolve(address.port),
      );
    });
  });
}
