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
import { eraseRoutes } from "./erase.ts";
import { evidenceRoutes } from "./evidence.ts";
import { evaluationRoutes } from "./evaluation.ts";
import { executionRoutes } from "./execution.ts";
import { feedbackRoutes } from "./feedback.ts";
import { guardrailRoutes } from "./guardrails.ts";
import { holdRoutes } from "./holds.ts";
import { issuerRoutes } from "./issuers.ts";
import { killSwitchRoutes } from "./kill-switches.ts";
import { keyRoutes } from "./keys.ts";
import { ledgerRoutes } from "./ledger.ts";
import { metricsRoutes } from "./metrics.ts";
import { onCallRoutes } from "./oncall.ts";
import { policyRoutes } from "./policy.ts";
import { purgeRoutes } from "./purge.ts";
import { sessionRoutes } from "./session.ts";
import { slackRoutes } from "./slack.ts";
import { webhookRoutes } from "./webhooks.ts";

/** Fixed paths come before those with a parameter, because the first match answers. */
const described: readonly Route[] = [
  ...batchRoutes,
  ...evidenceRoutes,
  ...boardRoutes,
  ...actionRoutes,
  ...cardRoutes,
  ...decisionRoutes,
  ...breakGlassRoutes,
  ...executionRoutes,
  ...feedbackRoutes,
  ...guardrailRoutes,
  ...policyRoutes,
  ...evaluationRoutes,
  ...directoryRoutes,
  ...onCallRoutes,
  ...killSwitchRoutes,
  ...holdRoutes,
  ...eraseRoutes,
  ...purgeRoutes,
  ...keyRoutes,
  ...issuerRoutes,
  ...webhookRoutes,
  ...deliveryRoutes,
  ...slackRoutes,
  ...ledgerRoutes,
  ...metricsRoutes,
  ...sessionRoutes,
  ...engineRoutes,
];

/** Every address there is. */
export const routes: readonly Route[] = [...described, openApiRoute(described)];
