import { type Agent, request as send } from "node:http";
import type { Received, Sent } from "./exchange.ts";

/** Longer than anything waits that the engine holds back, and no test is to hang for ever. */
const patienceMs = 90_000;

/** One request as it is, with nothing added that a client library would. A socket that opens is closed at once. */
export function overWire(
  origin: string,
  { method, path, headers, body }: Sent,
  agent: Agent,
): Promise<Received> {
  const { hostname, port } = new URL(origin);
  const length = body === null ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    // A connection that was to become a socket is good for nothing else.
    const through = headers["upgrade"] === undefined ? agent : false;
    const options = { hostname, port, method, path, headers: { ...headers, ...length }, agent: through };
    const request = send(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: flat(response.headers), text });
      });
    });
    request.setTimeout(patienceMs, () => request.destroy(new Error("no answer")));
    request.on("upgrade", (response, socket) => {
      socket.on("error", () => undefined);
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: flat(response.headers), text: "" });
    });
    request.on("error", reject);
    request.on("close", () => reject(new Error(`${method} ${path.slice(0, 200)} was not answered`)));
    request.end(body ?? undefined);
  });
}

/** Headers as single texts. */
export function flat(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "string" ? value : value.join(", ")]],
    ),
  );
}
