import type { Command } from "commander";
import { type Client, HoldpointError, type Issuer, type IssuerRequest } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { collect } from "../options.ts";
import { formatTable } from "../render/table.ts";
import { openSession } from "../session.ts";

type TrustOptions = {
  agent: string;
  github?: string;
  ref: string;
  environment?: string;
  kubernetes?: string;
  namespace?: string;
  serviceAccount?: string;
  spiffe?: string;
  spiffeId?: string;
  issuer?: string;
  claim?: string[];
  id?: string;
  jwksUrl?: string;
  audience?: string;
  algorithm?: string[];
  maxAge?: string;
};

const overview = `
An agent in CI, in a cluster or in a mesh then needs no key: it sends the token its own platform signs for it, as
HOLDPOINT_KEY or as a bearer. Claims take * for any run of characters and ? for one; all of a rule's claims must fit.

Examples:
  $ npx holdpoint issuers trust --agent agent:deployer --github acme/shop --environment production
  $ npx holdpoint issuers trust --agent agent:fixer --kubernetes https://oidc.acme.com/prod --namespace agents --service-account fixer
  $ npx holdpoint issuers trust --agent agent:night --spiffe https://spire.acme.com --spiffe-id spiffe://acme.com/agents/night
  $ npx holdpoint issuers trust --agent agent:build --issuer https://ci.acme.com --claim project=shop --claim branch=main
  $ npx holdpoint issuers list
  $ npx holdpoint issuers remove github`;

export function addIssuers(program: Command): void {
  const issuers = program
    .command("issuers")
    .summary("let agents come with a token of GitHub, Kubernetes, SPIFFE or your own issuer")
    .description("Whose tokens are taken for an agent's key, and which claims make which agent.")
    .addHelpText("after", overview);
  addTrust(issuers);
  issuers
    .command("list")
    .description("List the trusted issuers with their rules.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const items = await client.issuers.list();
      if (terminal.json) return terminal.document({ items });
      terminal.print(
        formatTable(["ID", "ISSUER", "AUDIENCE", "AGENT", "CLAIMS"], items.flatMap(rowsOf), terminal.out.dim),
      );
    });
  issuers
    .command("remove")
    .description("Trust an issuer no longer, at once.")
    .argument("<id>", "the issuer's id, from `issuers list`")
    .action(async (id: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      await client.issuers.remove(id);
      if (terminal.json) terminal.document({ removed: true });
      else terminal.print(`${visible(id)} is trusted no longer`);
    });
}

function addTrust(issuers: Command): void {
  issuers
    .command("trust")
    .description("Add a rule: whoever brings a token of this issuer with these claims is this agent.")
    .requiredOption("--agent <id>", "the agent, such as agent:deployer; it must be in the directory")
    .option("--github <owner/repo>", "GitHub Actions of this repository")
    .option("--ref <glob>", "with --github: the ref that must run it", "refs/heads/main")
    .option("--environment <name>", "with --github: the deployment environment that must run it")
    .option("--kubernetes <url>", "a cluster, by its issuer; its keys must be public, or give --jwks-url")
    .option("--namespace <name>", "with --kubernetes: the namespace")
    .option("--service-account <name>", "with --kubernetes: the service account")
    .option("--spiffe <url>", "a SPIFFE trust domain, by the `iss` of its JWT-SVIDs")
    .option("--spiffe-id <id>", "with --spiffe: the workload, such as spiffe://acme.com/agents/night")
    .option("--issuer <url>", "any other issuer, with --claim")
    .option("--claim <name=value>", "a claim it must have (may be repeated)", collect)
    .option("--id <id>", "what the issuer is called here (default: github, kubernetes, spiffe or its host)")
    .option("--jwks-url <url>", "where its keys are, if not where its discovery document says")
    .option("--audience <text>", "the audience that tokens must name (default: holdpoint/WORKSPACE)")
    .option("--algorithm <name>", "RS256, ES256 or EdDSA (may be repeated; default: RS256)", collect)
    .option("--max-age <duration>", "how old a token may be (default: 1h)")
    .action(async (options: TrustOptions, command: Command) => {
      const preset = presetOf(options);
      const { client, terminal } = openSession(command, "operator");
      const issuer = await client.issuers.put(preset.id, await withRule(client, preset, options));
      if (terminal.json) return terminal.document(issuer);
      terminal.print(`${visible(options.agent)} may come with a token of ${visible(issuer.issuer)}`);
      terminal.note(
        `Its audience must be ${visible(issuer.audience)}, and its claims ${claimsOf(preset.claims)}.`,
      );
    });
}

