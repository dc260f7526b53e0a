import * as v from "valibot";
import { describe, test } from "vitest";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { evaluate, type Circumstances } from "../../core/policy/evaluation.ts";
import { resultOf } from "../../core/policy/examples.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import { presets, staged, stages } from "../../core/policy/stage.ts";
import { AskedRequest, Example, type Evaluation } from "../../schemas/evaluation.ts";
import type { Policy } from "../../schemas/policy.ts";
import { type Spoilable, starterDirectory, starterPolicy } from "../support/starter.ts";
const now = Date.parse("2026-11-23T10:00:00.000Z");

function policyWith(spoil: (document: Spoilable) => unknown = () => undefined): Policy {
  const document = starterPolicy();
  spoil(document);
  const valid = validatePolicy(document, starterDirectory());
  if (!valid.ok) throw new Error(JSON.stringify(valid.error));
  return valid.value;
}

const migration = {
  type: "db.migrate",
  target: { resource: "orders-db", segment: "prod-data" },
  args: { migration: "0042.sql", rows: 5 },
  agent: "agent:demo",
};

function saying(
  spoil?: (document: Spoilable) => unknown,
  parts: object = {},
  around: Partial<Circumstances> = {},
): Evaluation {
  const request = v.parse(AskedRequest, { ...migration, ...parts });
  return evaluate(request, {
    policy: policyWith(spoil),
    directory: starterDirectory(),
    now,
    judge,
    ...around,
  });
}
const decides =
  (...decide: object[]) =>
  (document: Spoilable): void =>
    void (document.contracts[1].decide = decide);

describe("evaluating one request", () => {
  test("shows every entry with its value or its error, and the one that decides", ({ expect }) => {
    const { outcome, because, trace } = saying(
      decides(
        { when: "args.checksum == 'x'", then: "allow" },
        { when: "args.rows > 3", then: "deny", because: "more than three" },
        { when: "args.rows > 1", then: "gate" },
      ),
    );
    expect({ outcome, because }).toEqual({ outcome: "deny", because: "more than three" });
    expect(trace).toMatchObject([
      { holds: null, error: expect.stringContaining("checksum"), decides: false },
      { holds: true, decides: true },
      { holds: true, decides: false },
    ]);
  });

  test("names who could fill each seat, and whom it names and excludes, with the reason", ({ expect }) => {
    const directory = starterDirectory();
    directory.groups["oncall"]!.members.push("person:omar");
    const { seats, staffed } = saying(undefined, { onBehalfOf: "person:bob" }, { directory });
    expect(seats).toMatchObject([
      { seat: "dba", who: ["person:alice"], excluded: [] },
      {
        seat: "oncall",
        who: ["person:alice"],
        excluded: [
          { person: "person:bob", because: "is the person the agent acts for" },
          { person: "person:omar", because: "owns the agent that asks" },
        ],
      },
    ]);
    // Alice alone cannot sit on both.
    expect(staffed).toBe(false);
    expect(saying().staffed).toBe(true);
  });

  test("shows which role class does not cover it and by what", ({ expect }) => {
    const { outcome, scope, errors } = saying(undefined, { target: { resource: "x", segment: "lab" } });
    expect(outcome).toBe("refuse");
    expect(errors).toMatchObject([{ pointer: "/target/segment" }]);
    expect(scope).toMatchObject([
      {
        agent: "agent:demo",
        role: "controlled-remediation",
        covers: false,
        refuses: [{ pointer: "/target/segment" }],
      },
    ]);
  });

  test("is refused for what would not be taken in: type, agent, arguments, person", ({ expect }) => {
    expect(saying(undefined, { type: "no.such" }).errors).toMatchObject([{ pointer: "/type" }]);
    expect(saying(undefined, { agent: "agent:nobody" }).errors).toMatchObject([{ pointer: "/agent" }]);
    expect(saying(undefined, { args: { rows: "many" } }).errors.length).toBeGreaterThan(1);
    expect(saying(undefined, { onBehalfOf: "person:nobody" }).errors).toMatchObject([
      { pointer: "/onBehalfOf" },
    ]);
  });

  test("shows the kill switch, the freeze and the guardrail's level", ({ expect }) => {
    const guarded = ({ contracts, ...document }: Spoilable): void => {
      contracts[1].guardrail = { floor: "allow", ceiling: "deny" };
      document.freezes = undefined;
    };
    expect(saying(guarded, {}, { levels: { "db.migrate": "allow" } })).toMatchObject({
      outcome: "allow",
      level: "allow",
    });
    expect(saying(guarded)).toMatchObject({ outcome: "gate", level: "rule" });
    const switches = [{ scope: "db.*", reason: "INC-7", by: "person:omar", at: now }];
    expect(saying(decides({ then: "allow" }), {}, { switches })).toMatchObject({
      outcome: "deny",
      switch: { scope: "db.*", reason: "INC-7" },
    });
    const frozen = (document: Spoilable): void =>
      void (document.freezes = [
        {
          name: "year-end",
          timeZone: "UTC",
          from: "2026-12-20T00:00",
          until: "2027-01-02T00:00",
          because: "quiet",
        },
      ]);
    expect(saying(frozen, { at: "2026-12-24T00:00:00.000Z" }).freeze).toMatchObject({
      name: "year-end",
      until: "2027-01-02T00:00:00.000Z",
    });
    expect(saying(frozen).freeze).toBeNull();
  });

  test("takes a sum as a condition writes it, and without one says that it was not measured", ({
    expect,
  }) => {
    const summing = decides({ when: "count() by agent over 24h > 10", then: "deny" });
    expect(saying(summing, { sums: { "count() by agent over 24h": "11" } }).outcome).toBe("deny");
    expect(saying(summing, { sums: { "count() by agent over 24h": "10" } }).outcome).toBe("gate");
    expect(saying(summing)).toMatchObject({
      outcome: "deny",
      trace: [{ holds: null, error: expect.stringContaining("not measured") }],
    });
  });

  test("of a contract that only watches says what it would say enforced", ({ expect }) => {
    const shadow = ({ contracts }: Spoilable): void => void (contracts[1].mode = "shadow");
    expect(saying(shadow)).toMatchObject({ outcome: "allow", mode: "shadow", would: { outcome: "gate" } });
  });
});

