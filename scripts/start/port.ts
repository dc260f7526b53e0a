import { createServer } from "node:net";
import { StartError } from "./state.ts";

/** @throws StartError when something listens on 127.0.0.1:`port`, naming a port that is free now. */
export async function demandFree(port: number): Promise<void> {
  if (port === 0 || (await tryListen(port)) !== null) return;
  const free = await tryListen(0);
  throw new StartError(
    `Port ${port} is in use. Stop what listens there, or choose another: npm start -- --port ${free ?? port + 1}`,
  );
}

/** Listens for a moment. @returns the port it got, or null when it could not. */
async function tryListen(port: number): Promise<number | null> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
