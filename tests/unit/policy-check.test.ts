import fc from "fast-check";
import { describe, test } from "vitest";
import { checkPolicy, type Surroundings } from "../../core/policy/check.ts";
import { loosened } from "../../core/policy/loosened.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import type { Policy, Rule, Seat } from "../../schemas/policy.ts";
import { standingOf } from "../../core/standing.ts";
import type { Voter } from "../../core/quorum.ts";
import { seatsOf } from "../../core/quorum.ts";
import { ruleOf, voter } from "../support/rules.ts";
import { type Spoilable, starterDirectory, starterPolicy } from "../support/starter.ts";

const now = Date.parse("2026-11-23T10:00:00.000Z");
const nothingElse: Surroundings = {
  directory: starterDirectory(),
  inForce: null,
  endpoints: [],
  links: [],
  now,
};

/** What is said of the starter policy after `spoil`, as `severity pointer: detail`. */
function saidOf(spoil: (document: Spoilable) => unknown, around: Partial<Surroundings> = {}): string[] {
  const document = starterPolicy();
  spoil(document);
  const { findings } = checkPolicy(document, { ...nothingElse, ...around });
  return findings.map(({ severity, pointer, detail }) => `${severity} ${pointer}: ${detail}`);
}
const starter = (): Policy => {
  const valid = validatePolicy(starterPolicy(), null);
  if (!valid.ok) throw new Error("the starter does not publish");
  return valid.value;
};
/** The directory of the starter with a second agent of Alice's. */
const withAlicesAgent = () => {
  const directory = starterDirectory();
  const demo = directory.agents["agent:demo"]!;
  return {
    ...directory,
    agents: { ...directory.agents, "agent:hers": { ...demo, id: "agent:hers", owner: "person:alice" } },
  };
};

describe("checking a policy", () => {
  test("finds nothing in the starter", ({ expect }) => {
    expect(saidOf(() => undefined)).toEqual([]);
    expect(saidOf(() => undefined, { inForce: starter() })).toEqual([]);
  });

  test("names a seat that only the owner of the agent could fill, agent by agent", ({ expect }) => {
    const directory = withAlicesAgent();
    expect(saidOf(() => undefined, { directory })).toEqual([
      'warning /contracts/1/rule/all/0: when agent:hers asks: only person:alice could fill seat "dba" and may not: person:alice owns the agent that asks',
    ]);
  });

  test("names the seats where nobody is left whoever asks, as errors", ({ expect }) => {
    const said = saidOf(({ contracts }) => (contracts[0].rule.from = ["person:omar"]));
    expect(said).toContain(
      'error /contracts/0/rule: when agent:demo, agent:other asks: only person:omar could fill seat "oncall" and may not: person:omar owns the agent that asks',
    );
    const short = saidOf(({ contracts }) => (contracts[0].rule.n = 3));
    expect(short[0]).toContain('seat "oncall" takes 3 of group:oncall, and the directory has 2');
  });

  test("names branches that are never reached: of the list, and of a rule", ({ expect }) => {
    const said = saidOf(({ contracts }) => {
      contracts[1].decide = [
        { when: "args.rows >= 0 || args.rows < 0 || true", then: "gate" },
        { when: "args.rows > 5", then: "deny" },
      ];
    });
    expect(said.some((line) => line.includes("/contracts/1/decide/1/when: is never reached"))).toBe(true);
    const branch = {
      any: [
        { seat: "oncall", n: 1, from: ["group:oncall"] },
        { seat: "omar", n: 1, from: ["person:omar"] },
      ],
    };
    expect(saidOf(({ contracts }) => (contracts[0].rule = branch))).toEqual([
      'warning /contracts/0/rule/any/1: seat "omar" is in a branch that nobody could take, whoever asks',
    ]);
  });

  test("places a finding inside the condition it is about", ({ expect }) => {
    const document = starterPolicy();
    document.contracts[1].decide = [{ when: "true &&\n  args.nothing == 1", then: "deny" }];
    const { findings } = checkPolicy(document, nothingElse);
    expect(findings).toMatchObject([
      { severity: "error", pointer: "/contracts/1/decide/0/when", within: { line: 2 } },
    ]);
    expect(findings[0]!.detail).not.toContain("line 2");
  });

  test("names freezes that never end, are over, or are about nothing", ({ expect }) => {
    const freeze = { name: "f", timeZone: "Europe/Berlin", because: "b" };
    const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    const whole = { days, from: "00:00", to: "24:00" };
    const freezing = (...freezes: object[]) => saidOf((document) => (document.freezes = freezes));
    expect(freezing({ ...freeze, types: ["db.*"], weekly: whole })).toEqual([
      "warning /freezes/0: never ends: db.migrate would not start any more",
    ]);
    expect(freezing({ ...freeze, weekly: { ...whole, days: ["sat", "sun"] } })).toEqual([]);
    expect(freezing({ ...freeze, from: "2026-01-01T00:00", until: "2026-02-01T00:00" })).toEqual([
      "warning /freezes/0: is over; take it out",
    ]);
    expect(freezing({ ...freeze, types: ["nothing.*"], weekly: { ...whole, days: ["sat"] } })).toEqual([
      "warning /freezes/0: is about none of the contracts",
    ]);
    const nights = { ...freeze, types: ["db.migrate"], weekly: { days, from: "18:00", to: "06:00" } };
    const daytime = { ...nights, name: "g", weekly: { days, from: "06:00", to: "18:00" } };
    expect(freezing(nights, daytime)).toEqual([
      "warning /freezes: db.migrate would never start: f, g follow on each other without a pause",
    ]);
  });

  test("names recipients that nobody stands behind, and escalation to nobody", ({ expect }) => {
    const said = saidOf(({ contracts }) => {
      contracts[0].notify = ["person:zoe"];
      contracts[0].escalateTo = [["webhook:whe_gone00"], ["group:oncall"]];
    });
    expect(said).toEqual([
      "warning /contracts/0/notify/0: names person:zoe, who is no active person of the directory",
      "warning /contracts/0/escalateTo/0/0: names the webhook whe_gone00, which there is not",
      "warning /contracts/0/escalateTo/0: escalates to nobody: whoever it should reach is not there",
      "warning /contracts/0/escalateTo/1: is told only when a delivery fails: clocks.escalateAfter has 1 times for 2 levels",
    ]);
  });

  test("names role classes by which nobody can ask", ({ expect }) => {
    expect(saidOf(({ contracts }) => contracts[0].roles.push("code-analysis"))).toEqual([
      "warning /contracts/0/roles/1: the role class code-analysis does not list the type host.shell and the tool shell, so nobody asks by it",
    ]);
  });
});