describe("an evaluation", () => {
  test("shows all that would come of a request: who, by which clocks, and who is told", ({ expect }) => {
    const told = ({ contracts }: Spoilable): void => {
      contracts[1].notify = ["person:alice", "person:bob"];
      contracts[1].escalateTo = [["person:omar"]];
    };
    const link = (person: string, user: string) => ({ person, user, team: "T1" }) as never;
    const links = [link("person:alice", "U1"), link("person:omar", "U2")];
    const evaluation = saying(told, { sums: {} }, { links });
    const { seats, notify, ...rest } = evaluation;
    expect(rest).toEqual({
      outcome: "gate",
      because: "rule db.migrate",
      would: null,
      mode: "enforce",
      risk: "high",
      at: "2026-11-23T10:00:00.000Z",
      requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
      errors: [],
      scope: [
        { agent: "agent:demo", role: "controlled-remediation", covers: true, refuses: [], detail: null },
      ],
      switch: null,
      freeze: null,
      level: null,
      sums: {},
      trace: [],
      staffed: true,
      clocks: {
        pendingTtl: "1h",
        remindAfter: "10m",
        escalateAfter: ["15m", "30m"],
        approvalTtl: "15m",
        leaseTtl: "1m",
        executionMax: "1h",
        rollbackWindow: "30m",
      },
    });
    expect(notify).toEqual([
      { level: 0, targets: ["person:alice", "person:bob"], sinks: [expect.stringContaining("U1")] },
      { level: 1, targets: ["person:omar"], sinks: [expect.stringContaining("U2")] },
    ]);
    expect(seats).toEqual([
      { seat: "dba", n: 1, from: ["group:dba"], who: ["person:alice"], excluded: [] },
      { seat: "oncall", n: 1, from: ["group:oncall"], who: ["person:alice", "person:bob"], excluded: [] },
    ]);
  });

  test("names no window of rollback where there is none, and nobody who is told where nobody is", ({
    expect,
  }) => {
    const { clocks, notify } = saying(({ contracts }) => {
      contracts[1].notify = [];
      delete contracts[1].rollback;
    });
    expect(clocks).not.toHaveProperty("rollbackWindow");
    expect(notify).toEqual([{ level: 0, targets: [], sinks: [] }]);
  });

  test("of somebody or something unknown says what is known, and nothing else", ({ expect }) => {
    const policy = policyWith();
    const types = policy.contracts.map(({ type }) => type).join(", ");
    const agents = Object.keys(starterDirectory().agents);
    const blank = {
      outcome: "refuse",
      would: null,
      mode: null,
      risk: null,
      at: "2026-11-23T10:00:00.000Z",
      scope: [],
      switch: null,
      freeze: null,
      level: null,
      sums: {},
      trace: [],
      seats: [],
      staffed: false,
      clocks: null,
      notify: [],
    };
    expect(saying(undefined, { type: "no.such" })).toEqual({
      ...blank,
      because: "no.such is unknown here.",
      requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
      errors: [{ pointer: "/type", detail: `is no action type of this policy; known are ${types}` }],
    });
    const stranger = { agent: "agent:nobody" };
    expect(saying(undefined, stranger)).toEqual({
      ...blank,
      because: "agent:nobody is unknown here.",
      requester: null,
      errors: [{ pointer: "/agent", detail: `is no agent of the directory; known are ${agents.join(", ")}` }],
    });
    const empty = { directory: { ...starterDirectory(), agents: {} } };
    expect(saying(undefined, {}, empty).errors[0]?.detail).toBe(
      "is no agent of the directory; known are none",
    );
    // A name of the prototype is nobody's.
    expect(saying(undefined, { agent: "agent:nobody", onBehalfOf: "person:bob" }).requester).toBeNull();
  });

  test("refuses fields that do not fit: too much, or for somebody who has left", ({ expect }) => {
    const filler = (bytes: number): object => ({ args: { migration: "m", note: "x".repeat(bytes) } });
    const around = JSON.stringify({ migration: "m", note: "" }).length;
    const open = ({ contracts }: Spoilable): void =>
      void (contracts[1].args.properties.note = { type: "string" });
    const most = saying(open, filler(65_536 - around));
    expect(most.outcome).toBe("gate");
    const over = saying(open, filler(65_537 - around));
    expect(over).toMatchObject({
      outcome: "refuse",
      because: "Fields of the request do not fit the contract.",
    });
    expect(over.errors).toEqual([{ pointer: "/args", detail: "are over 65536 bytes" }]);
    const detail = "is no active person of the directory";
    const left = starterDirectory();
    left.people["person:bob"] = { ...left.people["person:bob"]!, active: false };
    expect(saying(undefined, { onBehalfOf: "person:bob" }, { directory: left }).errors).toEqual([
      { pointer: "/onBehalfOf", detail },
    ]);
    expect(saying(undefined, { onBehalfOf: "person:nobody" }).errors).toEqual([
      { pointer: "/onBehalfOf", detail },
    ]);
    const forBob = saying(undefined, { onBehalfOf: "person:bob" });
    expect(forBob).toMatchObject({ outcome: "gate", errors: [], requester: { onBehalfOf: "person:bob" } });
  });

  test("shows what an agent lacks that has none of the role classes", ({ expect }) => {
    const directory = starterDirectory();
    directory.agents["agent:demo"] = { ...directory.agents["agent:demo"]!, roles: ["code-analysis"] };
    const { outcome, because, scope } = saying(undefined, {}, { directory });
    expect(outcome).toBe("refuse");
    expect(scope).toMatchObject([{ agent: "agent:demo", role: null, covers: false, detail: because }]);
    expect(because).toContain("db.migrate is for the role classes controlled-remediation");
  });

  test("shows an entry without a condition as one that holds", ({ expect }) => {
    const { trace, outcome } = saying(decides({ when: "args.rows > 9", then: "deny" }, { then: "allow" }));
    expect(outcome).toBe("allow");
    expect(trace).toEqual([
      { entry: 0, when: "args.rows > 9", then: "deny", holds: false, error: null, decides: false },
      { entry: 1, when: null, then: "allow", holds: true, error: null, decides: true },
    ]);
  });

  test("looks at the agent, its owner and whom it acts for as the directory has them", ({ expect }) => {
    // What cannot be looked at is an error, which allows nothing.
    const asks = (when: string, parts: object = {}) =>
      saying(decides({ when, then: "allow" }), parts).outcome;
    expect(asks("agent.id == 'agent:demo' && agent.owner == 'person:omar'")).toBe("allow");
    expect(asks("'controlled-remediation' in agent.roles")).toBe("allow");
    expect(asks("requester.owner == 'person:omar' && requester.id == agent.id")).toBe("allow");
    expect(asks("requester.onBehalfOf == 'person:bob'", { onBehalfOf: "person:bob" })).toBe("allow");
    expect(asks("requester.onBehalfOf == null")).toBe("allow");
  });

  test("names who meets the condition of a seat, and says of the others that they do not", ({ expect }) => {
    const where = ({ contracts }: Spoilable): void =>
      void (contracts[1].rule = {
        all: [
          { seat: "any", n: 1, from: ["group:oncall"] },
          {
            seat: "senior",
            n: 1,
            from: ["group:oncall"],
            where: "person.id == 'person:alice' && args.rows == 5",
          },
        ],
      });
    const { seats, staffed } = saying(where);
    expect(seats).toMatchObject([
      { seat: "any", who: ["person:alice", "person:bob"], excluded: [] },
      {
        seat: "senior",
        who: ["person:alice"],
        excluded: [{ person: "person:bob", because: 'the condition of seat "senior" does not hold' }],
      },
    ]);
    expect(staffed).toBe(true);
  });
});

