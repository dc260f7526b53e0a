import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Sent } from "./gate.ts";
import type { Pair } from "./jwt.ts";

/** Whether an engine at this address lets it in. @throws where it neither does nor says why not */
export async function isIn(
  url: string,
  { headers, method = "GET", path = "/", body }: Sent,
): Promise<boolean> {
  const list = new Headers();
  for (const [name, value] of headers) list.append(name, value);
  const answer = await fetch(new URL(path, url), {
    method,
    headers: list,
    redirect: "manual",
    ...(body !== undefined && { body }),
  });
  await answer.body?.cancel();
  if (answer.status >= 500) throw new Error(`answered ${answer.status} to ${method} ${path}`);
  return answer.status < 300;
}

/** Whoever signs tokens, on loopback: an OpenID Connect issuer and a team of Cloudflare Access at once. */
export type Authority = { readonly url: string; readonly close: () => Promise<void> };

export async function authorityWith(pairs: readonly Pair[]): Promise<Authority> {
  const server: Server = createServer((incoming, answer) => {
    const url = `http://${incoming.headers.host}`;
    const found: Readonly<Record<string, unknown>> = {
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
      "/keys": { keys: pairs.map(({ jwk }) => jwk) },
      "/cdn-cgi/access/certs": { keys: pairs.map(({ jwk }) => jwk) },
    };
    const body = found[incoming.url ?? ""];
    answer.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    answer.end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
