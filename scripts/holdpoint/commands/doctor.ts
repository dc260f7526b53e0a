import type { Command } from "commander";
import { type Client, createClient, HoldpointError } from "../../../client/index.ts";
import { type Connection, type DevFile, findDevFile, resolveConnection } from "../connection.ts";
import { exitCodes } from "../exit-code.ts";
import { formatMs } from "../render/time.ts";
import { visible } from "../../../core/card/visible.ts";
import { type GlobalOptions, openTerminal } from "../session.ts";
import type { Paint } from "../terminal.ts";

/** `hint` says what to do where it is not ok. */
type Check = { name: string; status: "ok" | "warn" | "fail"; detail: string; hint: string | null };

const examples = `
Looks at everything between here and a decision: the engine, your key and what it may do, the clocks, the policy.
Exits 1 when something fails.

Examples:
  $ npx holdpoint doctor
  $ HOLDPOINT_URL=https://holdpoint.example HOLDPOINT_KEY=hp_… npx holdpoint doctor --json`;

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .summary("find out what is wrong")
    .description("Check the engine, the key, the clocks and the policy.")
    .addHelpText("after", examples)
    .action(async (_: object, command: Command) => {
      const terminal = openTerminal(command);
      const flags: GlobalOptions = command.optsWithGlobals();
      const checks = await examine(flags);
      const ok = checks.every(({ status }) => status !== "fail");
      if (!ok) process.exitCode = exitCodes.error;
      if (terminal.json) terminal.document({ ok, checks });
      else terminal.print(checks.map((check) => line(check, terminal.out)).join("\n"));
    });
}

const signs = { ok: "✓", warn: "!", fail: "✗" } as const;
const colours = { ok: "green", warn: "yellow", fail: "red" } as const;

function line({ name, status, detail, hint }: Check, paint: Paint): string {
  const first = `${paint[colours[status]](signs[status])} ${name.padEnd(10)} ${visible(detail)}`;
  return hint === null ? first : `${first}\n  ${" ".repeat(10)} ${visible(hint)}`;
}

const ok = (name: string, detail: string): Check => ({ name, status: "ok", detail, hint: null });
const warn = (name: string, detail: string, hint: string): Check => ({ name, status: "warn", detail, hint });
const fail = (name: string, detail: string, hint: string): Check => ({ name, status: "fail", detail, hint });

async function examine(flags: GlobalOptions): Promise<Check[]> {
  const checks: Check[] = [node()];
  let connection: Connection;
  try {
    const dev = findDevFile(process.cwd());
    if (dev !== null) checks.push(keyFile(dev));
    connection = resolveConnection({ flags, env: process.env, dev, role: "operator" });
  } catch (error) {
    return [
      ...checks,
      fail(
        "address",
        error instanceof Error ? error.message : String(error),
        "Nothing else can be looked at without it.",
      ),
    ];
  }
  checks.push(ok("address", `${connection.url} (${connection.urlFrom})`));
  // One try: whoever looks for a fault does not want it waited out.
  const client = createClient({
    url: connection.url,
    key: connection.key,
    workspace: process.env["HOLDPOINT_WORKSPACE"],
    name: "cli",
    retry: { tries: 1, baseMs: 1, capMs: 1 },
  });
  const reached = await reach(client);
  checks.push(reached);
  if (reached.status !== "fail") {
    checks.push(clock(client), await key(client, connection), await policy(client));
  }
  return checks;
}

function node(): Check {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major >= 22) return ok("node", process.version);
  return warn(
    "node",
    `${process.version} has no WebSocket of its own`,
    "It works, by long-poll. Use Node 22 or newer for WebSockets.",
  );
}

function keyFile({ path, mode }: DevFile): Check {
  if ((mode & 0o077) === 0) return ok("dev.json", path);
  return warn("dev.json", `others on this machine can read the keys in ${path}`, `Run: chmod 600 ${path}`);
}

async function reach(client: Client): Promise<Check> {
  const begun = performance.now();
  try {
    await client.health();
    return ok("engine", `answers in ${formatMs(performance.now() - begun)}`);
  } catch (error) {
    const detail = error instanceof HoldpointError ? error.detail : String(error);
    return fail(
      "engine",
      detail,
      "Is it running? Locally: npm start. Else check the address, the network and any proxy in between.",
    );
  }
}

function clock(client: Client): Check {
  const skewMs = client.clockSkewMs();
  const text = `this clock is ${formatMs(Math.abs(skewMs))} ${skewMs > 0 ? "behind" : "ahead of"} the engine's`;
  const hint = "Set this machine's clock (NTP): signatures and deadlines are judged by time.";
  // The engine tells its time in whole seconds, and webhooks tolerate five minutes.
  if (Math.abs(skewMs) < 3_000) return ok("clock", "as the engine's");
  return Math.abs(skewMs) < 120_000 ? warn("clock", text, hint) : fail("clock", text, hint);
}

async function key(client: Client, { keyFrom, name }: Connection): Promise<Check> {
  try {
    const { id, workspace, scopes } = await client.whoami();
    return ok(
      "key",
      `${id} in workspace ${workspace}, may ${scopes.join(", ")} (${name ?? "from"} ${name === null ? keyFrom : `in ${keyFrom}`})`,
    );
  } catch (error) {
    const detail = error instanceof HoldpointError ? error.detail : String(error);
    return fail(
      "key",
      `the key from ${keyFrom} is refused: ${detail}`,
      "Ask an operator for a new one (npx holdpoint key create), or run npm start again for a local engine.",
    );
  }
}

async function policy(client: Client): Promise<Check> {
  try {
    const { version, document } = await client.policy.get();
    return ok("policy", `${document.contracts.length} contracts in force (${version.slice(0, 19)}…)`);
  } catch (error) {
    if (!(error instanceof HoldpointError)) throw error;
    if (error.status === 403) {
      return warn(
        "policy",
        "this key may not read it",
        "Fine for an agent. With an operator's key doctor looks at it too.",
      );
    }
    return fail("policy", error.detail, "Publish one: npx holdpoint policy publish FILE");
  }
}
