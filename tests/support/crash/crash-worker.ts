import engine from "../../../workers/index.ts";

/**
 * The engine of a test build, in which every `await` has a hook before and after it (`points.ts`). The hook at the armed number
 * says so and then holds the only thread of this process for ever: nothing that was not handed to the kernel by then, no write,
 * no answer, no message, leaves it any more. Whoever reads the line kills it.
 */
export { Action } from "../../../objects/action/action.ts";
export { Board } from "../../../objects/board/board.ts";
export { Ledger } from "../../../objects/ledger/ledger.ts";
export { Registry } from "../../../objects/registry/registry.ts";
export { AgentDoor } from "../../../workers/door.ts";
export { Fanout } from "../../../workers/fan-out.ts";

const reached = new Set<number>();
let armed: number | null = null;

const crash = (n: number): void => {
  reached.add(n);
  if (n !== armed) return;
  console.error(`crash point ${n}`);
  for (;;);
};

Object.assign(globalThis, {
  __crash: crash,
  __passed: <Value>(n: number, value: Value): Value => {
    crash(n);
    return value;
  },
});

/** `POST ?arm=N` arms a point, or none; any call answers the points that were reached since the process began. */
function control({ url, method }: Request): Response {
  const wanted = new URL(url).searchParams.get("arm");
  if (method === "POST") armed = wanted === null ? null : Number(wanted);
  return Response.json([...reached]);
}

// workerd calls a Worker's default export.
// oxlint-disable-next-line import/no-default-export
export default {
  ...engine,
  fetch: (request, env, context) =>
    new URL(request.url).pathname === "/crash-points"
      ? control(request)
      : engine.fetch(request, env, context),
} satisfies ExportedHandler<Env>;
