import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** How one request was met. `answer lost`: it was passed on, and the caller never heard what came of it. */
export const mishaps = ["500", "429", "dropped", "answer lost", "refused for good"] as const;
export type Mishap = (typeof mishaps)[number];

/**
 * What stands between the engine and a service on a bad day: a proxy on loopback that lets so many of the requests come to grief,
 * until it is over.
 */
export type Outage = {
  /** What the engine is told to find the service by. */
  readonly url: string;
  /** How many requests were met how, while it lasted and after. */
  readonly met: Record<Mishap | "passed", number>;
  /** From now on everything is passed on. */
  readonly end: () => void;
  readonly close: () => Promise<void>;
};

type Parts = {
  /** The service behind it; its path is kept. */
  target: string;
  random: () => number;
  /** The share of requests that come to grief. */
  share: number;
  /** Mishaps that this service has. They come in turns, each turn in another order, so that none is left out by chance. */
  kinds: readonly Mishap[];
};

export async function startOutage({ target, random, share, kinds }: Parts): Promise<Outage> {
  const met: Outage["met"] = {
    passed: 0,
    "500": 0,
    "429": 0,
    dropped: 0,
    "answer lost": 0,
    "refused for good": 0,
  };
  let over = false;
  let turn: Mishap[] = [];
  const draw = (): Mishap | "passed" => {
    if (over || random() >= share) return "passed";
    if (turn.length === 0) turn = [...kinds];
    return turn.splice(Math.floor(random() * turn.length), 1)[0] ?? "passed";
  };
  const meet = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const fate = draw();
    met[fate] += 1;
    switch (fate) {
      case "500":
        return void response.writeHead(500).end();
      case "429":
        return void response.writeHead(429, { "retry-after": String(1 + Math.floor(random() * 3)) }).end();
      case "refused for good":
        return void response.writeHead(400).end();
      case "dropped":
        return void request.socket.destroy();
      case "answer lost":
        await passOn(target, request, body);
        return void request.socket.destroy();
      case "passed": {
        const answer = await passOn(target, request, body);
        response.writeHead(answer.status, answer.headers).end(answer.body);
      }
    }
  };
  const server = createServer((request, response) => {
    // Whoever called is gone, or the service is: both look like a broken connection.
    meet(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the outage has no port");
  return {
    url: `http://127.0.0.1:${address.port}${new URL(target).pathname}`,
    met,
    end: () => {
      over = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Headers of one connection, and what `fetch` sets by itself. */
const hopByHop = new Set([
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "expect",
]);

async function passOn(
  target: string,
  request: IncomingMessage,
  body: Buffer,
): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
  const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
    hopByHop.has(name) || value === undefined ? [] : [[name, String(value)]],
  );
  const answer = await fetch(new URL(request.url ?? "/", target), {
    method: request.method ?? "POST",
    headers,
    ...(body.length > 0 && { body }),
  });
  const kept = [...answer.headers].filter(([name]) => !hopByHop.has(name) && name !== "content-encoding");
  return {
    status: answer.status,
    headers: Object.fromEntries(kept),
    body: Buffer.from(await answer.arrayBuffer()),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}
