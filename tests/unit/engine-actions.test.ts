import { createHash } from "node:crypto";
import { describe, test } from "vitest";
import { cardOf } from "../../core/card/card.ts";
import { slackMessage } from "../../core/card/slack.ts";
import { eligibility } from "../../core/eligibility.ts";
import {
  builtInContract,
  engineActions,
  type EngineType,
  withEngineParts,
} from "../../core/engine-actions.ts";
import {
  argsOf,
  baseOf,
  engineTypeOf,
  isGoverned,
  targetOf,
  type Standing,
} from "../../core/engine-change.ts";
import { switchFor } from "../../core/kill-switch.ts";
import { aloneWarning, operatorsOf, otherOperators } from "../../core/operators.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { decide } from "../../core/policy/decide.ts";
import { engineContractFaults } from "../../core/policy/engine-contract.ts";
import { subjectOf } from "../../core/policy/subject.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { EngineChange } from "../../schemas/engine-change.ts";
import { faults, starterDirectory, starterPolicy, type Spoilable } from "../support/starter.ts";
import { viewOf } from "../support/views.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const types = Object.keys(engineActions) as EngineType[];
/** The starter directory with these people as operators. */
function operatedBy(...operators: string[]): Directory {
  const directory = starterDirectory();
  directory.groups["operators"] = { id: "operators", members: operators.map((name) => `person:${name}`) };
  return directory;
}
function standing(directory: Directory, spoil: (document: Spoilable) => unknown = () => null): Standing {
  const document = starterPolicy();
  spoil(document);
  const policy = validatePolicy(document, null);
  if (!policy.ok) throw new Error(JSON.stringify(policy.error));
  return { policy: { version: `sha256:${"0".repeat(64)}`, document: policy.value }, directory };
}
const group = (id: string, ...names: string[]): EngineChange => ({
  kind: "group.put",
  value: { id, members: names.map((name) => `person:${name}`) },
});
const key = (
  principal: string,
  scopes: Extract<EngineChange, { kind: "key.create" }>["scopes"],
): EngineChange => ({
  kind: "key.create",
  principal,
  scopes,
  name: null,
  expiresAt: null,
});

const loosening = {
  kind: "guardrail.loosen",
  type: "host.shell",
  from: "rule",
  to: "one",
  cleanRuns: 1,
  incidents: 2,
  harmHighPerMillion: 36_995,
  since: Date.UTC(2026, 0, 2),
  at: 7,
} as const satisfies EngineChange;

describe("the engine's own contracts", () => {
  test.for(types)("%s publishes as it is built in, for one operator and for two", (type, { expect }) => {
    expect(engineContractFaults(builtInContract(type), operatedBy("omar"))).toEqual([]);
    expect(engineContractFaults(builtInContract(type), operatedBy("omar", "alice"))).toEqual([]);
  });

  test.for(types)(
    "%s lets one operator through, and asks the other where there is one",
    (type, { expect }) => {
      const outcome = (others: number): string => {
        const requester = { kind: "person", id: "person:omar", owner: "person:omar" } as const;
        const asked = { args: { otherOperators: others }, target: { resource: "policy" }, requester };
        return decide(builtInContract(type), subjectOf(asked, { agents: {} }, 0), judge).outcome;
      };
      expect([0, 1, 2].map(outcome)).toEqual(["allow", "gate", "gate"]);
    },
  );

  const own = (parts: object = {}): object => ({
    type: "holdpoint.policy.publish",
    class: "engine",
    risk: "high",
    rule: { seat: "operator", n: 1, from: ["group:operators"] },
    ...parts,
  });
  const found = (parts: object, directory = operatedBy("omar", "alice")): Record<string, string> =>
    faults((document) => document.contracts.push(own(parts)), directory);
  const at = (pointer: string): string => `/contracts/${starterPolicy().contracts.length}${pointer}`;

  test("are written without arguments and role classes", ({ expect }) => {
    expect(found({})).toEqual({});
    const once = withEngineParts({ contracts: [own()] });
    expect(withEngineParts(once)).toEqual(once);
  });

  const refused: [pointer: string, parts: object][] = [
    ["/type", { type: "holdpoint.policy.forget" }],
    ["/args", { args: { type: "object" } }],
    ["/roles", { roles: ["controlled-remediation"] }],
    ["/mode", { mode: "disabled" }],
    ["/risk", { risk: "low" }],
    ["/onChange", { onChange: "pin" }],
    ["/rollback", { rollback: {} }],
    ["/tool", { tool: "shell" }],
    ["/decide/0/then", { decide: [{ then: "deny" }] }],
    ["/decide/0/when", { decide: [{ when: "args.otherOperator == 0", then: "allow" }] }],
    ["/rule/from/0", { rule: { seat: "operator", n: 1, from: ["group:nobody"] } }],
  ];
  test.for(refused)("are refused at %s", ([pointer, parts], { expect }) => {
    expect(Object.keys(found(parts))).toContain(at(pointer));
  });

  test("leave a way open: a rule that only whoever asks could meet does not publish", ({ expect }) => {
    expect(found({}, operatedBy("omar"))[at("/rule")]).toContain("only with the operator who asks");
    const decideAlone = [{ when: "args.otherOperators == 0", then: "allow" }];
    expect(found({ decide: decideAlone }, operatedBy("omar"))).toEqual({});
  });

  test("are stopped by no kill switch: its release is one of them", ({ expect }) => {
    const everything = [{ scope: "*", reason: "INC-7", by: "person:omar", at: 0 }];
    expect(types.map((type) => switchFor(everything, type))).toEqual(types.map(() => null));
    expect(switchFor(everything, "host.shell")).not.toBeNull();
  });
});

