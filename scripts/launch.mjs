// Runs a TypeScript entry point under the pinned Node, from whatever Node the machine has.
import { spawn } from "node:child_process";
import { pinnedNode } from "./ensure.mjs";

/**
 * Starts `file` under the pinned Node with this process's arguments and standard streams, and ends as it ends: with
 * its exit code, or killed by the same signal. Signals sent to this process reach the child.
 *
 * `supervise` is for what serves until it is stopped. It opens a channel to the child: the child learns at once when
 * this process dies, and tells of the processes it starts (`{started: pid}`, `{ended: pid}`), which are killed here if
 * it dies without having done so itself.
 */
export function runPinned(file, { supervise = false } = {}) {
  const child = spawn(pinnedNode, [file, ...process.argv.slice(2)], {
    stdio: supervise ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
  });
  const descendants = new Set();
  if (supervise) {
    child.on("message", (message) => {
      if (typeof message.started === "number") descendants.add(message.started);
      if (typeof message.ended === "number") descendants.delete(message.ended);
    });
    stopWithNpm(child);
  }
  // A terminal delivers Ctrl-C to the child as well; passing it on would make it count twice.
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on("SIGINT", () => {
    if (!terminal) child.kill("SIGINT");
  });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));

  child.on("error", (error) => {
    console.error(`Could not start ${pinnedNode}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    for (const pid of descendants) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already, which is what was wanted.
      }
    }
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** A `kill` of npm ends npm and the shell it runs scripts in, and is passed on by neither: being orphaned is the signal. */
function stopWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = () => process.ppid !== parent && child.kill("SIGTERM");
  setInterval(watch, 250).unref();
}
