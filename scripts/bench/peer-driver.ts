import { Agent, request as send } from "node:http";
import * as v from "valibot";
import { body, type Waiter } from "./driver.ts";
import { call } from "./http.ts";
import type { Keeper } from "./trip.ts";

const Made = v.object({ id: v.string() });
const decision = '{"state":"approved"}';
const outcome = '{"outcome":"succeeded","summary":"restarted"}';
const headers = { "content-type": "application/json" };

/** Waits have connections of their own: one that waits must not be in the way of a call. */
const waiting = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });

/** A peer behind the small interface that all of them have: see peers/facade.mjs. */
export function peerAt(url: string): Keeper {
  const post = (path: string, text: string): Promise<string> =>
    call({ method: "POST", url: url + path, headers, body: text });
  return {
    create: async () => {
      const { id } = v.parse(Made, JSON.parse(await post("/create", body)));
      return {
        wait: () => waitAt(`${url}/wait/${id}`),
        decide: async () => void (await post(`/decide/${id}`, decision)),
        outcome: async () => void (await post(`/outcome/${id}`, outcome)),
      };
    },
  };
}

/** Comes back with the headers, which say that waiting has begun; the body comes with the decision. */
async function waitAt(url: string): Promise<Waiter> {
  const begun = Promise.withResolvers<void>();
  const resumed = Promise.withResolvers<number>();
  // Nobody listens to it yet, and what fails before the headers fails the beginning as well.
  resumed.promise.catch(() => undefined);
  const failed = (error: Error): void => {
    begun.reject(error);
    resumed.reject(error);
  };
  const asking = send(url, { agent: waiting }, (answer) => {
    let text = "";
    begun.resolve();
    answer.setEncoding("utf8");
    answer.on("data", (part: string) => (text += part));
    answer.on("error", failed);
    answer.on("end", () => {
      if (answer.statusCode === 200 && text.includes("approved")) resumed.resolve(performance.now());
      else failed(new Error(`${url}: ${answer.statusCode ?? 0} ${text.slice(0, 300)}`));
    });
  });
  asking.on("error", failed);
  asking.end();
  await begun.promise;
  return { resumed: resumed.promise, close: () => undefined };
}
