import fc from "fast-check";
import { describe, test } from "vitest";
import { agentChain, chainRefusal, globMatches, scopeRefusal, type ScopeRefusal } from "../../core/scope.ts";
import type { Target } from "../../schemas/action.ts";
import type { Agent } from "../../schemas/directory.ts";
import type { RoleClass } from "../../schemas/policy.ts";

describe("globs", () => {
  const cases: [glob: string, text: string, fits: boolean][] = [
    ["db.migrate", "db.migrate", true],
    ["db.migrate", "db.migrates", false],
    ["db.*", "db.migrate", true],
    ["db.*", "db.", true],
    ["db.*", "xdb.migrate", false],
    ["*", "", true],
    ["*", "anything at all", true],
    ["?", "", false],
    ["?", "é", true],
    ["?", "🙂", true],
    ["prod-?", "prod-10", false],
    ["*-db-*", "orders-db-1", true],
    ["*-db-*", "orders-db", false],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-b-b-d", false],
    ["", "", true],
    ["", "a", false],
    ["[a-z]", "b", false],
    ["a.c", "abc", false],
    ["(a+)+", "aaa", false],
    ["PROD", "prod", false],
  ];
  test.for(cases)("%s against %s", ([glob, text, fits], { expect }) => {
    expect(globMatches(glob, text)).toBe(fits);
  });

  test("agree with their plain definition", ({ expect }) => {
    const letters = (...from: string[]): fc.Arbitrary<string> =>
      fc.array(fc.constantFrom(...from), { maxLength: 8 }).map((each) => each.join(""));
    const slow = (glob: string, text: string): boolean => {
      if (glob === "") return text === "";
      if (glob.startsWith("*")) {
        return slow(glob.slice(1), text) || (text !== "" && slow(glob, text.slice(1)));
      }
      return (
        text !== "" && (glob.startsWith("?") || glob[0] === text[0]) && slow(glob.slice(1), text.slice(1))
      );
    };
    let fitting = 0;
    fc.assert(
      fc.property(letters("a", "b", "*", "?"), letters("a", "b"), (glob, text) => {
        const fits = slow(glob, text);
        if (fits) fitting++;
        return globMatches(glob, text) === fits;
      }),
      { numRuns: 20_000 },
    );
    expect(fitting).toBeGreaterThan(500);
  });

  test("T17 a hostile glob costs no more than its length times the text's", ({ expect }) => {
    const started = performance.now();
    expect(globMatches("*a".repeat(64), `${"a".repeat(10_000)}b`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

const remediation: RoleClass = {
  types: ["host.*"],
  tools: ["shell"],
  segments: ["prod-*"],
  targets: ["web-*", "db-1"],
};
const triage: RoleClass = { types: ["*.read"], tools: ["*"], segments: ["*", "(none)"], targets: ["*"] };
const roles = { remediation, triage };
const agent: Agent = {
  id: "agent:demo",
  owner: "person:omar",
  roles: ["remediation"],
  segments: ["prod-hosts", "corp", "(none)"],
  active: true,
};
const contract = { type: "host.shell", tool: "shell", roles: ["remediation"] };
const target: Target = { resource: "web-1", segment: "prod-hosts" };
const pointers = (refusal: ReturnType<typeof scopeRefusal>): string[] | null =>
  refusal && refusal.errors.map(({ pointer }) => pointer);

describe("scope", () => {
  test("allows what one role class lists in every respect", ({ expect }) => {
    expect(scopeRefusal(agent, roles, contract, target)).toBeNull();
  });

  const refused: [string, Parameters<typeof scopeRefusal>, string[]][] = [
    ["another type", [agent, roles, { ...contract, type: "db.migrate" }, target], ["/type"]],
    [
      "another tool of the target",
      [agent, roles, contract, { ...target, tool: "kubectl" }],
      ["/target/tool"],
    ],
    [
      "a contract's tool the class does not have, behind a harmless one",
      [agent, roles, { ...contract, tool: "root" }, { ...target, tool: "shell" }],
      ["/type"],
    ],
    [
      "the type as the tool, where nobody names one",
      [agent, roles, { type: "host.shell", roles: ["remediation"] }, target],
      ["/type"],
    ],
    [
      "a segment of the agent outside the class",
      [agent, roles, contract, { ...target, segment: "corp" }],
      ["/target/segment"],
    ],
    [
      "a segment of the class outside the agent",
      [agent, roles, contract, { ...target, segment: "prod-data" }],
      ["/target/segment"],
    ],
    ["no segment", [agent, roles, contract, { resource: "web-1" }], ["/target/segment"]],
    ["another target", [agent, roles, contract, { ...target, resource: "mail-1" }], ["/target/resource"]],
    [
      "several at once",
      [agent, roles, contract, { resource: "mail-1", segment: "corp", tool: "ssh" }],
      ["/target/tool", "/target/segment", "/target/resource"],
    ],
    ["an agent without the class", [{ ...agent, roles: ["triage"] }, roles, contract, target], ["/type"]],
    ["a class that the policy does not have", [agent, {}, contract, target], ["/type"]],
    [
      "a class named like a property of every object",
      [{ ...agent, roles: ["constructor"] }, roles, { ...contract, roles: ["constructor"] }, target],
      ["/type"],
    ],
    ["an agent without segments", [{ ...agent, segments: [] }, roles, contract, target], ["/target/segment"]],
  ];
  test.for(refused)("refuses %s", ([, given, expected], { expect }) => {
    expect(pointers(scopeRefusal(...given))).toEqual(expected);
  });

  test("refuses an inactive agent", ({ expect }) => {
    expect(scopeRefusal({ ...agent, active: false }, roles, contract, target)?.detail).toContain(
      "not active",
    );
  });

  test("does not add the rights of two classes up to a third", ({ expect }) => {
    const both = { ...agent, roles: ["remediation", "triage"] };
    const contractOfBoth = { ...contract, roles: ["remediation", "triage"] };
    // triage would allow the target, remediation the type; neither both.
    expect(scopeRefusal(both, roles, contractOfBoth, { ...target, resource: "mail-1" })).not.toBeNull();
  });

  test("a class counts only where the contract is for it", ({ expect }) => {
    const wide = { remediation, everything: { types: ["*"], tools: ["*"], segments: ["*"], targets: ["*"] } };
    expect(
      scopeRefusal({ ...agent, roles: ["remediation", "everything"] }, wide, contract, {
        ...target,
        resource: "mail-1",
      }),
    ).not.toBeNull();
  });

  test("a target without a segment takes a class and an agent that name it so", ({ expect }) => {
    const outside = { resource: "web-1" };
    const named = { remediation: { ...remediation, segments: ["(none)"] } };
    expect(scopeRefusal(agent, named, contract, outside)).toBeNull();
    expect(scopeRefusal(agent, named, contract, { ...outside, segment: "elsewhere" })).not.toBeNull();
    const stars = { remediation: { ...remediation, segments: ["*", "**", "?*", "prod-*"] } };
    expect(pointers(scopeRefusal(agent, stars, contract, outside))).toEqual(["/target/segment"]);
    const confined = { ...agent, segments: ["*"] };
    expect(pointers(scopeRefusal(confined, named, contract, outside))).toEqual(["/target/segment"]);
  });

  test("says what is allowed, so that the agent can mend its call", ({ expect }) => {
    const refusal = scopeRefusal(agent, roles, contract, { resource: "mail-1", segment: "prod-hosts" });
    expect(refusal).toEqual({
      detail:
        'agent:demo may not ask for this: target "mail-1" is outside the role class remediation, which allows web-*, db-1.',
      errors: [
        {
          pointer: "/target/resource",
          detail: 'target "mail-1" is outside the role class remediation, which allows web-*, db-1',
        },
      ],
    });
  });

  const said: [string, Parameters<typeof scopeRefusal>, string, ScopeRefusal["errors"]][] = [
    [
      "all that is outside",
      [
        agent,
        roles,
        { ...contract, type: "db.migrate" },
        { resource: "mail-1", segment: "dmz", tool: "ssh" },
      ],
      'agent:demo may not ask for this: type "db.migrate" is outside the role class remediation, which allows host.*; tool "ssh" is outside the role class remediation, which allows shell; segment "dmz" is outside the role class remediation, which allows prod-*; target "mail-1" is outside the role class remediation, which allows web-*, db-1.',
      [
        {
          pointer: "/type",
          detail: 'type "db.migrate" is outside the role class remediation, which allows host.*',
        },
        {
          pointer: "/target/tool",
          detail: 'tool "ssh" is outside the role class remediation, which allows shell',
        },
        {
          pointer: "/target/segment",
          detail: 'segment "dmz" is outside the role class remediation, which allows prod-*',
        },
        {
          pointer: "/target/resource",
          detail: 'target "mail-1" is outside the role class remediation, which allows web-*, db-1',
        },
      ],
    ],
    [
      "a segment that the agent does not have, where the class would allow it",
      [agent, roles, contract, { ...target, segment: "prod-data" }],
      'agent:demo may not ask for this: segment "prod-data" is not one of agent:demo, which has prod-hosts, corp, (none).',
      [
        {
          pointer: "/target/segment",
          detail: 'segment "prod-data" is not one of agent:demo, which has prod-hosts, corp, (none)',
        },
      ],
    ],
    [
      "that the agent may reach nothing that is in no segment",
      [
        { ...agent, roles: ["triage"], segments: [] },
        roles,
        { type: "logs.read", roles: ["triage"] },
        { resource: "x" },
      ],
      'agent:demo may not ask for this: is missing, and agent:demo has none; "(none)" there lets it reach what is in no segment.',
      [
        {
          pointer: "/target/segment",
          detail: 'is missing, and agent:demo has none; "(none)" there lets it reach what is in no segment',
        },
      ],
    ],
    [
      "that the class reaches nothing that is in no segment",
      [agent, roles, contract, { resource: "web-1" }],
      "agent:demo may not ask for this: a target without a segment is outside the role class remediation, which allows prod-*.",
      [
        {
          pointer: "/target/segment",
          detail: "a target without a segment is outside the role class remediation, which allows prod-*",
        },
      ],
    ],
    [
      "a target and the agent's own segment, which are two things to mend",
      [agent, roles, contract, { resource: "mail-1", segment: "prod-data" }],
      'agent:demo may not ask for this: target "mail-1" is outside the role class remediation, which allows web-*, db-1; segment "prod-data" is not one of agent:demo, which has prod-hosts, corp, (none).',
      [
        {
          pointer: "/target/resource",
          detail: 'target "mail-1" is outside the role class remediation, which allows web-*, db-1',
        },
        {
          pointer: "/target/segment",
          detail: 'segment "prod-data" is not one of agent:demo, which has prod-hosts, corp, (none)',
        },
      ],
    ],
    [
      "a tool that both name, once",
      [agent, roles, { ...contract, tool: "ssh" }, { ...target, tool: "ssh" }],
      'agent:demo may not ask for this: tool "ssh" is outside the role class remediation, which allows shell.',
      [
        {
          pointer: "/target/tool",
          detail: 'tool "ssh" is outside the role class remediation, which allows shell',
        },
      ],
    ],
    [
      "which classes it takes, and which the agent has",
      [{ ...agent, roles: [] }, roles, { ...contract, roles: ["remediation", "triage"] }, target],
      "host.shell is for the role classes remediation, triage; agent:demo has none.",
      [
        {
          pointer: "/type",
          detail: "is not open to agent:demo: it needs the role class remediation, triage",
        },
      ],
    ],
    [
      "that the agent is not active",
      [{ ...agent, active: false }, roles, contract, target],
      "agent:demo is not active.",
      [],
    ],
  ];
  test.for(said)("says %s", ([, given, detail, errors], { expect }) => {
    expect(scopeRefusal(...given)).toEqual({ detail, errors });
  });

  test("is told against the class that is nearest to allowing it, wherever that stands", ({ expect }) => {
    const far: RoleClass = { types: [], tools: [], segments: [], targets: [] };
    const three = { far, near: { ...remediation, targets: ["mail-*"] }, empty: far };
    for (const order of [
      ["far", "near", "empty"],
      ["near", "far", "empty"],
      ["far", "empty", "near"],
    ]) {
      const refusal = scopeRefusal({ ...agent, roles: order }, three, { ...contract, roles: order }, target);
      expect(refusal?.errors).toEqual([
        {
          pointer: "/target/resource",
          detail: 'target "web-1" is outside the role class near, which allows mail-*',
        },
      ]);
    }
    // One that allows it is enough, whichever the others are.
    const open = { ...three, near: remediation };
    const all = ["far", "near", "empty"];
    expect(scopeRefusal({ ...agent, roles: all }, open, { ...contract, roles: all }, target)).toBeNull();
  });

  test("T8 of every role, tool, segment, target and type, exactly what is listed is allowed", ({
    expect,
  }) => {
    let allowed = 0;
    for (const role of ["remediation", "triage"] as const) {
      for (const type of ["host.shell", "host.reboot", "logs.read", "db.migrate"]) {
        for (const tool of ["shell", "kubectl", undefined]) {
          for (const segment of ["prod-hosts", "prod-data", "corp", "dmz", undefined]) {
            for (const resource of ["web-1", "db-1", "db-2"]) {
              const asked: Target = {
                resource,
                ...(segment === undefined ? {} : { segment }),
                ...(tool === undefined ? {} : { tool }),
              };
              const refusal = scopeRefusal(
                { ...agent, roles: [role] },
                roles,
                { type, roles: [role] },
                asked,
              );
              const listed =
                role === "remediation"
                  ? type.startsWith("host.") &&
                    tool === "shell" &&
                    segment === "prod-hosts" &&
                    resource !== "db-2"
                  : type === "logs.read" &&
                    (segment === undefined || segment === "prod-hosts" || segment === "corp");
              expect(refusal === null, JSON.stringify({ role, type, tool, segment, resource })).toBe(listed);
              if (listed) allowed++;
            }
          }
        }
      }
    }
    expect(allowed).toBe(2 * 2 + 3 * 3 * 3);
  });
});

describe("a chain of agents", () => {
  const named = (name: string, more: Partial<Agent> = {}): Agent => ({
    ...agent,
    id: `agent:${name}`,
    ...more,
  });
  const book = (...agents: Agent[]): Record<string, Agent> =>
    Object.fromEntries(agents.map((one) => [one.id, one]));

  test("is an agent, the one that it acts for, and so on", ({ expect }) => {
    const [helper, boss] = [named("helper", { actsFor: "agent:boss" }), named("boss")];
    expect(agentChain("agent:helper", book(helper, boss))).toEqual({ agents: [helper, boss], whole: true });
    expect(agentChain("agent:boss", book(helper, boss))).toEqual({ agents: [boss], whole: true });
  });

  test("is broken where one is unknown, where it comes back to itself, and past eight", ({ expect }) => {
    const helper = named("helper", { actsFor: "agent:boss" });
    expect(agentChain("agent:helper", book(helper))).toEqual({ agents: [helper], whole: false });
    expect(agentChain("constructor", book(helper))).toEqual({ agents: [], whole: false });
    const loop = book(helper, named("boss", { actsFor: "agent:helper" }));
    expect(agentChain("agent:helper", loop)).toMatchObject({ whole: false });
    const row = (length: number): Agent[] =>
      Array.from({ length }, (_, at) =>
        named(`a${at}`, at + 1 < length ? { actsFor: `agent:a${at + 1}` } : {}),
      );
    expect(agentChain("agent:a0", book(...row(8)))).toEqual({ agents: row(8), whole: true });
    expect(agentChain("agent:a0", book(...row(9)))).toMatchObject({ whole: false });
  });

  test("may ask for what each of it may, and it is said whom something is refused for", ({ expect }) => {
    const of = (helper: Agent, boss: Agent): ScopeRefusal | null =>
      chainRefusal(helper.id, book(helper, boss), roles, contract, target);
    const helper = named("helper", { actsFor: "agent:boss" });
    expect(of(helper, named("boss"))).toBeNull();
    expect(of(helper, named("boss", { active: false }))).toEqual({
      detail: "agent:helper acts for agent:boss. agent:boss is not active.",
      errors: [],
    });
    expect(of({ ...helper, active: false }, named("boss"))?.detail).toBe("agent:helper is not active.");
    expect(chainRefusal("agent:helper", book(helper), roles, contract, target)).toEqual({
      detail: "agent:helper acts for an agent that is not in this directory, or in the end for itself.",
      errors: [],
    });
  });
});
