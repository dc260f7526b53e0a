import { Command, InvalidArgumentError } from "commander";
import { StartError } from "../start/state.ts";

export type Options = {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly origin?: string;
  readonly privateNetworks: boolean;
  readonly local: boolean;
  readonly starter: boolean;
  /** Seconds. */
  readonly sweepEvery: number;
  readonly prepare: boolean;
  readonly json: boolean;
};

const help = `
Settings, such as HOLDPOINT_SLACK_BOT_TOKEN, are taken from the environment. The set-up token and, unless HOLDPOINT_SEAL_KEY
says otherwise, the key that storage is sealed with are made at the first start and kept in the data folder, for its
owner's eyes only. Keep a copy: without the seal key nobody can open what is stored.
Examples:
  npm run selfhost -- --local --starter
  npm run selfhost -- --data /var/lib/holdpoint --origin https://holdpoint.example.com
  npm run selfhost -- --prepare
  npm run selfhost:backup -- --data /var/lib/holdpoint --to /var/backups/holdpoint/monday
  npm run selfhost:restore -- --from /var/backups/holdpoint/monday --data /var/lib/holdpoint`;

/** What was typed. Ends the process where that makes no sense, and for --help. */
export function optionsOf(args: readonly string[]): Options {
  return new Command("npm run selfhost --")
    .description(
      "Serves Holdpoint from this machine under plain workerd: the bundle that would be deployed, its objects on disk,\n" +
        "without a Cloudflare account. docs/selfhost.md says what it lacks.",
    )
    .option("--port <number>", "port to listen on; 0 takes any free one", parsePort, 8787)
    .option("--host <address>", "address to listen on; 0.0.0.0 is all this machine has", "127.0.0.1")
    .option("--data <folder>", "where data, secrets and the lock are kept", ".holdpoint-selfhost")
    .option("--origin <url>", "what people call it, such as https://holdpoint.example.com", parseOrigin)
    .option("--private-networks", "let webhooks and sign-in reach addresses in private networks", false)
    .option("--local", "for trying it out here: webhooks and the page's session over plain http", false)
    .option("--starter", "load the starter policy and directory, as `npm start` does", false)
    .option("--sweep-every <seconds>", "how often what was forgotten is looked for", parseSeconds, 60)
    .option("--prepare", "build what is to be served and end", false)
    .option(
      "--json",
      "print one line of JSON (url, data, workspace, keys) when ready, and nothing else",
      false,
    )
    .addHelpText("after", help)
    .parse(args)
    .opts<Options>();
}

const loopback: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/** @throws StartError where options are at odds. */
export function demandSense({ host, local, origin }: Options): void {
  if (!local || (loopback.has(host) && origin === undefined)) return;
  throw new StartError(
    "--local takes defences away that only a machine by itself can do without: leave out --origin and any --host but 127.0.0.1.",
  );
}

/** What whoever starts it so should know. */
export function warningsOf({ host, origin, local }: Options): string[] {
  const plain = "It is plain HTTP: put a proxy with TLS before it and name its address with --origin.";
  const open = `It listens on ${host}: whoever reaches that port reaches the engine past the proxy.`;
  if (local) return ["--local: for trying it out, not for use."];
  return [...(origin === undefined ? [plain] : []), ...(loopback.has(host) ? [] : [open])];
}

/** The host of an address that this machine reaches itself by. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/u.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("A port is a whole number from 0 to 65535.");
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+$/u.test(text) && seconds >= 1 && seconds <= 3_600) return seconds;
  throw new InvalidArgumentError("Seconds are a whole number from 1 to 3600.");
}

function parseOrigin(text: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && /^https?:$/u.test(url.protocol) && `${url.origin}/` === url.href;
  if (isOrigin) return url.origin;
  throw new InvalidArgumentError("An origin is scheme and host alone, such as https://holdpoint.example.com");
}
