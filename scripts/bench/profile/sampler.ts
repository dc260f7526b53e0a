import * as v from "valibot";

/** What V8's sampling profiler found: a tree of calls, and for each sample its leaf and the µs since the one before (`Profiler.stop`). */
export const Samples = v.object({
  nodes: v.array(
    v.object({
      id: v.number(),
      callFrame: v.object({ functionName: v.string(), lineNumber: v.number(), columnNumber: v.number() }),
      children: v.optional(v.array(v.number()), []),
    }),
  ),
  samples: v.array(v.number()),
  timeDeltas: v.array(v.number()),
});
export type Samples = v.InferOutput<typeof Samples>;

const Targets = v.pipe(v.array(v.object({ webSocketDebuggerUrl: v.string() })), v.minLength(1));
/** workerd answers what it does itself without a result. */
const Answer = v.object({ id: v.number(), result: v.optional(v.unknown()) });

const intervalUs = 200;

/** Samples the Worker behind an inspector's address (Chrome DevTools Protocol) while `work` goes on. */
export async function sampled(inspector: string, work: () => Promise<unknown>): Promise<Samples> {
  const [target] = v.parse(Targets, await (await fetch(`${inspector}/json/list`)).json());
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`the inspector at ${inspector} lets nobody in`)));
  });
  const answers = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const answer = v.safeParse(Answer, JSON.parse(String(data)));
    if (answer.success) answers.get(answer.output.id)?.(answer.output.result);
  });
  const call = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = answers.size + 1;
      answers.set(id, resolve);
      socket.addEventListener("close", () => reject(new Error(`the inspector at ${inspector} has gone`)));
      socket.send(JSON.stringify({ id, method, params }));
    });
  try {
    await call("Profiler.enable");
    await call("Profiler.setSamplingInterval", { interval: intervalUs });
    await call("Profiler.start");
    await work();
    return v.parse(v.object({ profile: Samples }), await call("Profiler.stop")).profile;
  } finally {
    socket.close();
  }
}
