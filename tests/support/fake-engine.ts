import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { ActionView, State } from "../../schemas/action.ts";
import { viewOf } from "./views.ts";

/**
 * A server that speaks the wire format and nothing else: every answer is the test's. It exists for what a real engine cannot
 * be made to do on demand: drop an answer, refuse a socket, fall silent.
 */
export type Seen = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: unknown;
};
/** `drop`: the connection is cut without an answer. */
export type Reply = { status?: number; headers?: Record<string, string>; body?: unknown } | "drop";
export type FakeSocket = {
  send(text: string): void;
  drop(): void;
  onText(listener: (text: string) => void): void;
};
export type FakeEngine = { url: string; seen: Seen[]; stop(): Promise<void> };

export async function startFakeEngine(
  answer: (seen: Seen) => Reply | Promise<Reply>,
  upgrade?: (seen: Seen, socket: FakeSocket) => void,
): Promise<FakeEngine> {
  const seen: Seen[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    void readBody(request).then(async (body) => {
      const one = seenOf(request, body);
      seen.push(one);
      const reply = await answer(one);
      if (reply === "drop") return request.socket.destroy();
      response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
      return response.end(reply.body === undefined ? "" : JSON.stringify(reply.body));
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const one = seenOf(request, undefined);
    seen.push(one);
    if (upgrade === undefined) return socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    return upgrade(one, accept(request, socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}

function seenOf(request: IncomingMessage, body: unknown): Seen {
  const url = new URL(request.url ?? "/", "http://fake");
  return {
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body,
  };
}

/** The server's side of RFC 6455 as far as short text frames need it. */
function accept(request: IncomingMessage, socket: Duplex): FakeSocket {
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const token = createHash("sha1").update(key).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${token}\r\n\r\n`,
  );
  let listener: (text: string) => void = () => undefined;
  socket.on("error", () => undefined);
  socket.on("data", (frame: Buffer) => {
    if ((frame[0]! & 0x0f) !== 1) return;
    const length = frame[1]! & 0x7f;
    const mask = frame.subarray(2, 6);
    listener(
      Buffer.from(frame.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]!)).toString(),
    );
  });
  return {
    send(text) {
      const payload = Buffer.from(text);
      const head =
        payload.length < 126
          ? Buffer.from([0x81, payload.length])
          : Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255]);
      socket.write(Buffer.concat([head, payload]));
    },
    drop: () => void socket.destroy(),
    onText: (next) => void (listener = next),
  };
}

/** An action as an engine shows it. Its digest is not its content's: tests of that compute their own. */
export function fakeAction(state: State = "pending", seq = 2, more: Partial<ActionView> = {}): ActionView {
  const at = "2026-01-31T12:00:00.000Z";
  const shown = viewOf();
  return {
    ...shown,
    id: "act_fake",
    state,
    seq,
    digest: `sha256:${"0".repeat(64)}`,
    contractVersion: `sha256:${"1".repeat(64)}`,
    decision: { ...shown.decision, policyVersion: `sha256:${"2".repeat(64)}` },
    args: { argv: ["uptime"] },
    reason: "look",
    deadlines: { ...shown.deadlines, pending: "2026-01-31T13:00:00.000Z" },
    createdAt: at,
    updatedAt: at,
    links: { self: "", page: "", events: "", stream: "" },
    ...more,
  };
}
