import { createServer } from "node:http";

/** What a service of somebody else answers: a status, headers and a JSON body. */
export type StandInAnswer = { status: number; headers?: Record<string, string>; body?: unknown };

/** A server on loopback that speaks one POST endpoint of a service we do not own, and fails as it is told to. */
export type StandIn = {
  readonly url: string;
  /** Every body that came, parsed or as text where it was no JSON, with what it was answered. */
  readonly received: { readonly body: unknown; readonly bytes: number; readonly status: number }[];
  /** The next requests are answered so, one each, whatever they hold. */
  failNext(...answers: StandInAnswer[]): void;
  /** Comes back once `done` holds. @throws Error when it does not within `timeoutMs`. */
  until(done: () => boolean, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
};

/** @param answer what the service makes of a body: its rules, as its documentation has them. */
export async function startStandIn(
  answer: (body: unknown, bytes: number) => StandInAnswer,
): Promise<StandIn> {
  const received: { body: unknown; bytes: number; status: number }[] = [];
  const next: StandInAnswer[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks);
      const body = parsed(raw.toString("utf8"));
      const isJson = /^application\/json(;|$)/u.test(request.headers["content-type"] ?? "");
      const by =
        next.shift() ?? (request.method === "POST" && isJson ? answer(body, raw.length) : { status: 415 });
      received.push({ body, bytes: raw.length, status: by.status });
      response.writeHead(by.status, { "content-type": "application/json", ...by.headers });
      response.end(JSON.stringify(by.body ?? {}));
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the stand-in has no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    received,
    failNext: (...answers) => void next.push(...answers),
    until: (done, timeoutMs = 20_000) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const timer = setTimeout(() => {
          end();
          reject(
            new Error(`not within ${timeoutMs} ms; answered: ${received.map(({ status }) => status).join()}`),
          );
        }, timeoutMs);
        const look = (): void => {
          if (!done()) return;
          end();
          resolve();
        };
        waiting.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
