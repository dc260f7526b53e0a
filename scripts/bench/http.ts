import { Agent, request as send } from "node:http";

const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });

export type HttpCall = {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** One call over a kept connection: the body of a 2xx. @throws Error with the answer for any other status. */
export async function call(request: HttpCall): Promise<string> {
  try {
    return await attempt(request);
  } catch (error) {
    // The server has closed an idle connection at the very moment it was taken up again; POSTs carry an Idempotency-Key, and a PUT may be repeated.
    const closed = error instanceof Error && "code" in error && error.code === "ECONNRESET";
    if (!closed) throw error;
    return await attempt(request);
  }
}

function attempt({ method, url, headers, body }: HttpCall): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method, headers, agent }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => (text += part));
      answer.on("error", reject);
      answer.on("end", () => {
        const status = answer.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(text);
        else reject(new Error(`${method} ${url}: ${status} ${text.slice(0, 500)}`));
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
