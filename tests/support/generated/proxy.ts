import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Document } from "../described.ts";
import type { Exchange, Received, Sent } from "./exchange.ts";
import { held, type Held } from "./held.ts";
import { flat, overWire } from "./wire.ts";

/** What went through, and how it looks beside the document. */
export type Passed = Exchange & Held;

/**
 * A proxy on 127.0.0.1 between whoever asks and the engine. Every answer is held against the document before it is passed on as it is.
 */
export type Proxy = {
  readonly url: string;
  /** Whether the engine has a reason to answer 503 to what goes through now. */
  readonly setProvoked: (provoked: boolean) => void;
  readonly close: () => Promise<void>;
};

type Options = {
  readonly engine: string;
  readonly document: Document;
  /** Hears of everything that has passed, before whoever asked does. */
  readonly onPassed: (passed: Passed) => void;
  /** Makes a wrong answer of a right one: how it is seen that the proxy sees. */
  readonly doctor?: (received: Received) => Received;
};

/** Those that say how a message is carried, by whoever carries it (RFC 9110 §7.6.1). */
const carried: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
]);
const withoutCarried = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !carried.has(name)));

export async function startProxy({
  engine,
  document,
  onPassed,
  doctor = (one) => one,
}: Options): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true });
  let isProvoked = false;
  const pass = async (sent: Sent): Promise<Received> => {
    const received = doctor(await overWire(engine, sent, agent));
    const exchange = { sent, received };
    onPassed({ ...exchange, ...held(document, exchange, isProvoked) });
    return received;
  };
  const host = new URL(engine).host;
  const passOn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const sent = await sentBy(request, host);
    answer(response, await pass(sent));
  };
  const server = createServer((request, response) => {
    passOn(request, response).catch((error: Error) => response.destroy(error));
  });
  const upgrade = async (request: IncomingMessage, socket: Duplex): Promise<void> => {
    const sent = await sentBy(request, host);
    const headers = { ...sent.headers, connection: "Upgrade" };
    const received = await pass({ ...sent, headers });
    const lines = Object.entries(received.headers).filter(([name]) => name !== "transfer-encoding");
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.end(`HTTP/1.1 ${received.status} X\r\n${head}\r\n${received.text}`);
  };
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => undefined);
    upgrade(request, socket).catch((error: Error) => socket.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setProvoked: (provoked) => (isProvoked = provoked),
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The request as it came, addressed to the engine: who asks is not to know that there is something between. */
async function sentBy(request: IncomingMessage, host: string): Promise<Sent> {
  const chunks: Buffer[] = [];
  // An upgrade has no body, and its stream does not end.
  if (request.headers.upgrade === undefined) for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: { ...withoutCarried(flat(request.headers)), host },
    body: body.byteLength === 0 ? null : body,
  };
}

function answer(response: ServerResponse, { status, headers, text }: Received): void {
  response.writeHead(status, withoutCarried(headers));
  response.end(text);
}
