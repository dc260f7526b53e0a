import { describe, test } from "vitest";
import { chainRefusal, noSegment, scopeRefusal } from "../../core/scope.ts";
import type { Target } from "../../schemas/action.ts";
import type { Agent } from "../../schemas/directory.ts";
import { Policy, type RoleClass } from "../../schemas/policy.ts";
import * as v from "valibot";
import { starterPolicy } from "../support/starter.ts";

/**
 * What the three role classes of the starter policy allow, written out by hand. A cell that is not in it is refused; a role, a tool, a
 * segment or a contract of the policy that has no row here fails.
 */
const roleNames = ["read-only-incident-triage", "code-analysis", "controlled-remediation"] as const;
type RoleName = (typeof roleNames)[number];

/** "-": the target says nothing. */
const absent = "-";

type Row = { readonly tools: readonly string[]; readonly segments: readonly string[] };

const reading = [absent, "logs", "metrics", "traces", "pods.read", "pods.list", "pods.describe"];
const analysing = [absent, "git", "search", "static-analysis", "test-runner", "code.index"];
const mending = [absent, "shell", "migrate", "deploy", "export", "refund", "mail"];
const production = ["prod-hosts", "prod-data"];
const mended = { tools: mending, segments: [...production, absent, noSegment] };

const allowed: Record<RoleName, Record<string, Row>> = {
  "read-only-incident-triage": {
    "logs.read": { tools: reading, segments: production },
    "pods.list": { tools: reading, segments: production },
    "pods.describe": { tools: reading, segments: production },
  },
  "code-analysis": {
    "code.lint": { tools: analysing, segments: ["build"] },
    "code.test": { tools: analysing, segments: ["build"] },
  },
  "controlled-remediation": {
    "host.shell": mended,
    "db.migrate": mended,
    "deploy.production": mended,
    "data.export": mended,
    "payment.refund": mended,
    "email.send": mended,
  },
};

/** The contracts that the starter policy has, and which role classes each is for. */
const contracts: Record<string, { readonly tool: string; readonly roles: readonly RoleName[] }> = {
  "host.shell": { tool: "shell", roles: ["controlled-remediation"] },
  "db.migrate": { tool: "migrate", roles: ["controlled-remediation"] },
  "deploy.production": { tool: "deploy", roles: ["controlled-remediation"] },
  "data.export": { tool: "export", roles: ["controlled-remediation"] },
  "payment.refund": { tool: "refund", roles: ["controlled-remediation"] },
  "email.send": { tool: "mail", roles: ["controlled-remediation"] },
};

/** Types that the policy has no contract for yet, and some that no role class should ever cover. */
const otherTypes = [
  "logs.read",
  "pods.list",
  "pods.describe",
  "code.lint",
  "code.test",
  "host.reboot",
  "db.drop",
  "payment.send",
  "code",
  "logs.reads",
  "iam.grant",
];

/** Every entry of the role classes' own lists, with what stands for it among the tools and segments below. */
const listed: Record<RoleName, Pick<RoleClass, "types" | "tools" | "segments" | "targets">> = {
  "read-only-incident-triage": {
    types: ["*.read", "*.list", "*.describe"],
    tools: ["logs", "metrics", "traces", "*.read", "*.list", "*.describe"],
    segments: ["prod-hosts", "prod-data"],
    targets: ["*"],
  },
  "code-analysis": {
    types: ["code.*"],
    tools: ["git", "search", "static-analysis", "test-runner", "code.*"],
    segments: ["build"],
    targets: ["*"],
  },
  "controlled-remediation": {
    types: ["host.shell", "db.migrate", "deploy.production", "data.export", "payment.refund", "email.send"],
    tools: ["shell", "migrate", "deploy", "export", "refund", "mail"],
    segments: ["prod-hosts", "prod-data", "(none)"],
    targets: ["*"],
  },
};

const tools = [
  ...new Set([...reading, ...analysing, ...mending, "ssh", "kubectl", "Shell", "logs.write", "code", "*"]),
];
const segments = ["prod-hosts", "prod-data", "build", "corp", "PROD-HOSTS", "prod-", "*", noSegment, absent];

