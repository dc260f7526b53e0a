// Serves one Worker exactly as `npm start` serves the engine, without its set-up. Arguments: the wrangler configuration,
// the port and the folder for its data. Prints its address and ends when whoever started it is gone.
import { startEngine } from "../start/engine.ts";
import { Shutdown } from "../start/shutdown.ts";

const [config, port, storage] = process.argv.slice(2);
if (config === undefined || port === undefined || storage === undefined) {
  throw new Error("usage: serve.ts CONFIG PORT STORAGE");
}
const shutdown = new Shutdown();
const { url, stop } = await startEngine({
  config,
  port: Number(port),
  storage,
  setupToken: "",
  onStarted: () => undefined,
  onEnded: () => void shutdown.failed("workerd has ended unexpectedly"),
});
shutdown.before(stop);
console.log(JSON.stringify({ url }));
