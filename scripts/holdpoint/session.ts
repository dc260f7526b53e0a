import type { Command } from "commander";
import { type Client, createClient } from "../../client/index.ts";
import { type Connection, findDevFile, type Flags, resolveConnection, type Role } from "./connection.ts";
import { Terminal } from "./terminal.ts";

export type GlobalOptions = Flags & { json?: boolean; color?: boolean };

/** What every command works with: somebody's client, and a way to talk to whoever typed. */
export type Session = { client: Client; connection: Connection; terminal: Terminal };

/** Opens the session of a command, as whom the flags, the environment or `role` says. */
export function openSession(command: Command, role: Role): Session {
  const flags: GlobalOptions = command.optsWithGlobals();
  const connection = resolveConnection({ flags, env: process.env, dev: findDevFile(process.cwd()), role });
  return {
    connection,
    client: createClient({
      url: connection.url,
      key: connection.key,
      workspace: process.env["HOLDPOINT_WORKSPACE"],
      name: "cli",
    }),
    terminal: openTerminal(command),
  };
}

export function openTerminal(command: Command): Terminal {
  const { json = false, color = true }: GlobalOptions = command.optsWithGlobals();
  return new Terminal({ json, color });
}
