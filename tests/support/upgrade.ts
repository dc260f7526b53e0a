import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

type Answered = { status: number; body: unknown; socket: Duplex | null };

/** Asks for a WebSocket and says how that was answered, which `WebSocket` itself keeps to itself. A socket that opens is dropped. */
export async function upgrade(url: URL, key: string | null): Promise<Omit<Answered, "socket">> {
  const { status, body, socket } = await shakeHands(url, bearer(key));
  socket?.destroy();
  return { status, body };
}

/**
 * Opens a socket, sends a close frame with this code (none for null) and comes back with the code the engine answers.
 * By hand, because Node's WebSocket says 1006 where a message crosses the close.
 */
export async function closeCode(
  url: URL,
  key: string | null,
  code: number | null,
): Promise<{ code: number; afterMs: number }> {
  const { socket } = await shakeHands(url, bearer(key));
  if (socket === null) throw new Error(`no WebSocket at ${url.pathname}`);
  const started = performance.now();
  socket.write(closeFrame(code));
  try {
    const answered = await readClose(socket);
    return { code: answered, afterMs: performance.now() - started };
  } finally {
    socket.destroy();
  }
}

/** A socket by hand: what it has been told, and the code of the engine's close frame once that has come. */
export type Watched = { readonly texts: readonly string[]; readonly closed: Promise<number> };

/**
 * Opens a socket and only listens. By hand, because a WebSocket of Node's says that it is closed when the connection beneath it
 * is gone, and that is up to ten seconds after the close frame. @throws Error where the engine does not upgrade
 */
export async function watch(url: URL, headers: Record<string, string>): Promise<Watched> {
  const { status, socket } = await shakeHands(url, headers);
  if (socket === null) throw new Error(`${status}, no WebSocket at ${url.pathname}`);
  const texts: string[] = [];
  const closed = Promise.withResolvers<number>();
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let frame = firstFrame(bytes); frame !== null; frame = firstFrame(bytes)) {
      bytes = bytes.subarray(frame.size);
      if (frame.opcode === 1) texts.push(frame.payload.toString());
      if (frame.opcode !== 8) continue;
      closed.resolve(frame.payload.readUInt16BE());
      socket.write(closeFrame(1000));
    }
  });
  socket.on("error", (error: Error) => closed.reject(error));
  return { texts, closed: closed.promise };
}

/** RFC 6455: opcode 8, and masked, as everything from a client is; the mask may be zero. */
function closeFrame(code: number | null): Buffer {
  const payload = Buffer.alloc(code === null ? 0 : 2);
  if (code !== null) payload.writeUInt16BE(code);
  return Buffer.concat([Buffer.from([0x88, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

async function readClose(socket: Duplex): Promise<number> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, Buffer.from(chunk)]);
    for (let frame = firstFrame(bytes); frame !== null; frame = firstFrame(bytes)) {
      if (frame.opcode === 8) return frame.payload.readUInt16BE();
      bytes = bytes.subarray(frame.size);
    }
  }
  throw new Error("the connection ended without a close frame");
}

/** A whole frame of a server, which is not masked; null where more is to come. */
function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | null {
  const short = bytes.length < 2 ? null : bytes[1]! & 0x7f;
  if (short === null || bytes.length < 10) {
    return short === null || short > 8 ? null : frameOf(bytes, 2, short);
  }
  if (short === 126) return frameOf(bytes, 4, bytes.readUInt16BE(2));
  if (short === 127) return frameOf(bytes, 10, Number(bytes.readBigUInt64BE(2)));
  return frameOf(bytes, 2, short);
}

function frameOf(bytes: Buffer, head: number, length: number): ReturnType<typeof firstFrame> {
  if (bytes.length < head + length) return null;
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length), size: head + length };
}

const bearer = (key: string | null): Record<string, string> =>
  key === null ? {} : { authorization: `Bearer ${key}` };

function shakeHands(url: URL, credentials: Record<string, string>): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...credentials,
    };
    const request = httpRequest(url, { headers });
    request.once("upgrade", ({ statusCode = 0 }, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve({ status: statusCode, body: null, socket });
    });
    request.once("response", (response) => {
      bodyOf(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, body, socket: null }),
        reject,
      );
    });
    request.once("error", reject);
    request.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString();
  return text === "" ? null : JSON.parse(text);
}
