import { serve } from "./http/serve.ts";
import { consumeBatch } from "./queue.ts";
import { sweep } from "./cron.ts";
import { routes } from "./routes/index.ts";

export { Action } from "../objects/action/action.ts";
export { Board } from "../objects/board/board.ts";
export { Ledger } from "../objects/ledger/ledger.ts";
export { Registry } from "../objects/registry/registry.ts";
export { AgentDoor } from "./door.ts";
export { Fanout } from "./fan-out.ts";

const handle = serve(routes);

export default {
  fetch: (request, env, context) => handle(request, env, context),
  queue: (batch, env, context) => consumeBatch(batch, env, context),
  scheduled: async (controller, env) => {
    await sweep(env, controller.scheduledTime);
  },
} satisfies ExportedHandler<Env>;
