import { execFile } from "node:child_process";
import { CliError } from "./exit-code.ts";

/** A token is asked for anew this long before it ends: the call it is for has to arrive in time. */
const marginMs = 60_000;

/**
 * The key that a shell command prints, for tokens that end before the work does: it runs again when the one before is about to end,
 * or says no end at all.
 */
export function keyFromCommand(command: string, now: () => number = Date.now): () => Promise<string> {
  let known = { key: "", endsAt: 0 };
  return async () => {
    if (now() < known.endsAt - marginMs) return known.key;
    const key = (await outputOf(command)).trim();
    if (key === "" || /\s/u.test(key)) {
      throw new CliError("HOLDPOINT_KEY_COMMAND must print a key or a token, and nothing else.");
    }
    known = { key, endsAt: endOf(key) };
    return key;
  };
}

function outputOf(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("sh", ["-c", command], { timeout: 30_000 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      // Not the error's own message: it repeats the command, which may hold a secret.
      reject(new CliError(`HOLDPOINT_KEY_COMMAND failed: ${stderr.trim() || "it said nothing"}`));
    });
  });
}

/** When (epoch ms) a token ends, as it says itself; a key of the engine's own says nothing and is kept. */
function endOf(key: string): number {
  if (key.startsWith("hp_")) return Infinity;
  try {
    const claims: unknown = JSON.parse(Buffer.from(key.split(".")[1] ?? "", "base64url").toString());
    const isObject = typeof claims === "object" && claims !== null;
    return isObject && "exp" in claims && typeof claims.exp === "number" ? claims.exp * 1_000 : 0;
  } catch {
    return 0;
  }
}
