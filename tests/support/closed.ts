import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A process that was killed still has to be given the time to die. */
const closedMs = 60_000;

/**
 * Whatever the kernel still has to do for a killed group, its port is free for the next engine after this, and nothing of it writes
 * any more: of a process that is dead to the eye, a thread may still be in the midst of a write, and what it has open is closed after that.
 */
export async function untilClosed(port: number): Promise<void> {
  const until = Date.now() + closedMs;
  while (Date.now() < until) {
    if (!(await listens(port))) return;
    await delay(20);
  }
  throw new Error(`Something still listens on port ${port}`);
}

async function listens(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
