// A server that an adapter runs beside itself, in the same process group.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEnd, fail } from "./facade.mjs";

/** Starts it; `signal` asks it to stop. What it says to standard error is passed on when it ends by itself. */
export function startChild(command, args, { signal, ...options }) {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-4_000)));
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, by) => resolve(`ended with ${code ?? by}`));
  });
  void ended.then((how) => fail(`${command} ${how}\n${said}`));
  beforeEnd(async () => {
    child.kill(signal);
    await ended;
  });
  return child;
}

/** Tries until it works, a minute at most. */
export async function until(work, what) {
  const last = performance.now() + 60_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const over = performance.now() > last;
      if (over) throw new Error(`${what} did not come up: ${error.message}`, { cause: error });
      await delay(50);
    }
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
