import * as v from "valibot";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { decide } from "../../core/policy/decide.ts";
import { subjectOf } from "../../core/policy/subject.ts";
import { Contract } from "../../schemas/policy.ts";
import { median } from "./statistics.ts";

/** What it costs to decide one request by a policy of many contracts, in one process and without a server. */
export type Evaluation = {
  readonly contracts: number;
  /** Microseconds a call, medians of the rounds: a contract found by its type and decided with its conditions compiled. */
  readonly decide: number;
  /** The same for the first time in a process: every condition is compiled. */
  readonly first: number;
  /** The same contract without conditions: what is left is the call. */
  readonly bare: number;
  /** `JSON.parse` of the request's own body, for comparison. */
  readonly parse: number;
};

const body = JSON.stringify({
  type: "load.t500",
  target: { resource: "orders-db", environment: "production" },
  args: { amount: 1_200, currency: "EUR", hosts: ["web-1", "web-2"], note: "as agreed" },
  reason: "It is due",
});

const Asked = v.object({
  target: v.object({ resource: v.string(), environment: v.string() }),
  args: v.record(v.string(), v.union([v.string(), v.number(), v.array(v.string())])),
});

/** Conditions of four clauses each, no two contracts alike; the fourth of four entries decides. */
const contractAt = (index: number, withConditions: boolean): Contract =>
  v.parse(Contract, {
    type: `load.t${index}`,
    class: "load",
    risk: "high",
    args: { type: "object" },
    roles: ["remediation"],
    rule: { seat: "s", n: 1, from: ["group:oncall"] },
    decide: withConditions
      ? [
          { when: `args.amount > ${1_000_000 + index} || args.currency == 'XTS'`, then: "deny" },
          { when: `args.hosts.exists(h, h.startsWith('db-${index}'))`, then: "gate" },
          { when: `target.environment != 'production' && args.amount < ${index}`, then: "allow" },
          {
            when: `args.amount >= ${index % 1_000} && args.currency in ['EUR', 'USD'] && now > timestamp('2020-01-01T00:00:00Z')`,
            then: "gate",
          },
        ]
      : [{ then: "gate" }],
  });

/** Rounds of `seconds` each. */
export function measureEvaluation(
  contracts: number,
  { rounds, seconds }: { rounds: number; seconds: number },
): Evaluation {
  const { target, args } = v.parse(Asked, JSON.parse(body));
  const requester = { kind: "agent", id: "agent:demo", owner: "person:omar" } as const;
  const agents = {
    "agent:demo": {
      id: "agent:demo",
      owner: "person:omar",
      roles: ["remediation"],
      segments: [],
      active: true,
    },
  };
  const deciding = (withConditions: boolean): ((index: number) => void) => {
    const byType = new Map(
      Array.from({ length: contracts }, (_, index) => [`load.t${index}`, contractAt(index, withConditions)]),
    );
    return (index) => {
      const contract = byType.get(`load.t${index % contracts}`);
      const now = 1_700_000_000_000 + index;
      const decision =
        contract === undefined
          ? null
          : decide(contract, subjectOf({ args, target, requester }, { agents }, now), judge);
      if (decision?.outcome !== "gate" || decision.errors.length > 0) {
        throw new Error("it decided something else");
      }
    };
  };
  const conditions = deciding(true);
  const started = performance.now();
  for (let index = 0; index < contracts; index++) conditions(index);
  const first = ((performance.now() - started) * 1_000) / contracts;
  const timed = (work: (index: number) => void): number =>
    median(Array.from({ length: rounds }, () => microsecondsOf(work, seconds * 1_000)));
  return {
    contracts,
    first,
    decide: timed(conditions),
    bare: timed(deciding(false)),
    parse: timed(() => void JSON.parse(body)),
  };
}

function microsecondsOf(work: (index: number) => void, forMs: number): number {
  const started = performance.now();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < forMs) {
    for (let index = 0; index < 100; index++) work(calls++);
    elapsed = performance.now() - started;
  }
  return (elapsed * 1_000) / calls;
}