type Preset = { id: string; issuer: string; claims: Record<string, string> };
type PresetName = "github" | "kubernetes" | "spiffe" | "issuer";

const presets: Readonly<Record<PresetName, (options: TrustOptions) => Preset>> = {
  github: ({ github, ref, environment }) => {
    if (!/^[^/\s*?]+\/[^/\s*?]+$/u.test(github ?? "")) {
      throw usage("--github is OWNER/REPO, such as acme/shop.");
    }
    return {
      id: "github",
      issuer: "https://token.actions.githubusercontent.com",
      claims: { repository: github ?? "", ref, ...(environment !== undefined && { environment }) },
    };
  },
  kubernetes: ({ kubernetes, namespace, serviceAccount }) => {
    if (namespace === undefined || serviceAccount === undefined) {
      throw usage("--kubernetes needs --namespace and --service-account.");
    }
    const claims = {
      "kubernetes.io.namespace": namespace,
      "kubernetes.io.serviceaccount.name": serviceAccount,
    };
    return { id: "kubernetes", issuer: kubernetes ?? "", claims };
  },
  spiffe: ({ spiffe, spiffeId }) => {
    if (spiffeId?.startsWith("spiffe://") !== true) {
      throw usage("--spiffe needs --spiffe-id spiffe://DOMAIN/PATH.");
    }
    return { id: "spiffe", issuer: spiffe ?? "", claims: { sub: spiffeId } };
  },
  issuer: ({ issuer = "", claim = [] }) => {
    const pairs = claim.map((text) => /^([^=]+)=(.+)$/u.exec(text));
    if (pairs.length === 0 || pairs.includes(null)) throw usage("--issuer needs --claim NAME=VALUE.");
    const claims = Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]));
    const host = URL.parse(issuer)?.hostname ?? "issuer";
    return { id: host.replaceAll(/[^a-z0-9.-]/gu, "-"), issuer, claims };
  },
};

function presetOf(options: TrustOptions): Preset {
  const names: readonly PresetName[] = ["github", "kubernetes", "spiffe", "issuer"];
  const [name, ...more] = names.filter((one) => options[one] !== undefined);
  if (name === undefined || more.length > 0) {
    throw usage("Say whose tokens: one of --github, --kubernetes, --spiffe or --issuer.");
  }
  const preset = presets[name](options);
  return { ...preset, id: options.id ?? preset.id };
}

/** What is known of the issuer with one more rule; what the options do not say stays as it is. */
async function withRule(client: Client, preset: Preset, options: TrustOptions): Promise<IssuerRequest> {
  const known = await knownIssuer(client, preset.id);
  if (known !== null && known.issuer !== preset.issuer) {
    throw usage(`${preset.id} is ${visible(known.issuer)} here: give another --id.`);
  }
  const { id: _, ...rest } = known ?? { id: preset.id, issuer: preset.issuer, audience: "", rules: [] };
  const rule = { claims: preset.claims, agent: options.agent };
  const audience = options.audience ?? known?.audience ?? `holdpoint/${(await client.whoami()).workspace}`;
  const algorithms = (options.algorithm ?? []).map(algorithmOf);
  return {
    ...rest,
    audience,
    rules: [...rest.rules.filter((one) => JSON.stringify(one) !== JSON.stringify(rule)), rule],
    ...(algorithms.length > 0 && { algorithms }),
    ...(options.jwksUrl !== undefined && { jwksUrl: options.jwksUrl }),
    ...(options.maxAge !== undefined && { maxTokenAge: options.maxAge }),
  };
}

async function knownIssuer(client: Client, id: string): Promise<Issuer | null> {
  try {
    return await client.issuers.get(id);
  } catch (error) {
    if (error instanceof HoldpointError && error.status === 404) return null;
    throw error;
  }
}

function algorithmOf(text: string): Issuer["algorithms"][number] {
  if (text === "RS256" || text === "ES256" || text === "EdDSA") return text;
  throw usage("--algorithm is RS256, ES256 or EdDSA.");
}

const rowsOf = ({ id, issuer, audience, rules }: Issuer): string[][] =>
  (rules.length === 0 ? [{ agent: "nobody", claims: {} }] : rules).map(({ agent, claims }) =>
    [id, issuer, audience, agent].map(visible).concat(claimsOf(claims)),
  );

const claimsOf = (claims: Readonly<Record<string, string>>): string =>
  Object.entries(claims)
    .map(([name, value]) => `${visible(name)}=${visible(value)}`)
    .join(" ");

const usage = (message: string): CliError => new CliError(message, exitCodes.usage);
