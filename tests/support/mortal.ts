import { startEngine } from "./server.ts";
import { dataFolder, startSelfHost } from "./selfhost.ts";

/** What a campaign of kills needs of an engine; it is another one after each kill. */
export type Mortal = {
  readonly url: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly stateDir: string;
  /** kill -9 of the whole process group. */
  readonly kill9: () => Promise<void>;
  /** Another one on the same data and port. */
  readonly restart: () => Promise<Mortal>;
  /** A polite end, which leaves nothing behind. */
  readonly stop: () => Promise<void>;
};

/** The ways an engine is run: as `npm start` does, with queues, or as `npm run selfhost` does, under plain workerd. */
export const waysToRun = {
  start: (): Promise<Mortal> => startEngine(),
  selfhost: (): Promise<Mortal> => {
    const { folder, remove } = dataFolder();
    return selfHosted(folder, remove, "0");
  },
} as const;
export type WayToRun = keyof typeof waysToRun;

/** @throws Error for a name of none. */
export function wayToRun(name: string): WayToRun {
  if (name === "start" || name === "selfhost") return name;
  throw new Error(`HOLDPOINT_UNDER is to be one of ${Object.keys(waysToRun).join(", ")}`);
}

async function selfHosted(folder: string, remove: () => void, port: string): Promise<Mortal> {
  const engine = await startSelfHost(folder, "--local", "--starter", "--sweep-every", "1", "--port", port);
  const { url, keys, kill9 } = engine;
  return {
    url,
    keys,
    stateDir: folder,
    kill9,
    restart: async () => {
      await engine.stop();
      return selfHosted(folder, remove, new URL(url).port);
    },
    stop: async () => {
      await engine.stop();
      remove();
    },
  };
}
