import type { Subject } from "../../core/policy/subject.ts";
import type { JsonObject } from "../../schemas/json.ts";

/** An agent of Omar's, asking on a Monday morning for something on orders-db with these arguments. */
export function subjectWith(args: JsonObject = {}, change: Partial<Subject> = {}): Subject {
  return {
    args,
    target: { resource: "orders-db", environment: "production" },
    agent: { id: "agent:demo", owner: "person:omar", roles: ["remediation"], segments: ["prod-hosts"] },
    requester: { id: "agent:demo", owner: "person:omar", onBehalfOf: null },
    now: Date.parse("2026-11-23T10:00:00.000Z"),
    sums: {},
    ...change,
  };
}