describe("an example", () => {
  const example = (expected: object): Example =>
    v.parse(Example, { name: "a migration", request: migration, expect: expected });

  test("passes where everything it names is so, and names every difference", ({ expect }) => {
    const evaluation = saying();
    const right = {
      outcome: "gate",
      because: "rule db.migrate",
      seats: { oncall: ["person:bob", "person:alice"] },
    };
    expect(resultOf(example(right), evaluation)).toMatchObject({ pass: true, differences: [] });
    const wrong = {
      outcome: "deny",
      because: "x",
      level: "one",
      seats: { oncall: ["person:bob"], nobody: [] },
    };
    expect(resultOf(example(wrong), evaluation)).toMatchObject({
      pass: false,
      differences: [
        { what: "outcome", expected: "deny", got: "gate" },
        { what: "because", expected: "x", got: "rule db.migrate" },
        { what: "level", expected: "one", got: null },
        { what: "seat oncall", expected: ["person:bob"], got: ["person:alice", "person:bob"] },
        { what: "seat nobody", expected: [], got: null },
      ],
    });
  });
});

describe("a stage", () => {
  test("changes mode and guardrail of one contract, and nothing else of the document", ({ expect }) => {
    for (const stage of stages) {
      const before = starterPolicy();
      const after = staged(before, "db.migrate", stage);
      if (!after.ok) throw new Error(after.error);
      expect(validatePolicy(after.value, starterDirectory()).ok).toBe(true);
      const { contracts, ...rest } = after.value as Spoilable;
      const { mode, guardrail, ...contract } = contracts[1];
      expect({ ...rest, contracts: contracts.with(1, contract) }).toEqual(starterPolicy());
      expect(mode).toBe(stage === "pilot" ? "shadow" : "enforce");
      expect(guardrail === undefined).toBe(stage !== "adaptive");
      expect(presets[stage].measures).not.toBe("");
      expect(before).toEqual(starterPolicy());
    }
  });

  test("keeps bounds that an operator has set, and goes back over all stages", ({ expect }) => {
    const own = { floor: "rule", ceiling: "rulePlusOne" };
    const document = starterPolicy();
    document.contracts[1].guardrail = own;
    const adaptive = staged(document, "db.migrate", "adaptive");
    expect(adaptive.ok && (adaptive.value as Spoilable).contracts[1].guardrail).toEqual(own);
    const back = adaptive.ok ? staged(adaptive.value, "db.migrate", "pilot") : adaptive;
    expect(back.ok && (back.value as Spoilable).contracts[1]).not.toHaveProperty("guardrail");
  });

  test("of risk critical begins with bounded and never has a level below its rule", ({ expect }) => {
    const pilot = staged(starterPolicy(), "payment.refund", "pilot");
    expect(pilot).toEqual({ ok: false, error: expect.stringContaining("begin with bounded") });
    const adaptive = staged(starterPolicy(), "payment.refund", "adaptive");
    expect(adaptive.ok && validatePolicy(adaptive.value, starterDirectory()).ok).toBe(true);
    expect(staged(starterPolicy(), "no.such", "pilot")).toMatchObject({ ok: false });
  });
});
