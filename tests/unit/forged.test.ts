import { describe } from "vitest";
import { defendDoor } from "../support/forged/campaign.ts";
import { access } from "../support/forged/doors/access.ts";
import { grants } from "../support/forged/doors/grants.ts";
import { keys } from "../support/forged/doors/keys.ts";
import { links, tickets } from "../support/forged/doors/passes.ts";
import { sessions } from "../support/forged/doors/sessions.ts";
import { setupToken } from "../support/forged/doors/setup-token.ts";
import { webhooks } from "../support/forged/doors/webhooks.ts";
import { workloads } from "../support/forged/doors/workloads.ts";

/** Everything that proves who somebody is, but for Slack's signature (slack-signature.test.ts) and evidence (tampering.test.ts). */
const doors = 9;

describe("T6 T15 a forged API key", () => {
  defendDoor(keys, doors);
});
describe("T6 T20 T21 a forged session", () => {
  defendDoor(sessions, doors);
});
describe("T6 T11 a forged sign-in link", () => {
  defendDoor(links, doors);
});
describe("T6 T21 a forged ticket", () => {
  defendDoor(tickets, doors);
});
describe("T6 a forged setup token", () => {
  defendDoor(setupToken, doors);
});
describe("T6 T8 T15 a forged token of a workload", () => {
  defendDoor(workloads, doors);
});
describe("T6 T7 T20 a forged token of Cloudflare Access", () => {
  defendDoor(access, doors);
});
describe("T6 T13 a forged webhook", () => {
  defendDoor(webhooks, doors);
});
describe("T5 T6 T9 a forged grant", () => {
  defendDoor(grants, doors);
});