describe("operators", () => {
  test("are counted as humans who are active", ({ expect }) => {
    const directory = operatedBy("omar", "alice", "bob", "carol");
    directory.people["person:alice"] = { ...directory.people["person:alice"]!, sameAs: ["person:omar"] };
    directory.people["person:bob"] = { ...directory.people["person:bob"]!, active: false };
    expect(operatorsOf(directory)).toHaveLength(2);
    expect(otherOperators(directory, "person:alice")).toBe(1);
    expect(otherOperators(directory, "person:omar")).toBe(1);
  });

  test("besides a service are all but one, as one of them may hold its key", ({ expect }) => {
    const others = (...names: string[]): number => otherOperators(operatedBy(...names), "service:operator");
    expect([others(), others("omar"), others("omar", "alice")]).toEqual([0, 0, 1]);
  });

  test("besides somebody who is none are all of them", ({ expect }) => {
    expect(otherOperators(operatedBy("omar"), "person:carol")).toBe(1);
  });

  test("are spoken of until there are two", ({ expect }) => {
    expect(aloneWarning(operatedBy())).toContain("Nobody is");
    expect(aloneWarning(operatedBy("omar"))).toContain("Only one person is");
    expect(aloneWarning(operatedBy("omar", "alice"))).toBeNull();
    expect(aloneWarning({ people: {}, groups: {} })).toContain("Nobody is");
  });
});

describe("T7 whoever asks for a change", () => {
  test("does not decide on it, under none of their ids, whatever separation of duties says of owners", ({
    expect,
  }) => {
    const directory = operatedBy("omar", "alice", "bob");
    directory.people["person:alice"] = { ...directory.people["person:alice"]!, sameAs: ["person:omar"] };
    const contract = { ...builtInContract("holdpoint.policy.publish"), separationOfDuties: { owner: false } };
    const verdict = (person: string): boolean =>
      eligibility({
        person,
        requester: { kind: "person", id: "person:omar", owner: "person:omar" },
        digestOk: true,
        directory,
        contract,
        target: { resource: "policy" },
        now: 0,
        payloadAuthors: [],
      }).eligible;
    expect(["omar", "alice", "bob"].map((name) => verdict(`person:${name}`))).toEqual([false, false, true]);
  });
});

