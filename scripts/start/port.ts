import { createServer } from "node:net";
import { StartError } from "./lock.ts";

type Where = {
  /** An address of this machine, or one that stands for all of them. */
  readonly host?: string;
  /** What the person typed, for the message. */
  readonly command?: string;
};

/** @throws StartError when `port` of `host` (127.0.0.1) cannot be listened on, naming a port that is free now where it is in use. */
export async function demandFree(
  port: number,
  { host = "127.0.0.1", command = "npm start" }: Where = {},
): Promise<void> {
  const got = await tryListen(port, host);
  if (typeof got === "number") return;
  if (got === "EACCES") {
    throw new StartError(
      `Port ${port} is for the machine's administrator only. Choose one from 1024 up: ${command} -- --port 8787`,
    );
  }
  if (got === "EADDRNOTAVAIL" || got === "ENOTFOUND") {
    throw new StartError(`This machine has no address ${host}. 127.0.0.1 is itself, 0.0.0.0 all it has.`);
  }
  const free = await tryListen(0, host);
  const other = typeof free === "number" ? free : port + 1;
  throw new StartError(
    `Port ${port} is in use. Stop what listens there, or choose another: ${command} -- --port ${other}`,
  );
}

/** A port of `host` that nothing listens on now. @throws StartError where there is none to be had. */
export async function freePort(host: string): Promise<number> {
  const got = await tryListen(0, host);
  if (typeof got === "number") return got;
  throw new StartError(`No port of ${host} could be had (${got}).`);
}

/** Listens for a moment. @returns the port it got, or the code of what was wrong. */
async function tryListen(port: number, host: string): Promise<number | string> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
