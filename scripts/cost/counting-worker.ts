import engine, * as real from "../../workers/index.ts";
import { Counter } from "./counter.ts";
import { countBatch, countMethods, countNamespace, countQueue, countStorage } from "./counting.ts";

/**
 * The engine with a meter on everything that is billed by the piece. It runs the engine's own code in a real workerd
 * with real queues; only `npm run cost` ever serves it, for it shows its figures to whoever asks.
 */
export { Fanout } from "../../workers/index.ts";

const counter = new Counter();

function counted(env: Env): Env {
  return {
    ...env,
    ACTIONS: countNamespace(counter, "Action", env.ACTIONS),
    REGISTRY: countNamespace(counter, "Registry", env.REGISTRY),
    BOARD: countNamespace(counter, "Board", env.BOARD),
    LEDGER: countNamespace(counter, "Ledger", env.LEDGER),
    EVENTS: countQueue(counter, "holdpoint-events", env.EVENTS),
    DELIVERIES: countQueue(counter, "holdpoint-deliveries", env.DELIVERIES),
  };
}

/** `make` with the storage metered first, so that what a constructor writes is counted as well. */
function metered(ctx: DurableObjectState): DurableObjectState {
  countStorage(counter, ctx.id.name ?? "", ctx.storage);
  return ctx;
}

export class Action extends real.Action {
  constructor(ctx: DurableObjectState, env: Env) {
    super(metered(ctx), counted(env));
  }
}

export class Registry extends real.Registry {
  constructor(ctx: DurableObjectState, env: Env) {
    super(metered(ctx), counted(env));
  }
}

export class Board extends real.Board {
  constructor(ctx: DurableObjectState, env: Env) {
    super(metered(ctx), counted(env));
  }
}

export class Ledger extends real.Ledger {
  constructor(ctx: DurableObjectState, env: Env) {
    super(metered(ctx), counted(env));
  }
}

countMethods(counter, "Action", Action.prototype, real.Action.prototype);
countMethods(counter, "Registry", Registry.prototype, real.Registry.prototype);
countMethods(counter, "Board", Board.prototype, real.Board.prototype);
countMethods(counter, "Ledger", Ledger.prototype, real.Ledger.prototype);

/** Ids say nothing about what a call costs. */
const nameOf = (request: Request): string =>
  `${request.method} ${new URL(request.url).pathname.replaceAll(/\b[a-z]+_[\w-]{12,}/gu, ":id")}`;

function meter(request: Request): Response {
  if (request.method === "POST") counter.beginAgain();
  return Response.json({ counts: counter.taken(), alarms: counter.alarms });
}

// workerd calls a Worker's default export.
// oxlint-disable-next-line import/no-default-export
export default {
  fetch: (request, env, context) => {
    if (new URL(request.url).pathname === "/meter") return meter(request);
    if (new URL(request.url).pathname === "/healthz") return engine.fetch(request, env, context);
    const name = nameOf(request);
    counter.invoked(name);
    return counter.within(name, () => engine.fetch(request, counted(env), context));
  },
  queue: (batch, env, context) => {
    const name = `batch of ${batch.queue}`;
    counter.invoked(name);
    return counter.within(name, () => engine.queue(countBatch(counter, batch), counted(env), context));
  },
} satisfies ExportedHandler<Env>;