const policy = v.parse(Policy, starterPolicy());
const agentWith = (role: string, own: readonly string[]): Agent => ({
  id: "agent:any",
  owner: "person:omar",
  roles: [role],
  segments: [...own],
  active: true,
});
/** An agent that its own segments do not narrow, so that the role class alone decides. */
const unconfined = ["*", noSegment];

const targetOf = (tool: string, segment: string): Target => ({
  resource: "anything-1",
  ...(tool !== absent && { tool }),
  ...(segment !== absent && { segment }),
});

type Cell = { role: RoleName; type: string; tool: string; segment: string };

function* cells(types: readonly string[]): Generator<Cell> {
  for (const role of roleNames) {
    for (const type of types) {
      for (const tool of tools) for (const segment of segments) yield { role, type, tool, segment };
    }
  }
}

const isListed = ({ role, type, tool, segment }: Cell): boolean => {
  const row = Object.hasOwn(allowed[role], type) ? allowed[role][type] : undefined;
  return row !== undefined && row.tools.includes(tool) && row.segments.includes(segment);
};

describe("T8 the role classes of the starter policy", () => {
  test("have a row here for every role, tool, segment and contract there is", ({ expect }) => {
    expect(Object.keys(policy.roles).toSorted()).toEqual([...roleNames].toSorted());
    for (const role of roleNames) {
      const { types, tools: own, segments: reached, targets } = policy.roles[role]!;
      expect({ role, types, tools: own, segments: reached, targets }).toEqual({ role, ...listed[role] });
    }
    const shipped = policy.contracts.map(({ type, tool, roles }) => [type, { tool, roles }]);
    expect(Object.fromEntries(shipped)).toEqual(contracts);
  });

  test("allow exactly the cells that are listed, with the contracts as they are", ({ expect }) => {
    let allowedCells = 0;
    let looked = 0;
    for (const cell of cells(Object.keys(contracts))) {
      const { tool, roles } = contracts[cell.type]!;
      const contract = { type: cell.type, tool, roles: [...roles] };
      const refusal = scopeRefusal(
        agentWith(cell.role, unconfined),
        policy.roles,
        contract,
        targetOf(cell.tool, cell.segment),
      );
      expect([cell, refusal === null]).toEqual([cell, isListed(cell)]);
      looked += 1;
      if (refusal === null) allowedCells += 1;
    }
    expect(looked).toBe(3 * 6 * tools.length * segments.length);
    // Six types, six tools or none, two segments or none, which may be said in two ways.
    expect(allowedCells).toBe(6 * 7 * 4);
  });

  test("are a ceiling: a contract open to all of them allows no cell more", ({ expect }) => {
    let allowedCells = 0;
    const types = [...Object.keys(contracts), ...otherTypes];
    for (const cell of cells(types)) {
      const tool = contracts[cell.type]?.tool;
      const contract = { type: cell.type, roles: [...roleNames], ...(tool !== undefined && { tool }) };
      const refusal = scopeRefusal(
        agentWith(cell.role, unconfined),
        policy.roles,
        contract,
        targetOf(cell.tool, cell.segment),
      );
      expect([cell, refusal === null]).toEqual([cell, isListed(cell)]);
      if (refusal === null) allowedCells += 1;
    }
    expect(allowedCells).toBe(6 * 7 * 4 + 3 * 7 * 2 + 2 * 6 * 1);
  });

  test("are narrowed by the agent's own segments, and reach no target without one unless both name it", ({
    expect,
  }) => {
    for (const own of [[], ["prod-data"], ["prod-*"], ["*"], [noSegment], ["build"], ["corp"]]) {
      const reachable = (segment: string): boolean =>
        segment === absent || segment === noSegment
          ? own.includes(noSegment)
          : own.includes("*") ||
            own.includes(segment) ||
            (own.includes("prod-*") && segment.startsWith("prod-"));
      for (const cell of cells(Object.keys(contracts))) {
        const { tool, roles } = contracts[cell.type]!;
        const contract = { type: cell.type, tool, roles: [...roles] };
        const refusal = scopeRefusal(
          agentWith(cell.role, own),
          policy.roles,
          contract,
          targetOf(cell.tool, cell.segment),
        );
        const wanted = isListed(cell) && reachable(cell.segment);
        expect([own, cell, refusal === null]).toEqual([own, cell, wanted]);
      }
    }
  });

  test("no star lets a target without a segment in; its name does", ({ expect }) => {
    const contract = { type: "email.send", tool: "mail", roles: ["controlled-remediation"] };
    const role = policy.roles["controlled-remediation"]!;
    const target = { resource: "customer 4711" };
    for (const own of [["*"], ["**"], ["?*"], ["(*"], ["(?one)"], [""], []]) {
      const roles = { "controlled-remediation": { ...role, segments: own } };
      expect(
        scopeRefusal(agentWith("controlled-remediation", unconfined), roles, contract, target),
      ).not.toBeNull();
      expect(
        scopeRefusal(agentWith("controlled-remediation", own), policy.roles, contract, target),
      ).not.toBeNull();
    }
    expect(
      scopeRefusal(agentWith("controlled-remediation", [noSegment]), policy.roles, contract, target),
    ).toBeNull();
  });
});

