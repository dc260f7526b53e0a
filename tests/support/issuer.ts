import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type CryptoKey, type JWK, SignJWT } from "jose";

type Signed = {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  kid?: string;
  alg?: string;
  key?: CryptoKey | Uint8Array;
};

/** An OpenID Connect issuer on loopback, as CI systems and clusters run one: discovery, a key set, and tokens as a test wants them. */
export class IssuerStandIn {
  /** Addresses that were asked for, in order. */
  readonly asked: string[] = [];
  /** Answers every call so instead, while it is set. */
  broken: { status: number; headers?: Record<string, string>; body?: string } | null = null;
  /** What discovery says instead of the truth. */
  discovery: Record<string, unknown> = {};
  readonly audience = "holdpoint/default";
  readonly #server: Server;
  readonly #keys = new Map<string, { private: CryptoKey; public: JWK }>();
  #url = "";

  private constructor() {
    this.#server = createServer((incoming, answer) => {
      this.asked.push(incoming.url ?? "");
      const { status, body, headers } = this.broken ?? this.#answer(incoming.url ?? "");
      answer.writeHead(status, { "content-type": "application/json", ...headers });
      answer.end(body ?? "");
    });
  }

  static async open(): Promise<IssuerStandIn> {
    const issuer = new IssuerStandIn();
    await new Promise<void>((resolve) => issuer.#server.listen(0, "127.0.0.1", resolve));
    issuer.#url = `http://127.0.0.1:${(issuer.#server.address() as AddressInfo).port}`;
    await issuer.adds("rsa", "RS256");
    return issuer;
  }

  get url(): string {
    return this.#url;
  }

  /** How often the key set was fetched. */
  get looks(): number {
    return this.asked.filter((path) => path === "/keys").length;
  }

  async adds(kid: string, alg: string): Promise<void> {
    const pair = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    this.#keys.set(kid, { private: pair.privateKey, public: { ...jwk, kid, alg, use: "sig" } });
  }

  withdraws(kid: string): void {
    this.#keys.delete(kid);
  }

  privateKey(kid: string): CryptoKey {
    return this.#keys.get(kid)!.private;
  }

  publicKey(kid: string): JWK {
    return this.#keys.get(kid)!.public;
  }

  /** A token for `audience` that is good for five minutes, but for what `signed` says. */
  token({ claims = {}, header = {}, kid = "rsa", alg, key }: Signed = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    const payload = { iss: this.#url, aud: this.audience, iat: now, nbf: now, exp: now + 300, ...claims };
    const known = this.#keys.get(kid);
    return new SignJWT(payload)
      .setProtectedHeader({ alg: alg ?? known?.public.alg ?? "RS256", kid, ...header })
      .sign(key ?? known!.private);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(path: string): { status: number; body: string; headers?: Record<string, string> } {
    if (path === "/.well-known/openid-configuration") {
      const document = { issuer: this.#url, jwks_uri: `${this.#url}/keys`, ...this.discovery };
      return { status: 200, body: JSON.stringify(document) };
    }
    if (path !== "/keys") return { status: 404, body: "{}" };
    return { status: 200, body: JSON.stringify({ keys: [...this.#keys.values()].map((key) => key.public) }) };
  }
}
