import type { Route } from "../http/route.ts";
import { actionRoutes } from "./actions.ts";
import { batchRoutes } from "./batches.ts";
import { cardRoutes } from "./card.ts";
import { breakGlassRoutes } from "./break-glass.ts";
import { boardRoutes } from "./board.ts";
import { decisionRoutes } from "./decisions.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { directoryRoutes } from "./directory.ts";
import { engineRoutes, openApiRoute } from "./engine.ts";
import { executionRoutes } from "./execution.ts";
import { keyRoutes } from "./keys.ts";
import { metricsRoutes } from "./metrics.ts";
import { policyRoutes } from "./policy.ts";
import { sessionRoutes } from "./session.ts";
import { slackRoutes } from "./slack.ts";
import { webhookRoutes } from "./webhooks.ts";

/** Fixed paths come before those with a parameter, because the first match answers. */
const described: readonly Route[] = [
  ...batchRoutes,
  ...boardRoutes,
  ...actionRoutes,
  ...cardRoutes,
  ...decisionRoutes,
  ...breakGlassRoutes,
  ...executionRoutes,
  ...policyRoutes,
  ...directoryRoutes,
  ...keyRoutes,
  ...webhookRoutes,
  ...deliveryRoutes,
  ...slackRoutes,
  ...metricsRoutes,
  ...sessionRoutes,
  ...engineRoutes,
];

/** Every address there is. */
export const routes: readonly Route[] = [...described, openApiRoute(described)];
