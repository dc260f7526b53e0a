import { createServer } from "node:http";
import * as v from "valibot";

const Notice = v.object({ data: v.object({ id: v.string() }) });

/** A webhook receiver on this machine. It trusts what it gets: only the engine that is counted sends to it. */
export type Receiver = {
  readonly url: string;
  /** Comes back once a notice of this action has come. @throws Error after half a minute without one */
  readonly heardOf: (id: string) => Promise<void>;
  /** How many notices have come. */
  readonly count: () => number;
};

const maxWaitMs = 30_000;

/** Listens until the process ends. */
export async function startReceiver(): Promise<Receiver> {
  const heard = new Map<string, PromiseWithResolvers<void>>();
  let count = 0;
  const of = (id: string): PromiseWithResolvers<void> => {
    const one = heard.get(id) ?? Promise.withResolvers<void>();
    heard.set(id, one);
    return one;
  };
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => (text += part));
    request.on("end", () => {
      count += 1;
      response.writeHead(204).end();
      of(v.parse(Notice, JSON.parse(text)).data.id).resolve();
    });
  });
  server.unref();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    count: () => count,
    heardOf: async (id) => {
      const late = (): void => of(id).reject(new Error(`no webhook about ${id} came`));
      const timer = setTimeout(late, maxWaitMs);
      await of(id).promise.finally(() => clearTimeout(timer));
    },
  };
}
