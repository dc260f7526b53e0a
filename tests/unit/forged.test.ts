import { defendDoor, type Door } from "../support/forged/campaign.ts";
import { access } from "../support/forged/doors/access.ts";
import { grants } from "../support/forged/doors/grants.ts";
import { keys } from "../support/forged/doors/keys.ts";
import { links, tickets } from "../support/forged/doors/passes.ts";
import { sessions } from "../support/forged/doors/sessions.ts";
import { setupToken } from "../support/forged/doors/setup-token.ts";
import { webhooks } from "../support/forged/doors/webhooks.ts";
import { workloads } from "../support/forged/doors/workloads.ts";

/** Everything that proves who somebody is, but for Slack's signature (slack-signature.test.ts) and evidence (tampering.test.ts). */
const doors: readonly Door[] = [
  keys,
  sessions,
  links,
  tickets,
  setupToken,
  workloads,
  access,
  webhooks,
  grants,
];

for (const door of doors) defendDoor(door, doors.length);
