import type { Issuer } from "../../schemas/issuer.ts";
import type { Principal } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import type { Standing } from "../../schemas/standing.ts";
import { envOf, newWorkspace, RegistryStandIn, snapshotOf, workerModule } from "./entrance.ts";
import { fetchFrom, jws, type Pair, pairOf, signerOf } from "./forged/jwt.ts";

/** An issuer of tokens, a workspace that trusts it, and the Worker that both come to, without a network. */

export type Authenticated = { principal: Principal; snapshot: Snapshot; standing: Standing };
export const { authenticate } = await workerModule<{
  authenticate: (request: Request, env: object, now: number) => Promise<Authenticated>;
}>("workers/auth.ts");

export const [rsa, ec, ed, newer] = [
  pairOf("RS256", "rsa"),
  pairOf("ES256", "ec"),
  pairOf("EdDSA", "ed"),
  pairOf("EdDSA", "newer"),
];
export const start = 1_800_000_000_000;
export const issuerId = "https://token.ci-provider.com";

type Answers = Record<string, unknown>;
/** An issuer that nobody has asked yet, as one workspace trusts it, on a clock of its own. */
export class Stage {
  static #made = 0;
  readonly issuer: Issuer;
  readonly workspace = newWorkspace();
  readonly registry: RegistryStandIn;
  readonly env: object;
  /** Epoch ms; for whatever asks the clock of this machine as well. */
  now = start;
  readonly asked: string[] = [];
  /** What its addresses answer; none of them: nobody answers. */
  answers: Answers | null;
  /** Instead of any answer. */
  instead: ((input: string, init: RequestInit | undefined) => Promise<Response>) | null = null;
  readonly init: (RequestInit | undefined)[] = [];
  /** What was written to the log. */
  readonly warned: string[] = [];
  #calls = 0;
  #giveBack = (): void => undefined;

  constructor(more: Partial<Issuer> = {}, settings: Record<string, string> = {}) {
    const address = more.issuer ?? `${issuerId}/${(Stage.#made += 1)}`;
    this.issuer = {
      id: "ci",
      description: null,
      issuer: address,
      jwksUrl: null,
      audience: "holdpoint/acme",
      algorithms: ["RS256", "ES256", "EdDSA"],
      rules: [
        { claims: { repository: "acme/shop" }, agent: "agent:demo" },
        { claims: { team: "idle" }, agent: "agent:idle" },
        { claims: { team: "nobody" }, agent: "agent:nobody" },
        { claims: { team: "both" }, agent: "agent:demo" },
        { claims: { team: "bo*" }, agent: "agent:other" },
      ],
      maxTokenAge: "1h",
      ...more,
    };
    this.answers = this.discovery([rsa.jwk, ec.jwk, ed.jwk]);
    const other: Issuer = { ...this.issuer, id: "other", issuer: "https://other.ci-provider.com" };
    this.registry = new RegistryStandIn(snapshotOf({ issuers: [other, this.issuer] }));
    this.env = envOf({ [this.workspace]: this.registry }, settings);
  }

  discovery(keys: object[]): Answers {
    const { issuer } = this.issuer;
    return {
      [`${issuer.replace(/\/$/u, "")}/.well-known/openid-configuration`]: {
        issuer,
        jwks_uri: "https://keys.ci-provider.com/k",
      },
      "https://keys.ci-provider.com/k": { keys },
    };
  }

  claims(): Record<string, unknown> {
    const seconds = Math.floor(this.now / 1_000);
    const { issuer: iss, audience: aud } = this.issuer;
    return { iss, aud, iat: seconds, exp: seconds + 300, repository: "acme/shop" };
  }

  token(change: object = {}, pair: Pick<Pair, "alg" | "kid" | "privateKey"> = ed, head: object = {}): string {
    return jws({ alg: pair.alg, kid: pair.kid, ...head }, { ...this.claims(), ...change }, signerOf(pair));
  }

  async asks(text: string, headers: Record<string, string> = {}): Promise<Authenticated> {
    const restore = this.#takeOver();
    try {
      const all = { authorization: `Bearer ${text}`, "holdpoint-workspace": this.workspace, ...headers };
      return await authenticate(
        new Request("https://holdpoint.example/", { headers: all }),
        this.env,
        this.now,
      );
    } finally {
      restore();
    }
  }

  /** The network, the clock and the log are this stage's, until the last of several calls is done. */
  #takeOver(): () => void {
    this.#calls += 1;
    if (this.#calls === 1) {
      const [realFetch, realNow, realWarn] = [globalThis.fetch, Date.now, console.warn];
      globalThis.fetch = (input, init) =>
        this.#fetch(input instanceof Request ? input.url : String(input), init);
      Date.now = () => this.now;
      console.warn = (...said: unknown[]) => void this.warned.push(said.map(String).join(" "));
      this.#giveBack = () => {
        [globalThis.fetch, Date.now, console.warn] = [realFetch, realNow, realWarn];
      };
    }
    return () => {
      this.#calls -= 1;
      if (this.#calls === 0) this.#giveBack();
    };
  }

  #fetch(input: string, init: RequestInit | undefined): Promise<Response> {
    this.asked.push(input);
    this.init.push(init);
    if (this.instead !== null) return this.instead(input, init);
    const { answers } = this;
    if (answers === null) return Promise.reject(new TypeError("nobody answers"));
    return fetchFrom(() => answers)(input);
  }

  /** How often the key set was read. */
  get looks(): number {
    return this.asked.filter((address) => address.endsWith("/k")).length;
  }
}

export const refused = (what: string): object => ({
  code: "unauthenticated",
  parts: { detail: `The token was not taken: ${what}. Send a fresh token, or a key of this engine.` },
  headers: { "www-authenticate": 'Bearer realm="holdpoint", error="invalid_token"' },
});
export const unavailable = {
  code: "policy_unavailable",
  parts: {
    detail:
      "Nothing was changed: the keys of the token's issuer cannot be read at present. Try again shortly.",
  },
  headers: { "retry-after": "5" },
};