describe("a policy looser than the one in force", () => {
  const against = (spoil: (document: Spoilable) => unknown) => saidOf(spoil, { inForce: starter() });

  test.for<[string, (document: Spoilable) => unknown, string]>([
    [
      "the mode",
      ({ contracts }) => (contracts[1].mode = "shadow"),
      "/contracts/1/mode: is looser: shadow, and enforce is in force",
    ],
    [
      "the rule",
      ({ contracts }) => (contracts[1].rule = contracts[1].rule.all[1]),
      "/contracts/1/rule: is looser: 1 of group:oncall would be enough, and by the one in force is not",
    ],
    [
      "separation of duties",
      ({ contracts }) => (contracts[0].separationOfDuties = { owner: false }),
      "/contracts/0/separationOfDuties/owner: is looser: the owner of the agent that asks may decide",
    ],
    [
      "the veto",
      ({ contracts }) => (contracts[3].deny = { denials: 1, veto: [] }),
      "/contracts/3/deny/veto: is looser: no veto any more for group:security",
    ],
    [
      "what changes",
      ({ contracts }) => (contracts[0].onChange = "pin"),
      "/contracts/0/onChange: is looser: a stricter policy no longer counts for what was asked before it",
    ],
    [
      "an entry",
      ({ contracts }) => (contracts[0].decide = [{ when: "args.cwd == '/tmp'", then: "allow" }]),
      "/contracts/0/decide/0: may be looser: it allows, and is not in the version in force",
    ],
    [
      "a role class",
      ({ roles }) => roles["code-analysis"].segments.push("prod-data"),
      "/roles/code-analysis/segments: is looser: prod-data as well",
    ],
    [
      "who may ask",
      (document) => {
        document.roles["read-only-incident-triage"].types.push("host.shell");
        document.roles["read-only-incident-triage"].tools.push("shell");
        document.contracts[0].roles.push("read-only-incident-triage");
      },
      "/contracts/0/roles: is looser: the role class read-only-incident-triage may ask for it as well",
    ],
    [
      "the guardrail",
      ({ contracts }) => (contracts[0].guardrail = { floor: "allow", ceiling: "deny" }),
      "/contracts/0/guardrail/floor: is looser: allow, and rule is in force",
    ],
  ])("by %s is named", ([, spoil, expected], { expect }) => {
    expect(against(spoil)).toContain(`warning ${expected}`);
  });

  test("by the order of its list is named: an entry that has come to stand before a stricter one", ({
    expect,
  }) => {
    const policy = (...decide: object[]): Policy => {
      const document = starterPolicy();
      document.contracts[0].decide = decide;
      const valid = validatePolicy(document, null);
      if (!valid.ok) throw new Error(JSON.stringify(valid.error));
      return valid.value;
    };
    const deny = { when: "args.cwd == '/'", then: "deny" };
    const gate = { when: "size(args.argv) > 3", then: "gate" };
    const allow = { when: "args.cwd == '/tmp'", then: "allow" };
    const said = (before: Policy, after: Policy) => loosened(before, after).map(({ pointer }) => pointer);
    expect(said(policy(deny, gate, allow), policy(deny, gate, allow))).toEqual([]);
    expect(said(policy(gate, deny, allow), policy(deny, gate, allow))).toEqual([]);
    expect(said(policy(deny, allow), policy(gate, deny, allow))).toEqual(["/contracts/0/decide/0"]);
    expect(said(policy(deny, allow), policy(allow, deny))).toEqual(["/contracts/0/decide/0"]);
    const weaker = policy({ ...deny, then: "gate" }, allow);
    expect(said(policy(deny, allow), weaker)).toEqual(["/contracts/0/decide/0/then"]);
    expect(said(policy(deny, allow), policy(allow))).toEqual(["/contracts/0/decide"]);
    expect(said(policy(allow), policy())).toEqual([]);
  });

  test("by its rule is named where the second person of what is critical may be for another seat", ({
    expect,
  }) => {
    const seat = (n: number, ...from: Seat["from"]): Seat => ({ seat: "s", n, from });
    const policy = (rule: Rule, risk: "high" | "critical"): Policy => ({
      ...starter(),
      contracts: [{ ...starter().contracts[0]!, rule, risk }],
    });
    const before = policy({ any: [seat(2, "group:g1", "group:g3"), seat(2, "group:g0")] }, "high");
    const after = policy({ any: [seat(1, "group:g1"), seat(1, "group:g0")] }, "critical");
    const [said] = loosened(before, after).filter(({ pointer }) => pointer === "/contracts/0/rule");
    expect(said?.detail).toContain("1 of group:g1 and 1 of group:g0 would be enough");
  });

  test("is not said of one that is stricter", ({ expect }) => {
    const stricter = (document: Spoilable): void => {
      const [shell, migrate] = document.contracts;
      shell.rule = { all: [shell.rule, { seat: "second", n: 1, from: ["group:security"] }] };
      shell.decide = [{ when: "args.cwd == '/'", then: "deny" }];
      migrate.mode = "disabled";
      document.roles["controlled-remediation"].segments = ["prod-hosts", "prod-data"];
      shell.deny = { denials: 1, veto: ["group:security"] };
    };
    expect(against(stricter).filter((line) => line.includes("looser"))).toEqual([]);
  });

  test("by its rule is found exactly where some people would be enough who are not now", ({ expect }) => {
    const groups = ["g0", "g1", "g2", "g3"];
    const kinds = Array.from({ length: 15 }, (_, mask) =>
      groups.filter((_group, bit) => ((mask + 1) >> bit) % 2 === 1),
    );
    const enough = (rule: Rule, risk: "high" | "critical", approvals: Voter[]): boolean =>
      standingOf([{ rule, risk, deny: { denials: 1, veto: [] }, approvals, denials: [] }]).approved;
    /** Every set of at most four people, each in some of the groups. */
    function* crowds(most: number, from = 0, so: Voter[] = []): Generator<Voter[]> {
      yield so;
      if (so.length === most) return;
      for (let kind = from; kind < kinds.length; kind += 1) {
        yield* crowds(most, kind, [...so, voter(`p${so.length}`, ...kinds[kind]!)]);
      }
    }
    const all = [...crowds(4)];
    const small = ruleOf(3).filter((rule) => seatsOf(rule).reduce((sum, { n }) => sum + n, 0) <= 4);
    const risk = fc.constantFrom("high" as const, "critical" as const);
    let looser = 0;
    let not = 0;
    fc.assert(
      fc.property(small, small, risk, risk, (before, after, riskBefore, riskAfter) => {
        const policy = (rule: Rule, how: typeof riskBefore): Policy => ({
          ...starter(),
          contracts: [{ ...starter().contracts[0]!, rule, risk: how }],
        });
        const said = loosened(policy(before, riskBefore), policy(after, riskAfter));
        const found = said.some(({ pointer }) => pointer === "/contracts/0/rule");
        const truth = all.some(
          (crowd) => enough(after, riskAfter, crowd) && !enough(before, riskBefore, crowd),
        );
        if (truth) looser += 1;
        else not += 1;
        expect(found).toBe(truth);
      }),
      { numRuns: 150 },
    );
    expect(Math.min(looser, not)).toBeGreaterThan(5);
  });
});
