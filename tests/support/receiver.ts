import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";

/** One request as it came in, before anything was made of it. */
export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The raw body: what the signature is over. */
  readonly body: string;
  /** `webhook-id`, or "" where there was none. */
  readonly id: string;
  readonly at: number;
  /** What the official library made of it; null where no secret of ours fits. */
  readonly verified: { type: string; timestamp: string; data: Record<string, unknown> } | null;
  /** What it was answered with; null when the connection was dropped. */
  readonly status: number | null;
};

/** How to meet one request: a status, after a while, with headers; or no answer at all. */
export type Reaction = {
  status?: number;
  delayMs?: number;
  headers?: Record<string, string>;
  drop?: boolean;
};

/**
 * A webhook receiver on loopback. It verifies with the official Standard Webhooks library, does the work of a message once
 * however often it comes, and fails as it is told to.
 */
export interface Receiver {
  readonly url: string;
  /** Every request, failed ones too, in the order they came in. */
  readonly received: Received[];
  /** The messages whose work was done: verified, answered 2xx, once a `webhook-id`. */
  readonly processed: Received[];
  /** The next requests are met so, one each; after them comes the standing reaction. */
  failNext(...reactions: Reaction[]): void;
  /** How every other request is met; 204 at once when it says nothing. */
  answerWith(reaction: Reaction): void;
  /** The secrets it holds, `whsec_…`; any of them may fit. */
  setSecrets(...secrets: string[]): void;
  /** Comes back once `done` holds for what was received. @throws Error when it does not within `timeoutMs`. */
  until(done: (receiver: Receiver) => boolean, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startReceiver(...secrets: string[]): Promise<Receiver> {
  const received: Received[] = [];
  const processed: Received[] = [];
  const next: Reaction[] = [];
  const waiting = new Set<() => void>();
  let standing: Reaction = {};
  let held = secrets;

  const meet = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const reaction = next.shift() ?? standing;
    const verified = verify(held, body, request.headers);
    const id = String(request.headers["webhook-id"] ?? "");
    const status = reaction.drop === true ? null : (reaction.status ?? (verified === null ? 401 : 204));
    const entry: Received = {
      path: request.url ?? "",
      headers: request.headers,
      body,
      id,
      at: Date.now(),
      verified,
      status,
    };
    if (reaction.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, reaction.delayMs));
    received.push(entry);
    const works = verified !== null && status !== null && status >= 200 && status < 300;
    if (works && !processed.some((earlier) => earlier.id === id)) processed.push(entry);
    if (status === null) request.socket.destroy();
    else response.writeHead(status, reaction.headers).end();
    for (const look of waiting) look();
  };

  const server = createServer((request, response) => {
    meet(request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");

  const receiver: Receiver = {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    processed,
    failNext: (...reactions) => void next.push(...reactions),
    answerWith: (reaction) => {
      standing = reaction;
    },
    setSecrets: (...others) => {
      held = others;
    },
    until: (done, timeoutMs = 30_000) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const timer = setTimeout(() => {
          stop();
          const seen = received.map(({ id, status }) => `${id} ${status}`).join("\n");
          reject(new Error(`not within ${timeoutMs} ms; received so far:\n${seen}`));
        }, timeoutMs);
        const look = (): void => {
          if (!done(receiver)) return;
          stop();
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
  return receiver;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function verify(
  secrets: readonly string[],
  body: string,
  headers: IncomingHttpHeaders,
): Received["verified"] {
  const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  for (const secret of secrets) {
    try {
      return new Webhook(secret).verify(body, flat) as Received["verified"];
    } catch {
      // Another of the secrets may fit.
    }
  }
  return null;
}