describe("a change", () => {
  const { directory } = standing(operatedBy("omar"));
  const bob = directory.people["person:bob"]!;
  const cells: [what: string, change: EngineChange, governed: boolean][] = [
    ["a group", group("dba", "alice", "bob"), true],
    ["a new person", { kind: "person.put", value: { id: "person:new", manager: null, active: true } }, false],
    [
      "a new id of somebody",
      {
        kind: "person.put",
        value: { id: "person:new", manager: null, active: true, sameAs: ["person:omar"] },
      },
      true,
    ],
    ["a person's name", { kind: "person.put", value: { ...bob, name: "Robert" } }, false],
    ["a person's e-mail address", { kind: "person.put", value: { ...bob, email: "bob@example.com" } }, true],
    ["a person's activity", { kind: "person.put", value: { ...bob, active: false } }, true],
    ["a person who leaves", { kind: "person.remove", id: bob.id }, true],
    [
      "a delegation",
      {
        kind: "delegation.put",
        value: { from: "person:alice", to: "person:bob", groups: ["dba"], until: 1 },
      },
      true,
    ],
    ["owners", { kind: "owners.put", value: [] }, true],
    ["an agent's key", key("agent:demo", null), false],
    ["a service's key that reads", key("service:auditor", ["evidence:read"]), false],
    ["a service's key that governs", key("service:ci", ["policy:write"]), true],
    ["a service's key that says who is on call", key("service:pager", ["oncall:write"]), true],
    ["somebody's key", key("person:bob", null), true],
    ["one's own key", key("person:omar", null), false],
    ["one's own key that governs", key("person:omar", ["admin"]), true],
    ["a kill switch's release", { kind: "switch.release", scope: "*" }, true],
    [
      "a hold's release",
      {
        kind: "hold.release",
        hold: "hold_AAAAAAAAAAAAAAAAAAAAAA",
        scope: "all",
        heldBy: "person:alice",
        because: "Case 2031",
        reason: "It is closed",
      },
      true,
    ],
    [
      "a workspace's end",
      { kind: "workspace.purge", workspace: "default", cancelRunning: false, reason: "The pilot is over" },
      true,
    ],
    ["a guardrail's way to fewer people", loosening, true],
  ];
  test.for(cells)("of %s", ([, change, governed], { expect }) => {
    expect(isGoverned(change, standing(operatedBy("omar")), "person:omar")).toBe(governed);
  });

  test("has another base once what it changes has changed, and only then", ({ expect }) => {
    const before = standing(operatedBy("omar"));
    const after = standing(operatedBy("omar", "alice"));
    const base = (change: EngineChange, now: Standing): string => baseOf(change, now, hash);
    expect(base(group("operators", "omar"), before)).not.toBe(base(group("operators", "omar"), after));
    expect(base(group("dba", "omar"), before)).toBe(base(group("dba", "omar"), after));
  });

  test("T23 of a guardrail stands on this proposal alone, and its card says the figures in words", ({
    expect,
  }) => {
    const base = (...loosenings: Standing["loosenings"] & {}): string =>
      baseOf(loosening, { ...standing(operatedBy("omar")), loosenings }, hash);
    const bases = [
      base(loosening),
      base(),
      base({ ...loosening, at: 8 }),
      base({ ...loosening, from: "deny" }),
    ];
    expect(new Set(bases).size).toBe(bases.length);
    expect(base(loosening, { ...loosening, type: "email.send" })).toBe(base(loosening));
    const args = argsOf(loosening, standing(operatedBy("omar")), 1, hash);
    const card = cardOf(viewOf({ type: "holdpoint.guardrail.loosen", args }), {
      description: null,
      rollback: false,
    });
    expect(card.facts).toContainEqual({
      label: "Figures",
      kind: "words",
      lines: [
        "The guardrail of host.shell goes from rule to one, which is looser.",
        "1 clean run and 2 incidents since 2026-01-02T00:00:00.000Z, when it last moved.",
        "Harm in at most 3.7 % of runs, by the upper end of the 95 % interval.",
      ],
    });
  });

  test("the engine is none of the operators, so that all of them are others", ({ expect }) => {
    expect(otherOperators(operatedBy("omar"), "engine")).toBe(1);
    expect(otherOperators(operatedBy(), "engine")).toBe(0);
  });

  test("of a policy names everything that differs, whatever part of the document it stands in", ({
    expect,
  }) => {
    const before = standing(operatedBy("omar"));
    const after = standing(operatedBy("omar"), (document) => {
      document.description = "another";
      document.contracts[0].rule.n = 2;
      document.contracts[0].roles.push("code-analysis");
      document.contracts.pop();
      document.roles["code-analysis"].targets = ["*", "repo-*"];
      document.freezes = [
        {
          name: "night",
          timeZone: "UTC",
          because: "sleep",
          from: "2026-01-01T00:00",
          until: "2026-01-02T00:00",
        },
      ];
    });
    const document = after.policy!.document;
    const args = argsOf({ kind: "policy.publish", document, note: null }, before, 1, hash);
    expect(args).toMatchObject({ version: expect.stringMatching(/^sha256:/u), otherOperators: 1 });
    expect(args["changes"]).toEqual([
      "contract email.send: removed",
      'contract host.shell /roles: with "code-analysis"',
      "contract host.shell /rule/n: 1 becomes 2",
      'role class code-analysis /targets: with "repo-*"',
      expect.stringMatching(/^\/description: .* becomes "another"$/u),
      expect.stringMatching(/^\/freezes: null becomes \[\{.*night/u),
    ]);
  });

  test("of a policy shows all of it on a card, and offers no approval where it does not fit", ({
    expect,
  }) => {
    const cardWith = (changes: string[]) =>
      cardOf(
        viewOf({
          type: "holdpoint.policy.publish",
          requester: { kind: "person", id: "person:omar", owner: "person:omar" },
          args: { version: "sha256:1", changes, otherOperators: 1 },
        }),
        { description: null, rollback: false },
      );
    const few = cardWith(["contract a.b: removed"]);
    expect(few.facts).toContainEqual({ label: "Changes", kind: "data", lines: ["contract a.b: removed"] });
    expect(few.facts).toContainEqual(expect.objectContaining({ label: "Asked by", lines: ["person:omar"] }));
    expect(slackMessage(few, "default").whole).toBe(true);
    const many = cardWith(Array.from({ length: 200 }, (_, index) => `contract a.b${index}: removed`));
    expect(many.facts.find(({ label }) => label === "Changes")?.lines).toHaveLength(200);
    const message = slackMessage(many, "default");
    expect(message.whole).toBe(false);
    expect(JSON.stringify(message.blocks)).not.toContain('"action_id":"approve"');
  });

  test.for(cells)("of %s has a type of the engine and a target", ([, change], { expect }) => {
    expect(types).toContain(engineTypeOf(change));
    expect(targetOf(change)).not.toBe("");
  });
});