describe("T8 a chain of agents", () => {
  const agents = (parent: Partial<Agent>, helper: Partial<Agent> = {}): Record<string, Agent> => ({
    "agent:helper": {
      ...agentWith("controlled-remediation", ["prod-hosts", "prod-data"]),
      id: "agent:helper",
      actsFor: "agent:parent",
      ...helper,
    },
    "agent:parent": { ...agentWith("controlled-remediation", ["prod-hosts"]), id: "agent:parent", ...parent },
  });
  const contract = { type: "host.shell", tool: "shell", roles: [...roleNames] };
  const ask = (given: Record<string, Agent>, segment: string): string | null =>
    chainRefusal("agent:helper", given, policy.roles, contract, { resource: "web-1", segment })?.detail ??
    null;

  test("may ask for what every one of it may, and for nothing else", ({ expect }) => {
    expect(ask(agents({}), "prod-hosts")).toBeNull();
    expect(ask(agents({}), "prod-data")).toContain("agent:helper acts for agent:parent");
    expect(ask(agents({}, { segments: ["prod-data"] }), "prod-hosts")).toContain("agent:helper");
    expect(ask(agents({ active: false }), "prod-hosts")).toContain("not active");
    expect(ask(agents({ roles: ["read-only-incident-triage"] }), "prod-hosts")).toContain("agent:parent");
    expect(ask(agents({ roles: [] }), "prod-hosts")).toContain("agent:parent");
  });

  test("lends nothing downwards: a helper of a mightier agent has its own rights only", ({ expect }) => {
    const weak = { roles: ["code-analysis"], segments: ["build"] };
    expect(ask(agents({}, weak), "prod-hosts")).not.toBeNull();
    expect(ask(agents({}, weak), "build")).not.toBeNull();
  });

  test("that leads nowhere, in a circle or too far asks for nothing", ({ expect }) => {
    expect(ask(agents({ actsFor: "agent:gone" }), "prod-hosts")).not.toBeNull();
    expect(ask(agents({ actsFor: "agent:helper" }), "prod-hosts")).not.toBeNull();
    expect(ask(agents({ actsFor: "constructor" }), "prod-hosts")).not.toBeNull();
    const long = Object.fromEntries(
      Array.from({ length: 9 }, (_, index) => {
        const id = index === 0 ? "agent:helper" : `agent:a${index}`;
        const own = agentWith("controlled-remediation", ["prod-hosts"]);
        return [id, { ...own, id, ...(index < 8 && { actsFor: `agent:a${index + 1}` }) }];
      }),
    );
    expect(ask(long, "prod-hosts")).not.toBeNull();
    const eight = { ...long, "agent:a7": { ...long["agent:a7"]!, actsFor: undefined } };
    expect(ask(eight as Record<string, Agent>, "prod-hosts")).toBeNull();
  });
});
