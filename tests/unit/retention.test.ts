import fc from "fast-check";
import { describe, test } from "vitest";
import { checkPolicy } from "../../core/policy/check.ts";
import {
  keptForMs,
  retentionBounds,
  retentionFaults,
  retentionRemarks,
} from "../../core/retention/classes.ts";
import { anchorOf, bytesOf, duesOf } from "../../core/retention/dues.ts";
import { durationMs } from "../../schemas/duration.ts";
import type { Contract } from "../../schemas/policy.ts";
import { retentionClasses, type Retention, type RetentionClass } from "../../schemas/retention.ts";
import type { Payload } from "../../schemas/stored.ts";
import { cast, contractOf, createdAt, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";
import { starterPolicy } from "../support/starter.ts";

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
const usual: Retention = { context: "ephemeral", payload: "operational", evidence: "compliance" };
const withRetention = (parts: Partial<Retention>): Pick<Contract, "retention"> => ({
  retention: { ...usual, ...parts },
});
const pointersOf = (parts: Partial<Retention>): string[] =>
  retentionFaults(withRetention(parts)).map(({ pointer }) => pointer);

describe("the times of a contract", () => {
  test("are those of semantics §9 where it says nothing", ({ expect }) => {
    const contract = withRetention({});
    expect(retentionClasses.map((name) => keptForMs(contract, name))).toEqual([hour, 7 * day, 400 * day]);
  });

  const edges: [RetentionClass, string, boolean][] = [
    ["ephemeral", "59s", false],
    ["ephemeral", "1m", true],
    ["ephemeral", "24h", true],
    ["ephemeral", "1441m", false],
    ["operational", "59m", false],
    ["operational", "1h", true],
    ["operational", "90d", true],
    ["operational", "91d", false],
    ["compliance", "29d", false],
    ["compliance", "30d", true],
    ["compliance", "3650d", true],
    ["compliance", "3651d", false],
  ];
  test.for(edges)("take %s for %s: %s", ([name, text, taken], { expect }) => {
    // The other two as far apart as they may be, so that only the bound decides.
    const after = { ephemeral: "1m", operational: name === "ephemeral" ? "90d" : "1h", compliance: "3650d" };
    const asked = { ...after, ...(name === "compliance" && { operational: "1h" }), [name]: text };
    const faults = retentionFaults(withRetention({ after: asked }));
    expect(faults.map(({ pointer }) => pointer)).toEqual(taken ? [] : [`/retention/after/${name}`]);
    expect(
      durationMs(text)! < retentionBounds[name].minMs || durationMs(text)! > retentionBounds[name].maxMs,
    ).toBe(!taken);
  });

  test("go up from class to class", ({ expect }) => {
    expect(pointersOf({ after: { ephemeral: "2h", operational: "1h" } })).toEqual([
      "/retention/after/ephemeral",
    ]);
    expect(pointersOf({ after: { operational: "60d", compliance: "30d" } })).toEqual([
      "/retention/after/operational",
    ]);
    expect(pointersOf({ after: { ephemeral: "1h", operational: "1h" } })).toEqual([]);
  });
});

describe("the classes of a contract", () => {
  const cells: [Partial<Retention>, string[]][] = [
    [{}, []],
    [{ evidence: "operational" }, []],
    [{ evidence: "ephemeral" }, ["/retention/payload"]],
    [{ payload: "compliance" }, []],
    [{ payload: "compliance", evidence: "operational" }, ["/retention/payload"]],
    [{ context: "compliance", evidence: "operational" }, ["/retention/context"]],
    [{ evidence: "operational", fields: { "/reason": "compliance" } }, ["/retention/fields/~1reason"]],
    [{ fields: { "/args/diff": "ephemeral" } }, []],
    [{ fields: { "/args/diff": "compliance" } }, ["/retention/fields/~1args~1diff"]],
    [{ fields: { "/args": "compliance", "/args/diff": "compliance" } }, []],
    [{ fields: { "/context/log": "operational" } }, ["/retention/fields/~1context~1log"]],
  ];
  test.for(cells)("of %j have these faults: %j", ([parts, pointers], { expect }) => {
    expect(pointersOf(parts)).toEqual(pointers);
  });

  test("of the same length may stand for each other", ({ expect }) => {
    const after = { ephemeral: "1h", operational: "1h" };
    expect(pointersOf({ after, fields: { "/context/log": "operational" } })).toEqual([]);
  });

  test("name arguments that there are, or it is said that they do not", ({ expect }) => {
    const args = { type: "object", properties: { diff: { type: "string" } } };
    const remarks = (parts: Partial<Retention>, schema: Contract["args"] = args): string[] =>
      retentionRemarks({ ...withRetention(parts), args: schema }).map(({ pointer }) => pointer);
    expect(remarks({ fields: { "/args/diff": "ephemeral", "/context/x": "ephemeral" } })).toEqual([]);
    expect(remarks({ fields: { "/args/dif": "ephemeral" } })).toEqual(["/retention/fields/~1args~1dif"]);
    expect(remarks({ fields: { "/args/toString": "ephemeral" } })).toEqual([
      "/retention/fields/~1args~1toString",
    ]);
    expect(remarks({ fields: { "/args/dif": "ephemeral" } }, { type: "object" })).toEqual([]);
  });

  test("are held against all this before a policy is published", ({ expect }) => {
    const document = starterPolicy();
    const at = (retention: Retention) => ({
      ...document,
      contracts: document.contracts.map((one: Contract, index: number) =>
        index === 0 ? { ...one, retention } : one,
      ),
    });
    const surroundings = { directory: null, inForce: null, endpoints: null, links: null, now: createdAt };
    const findings = (retention: Retention): unknown => checkPolicy(at(retention), surroundings).findings;
    expect(findings({ ...usual, after: { compliance: "1d" } })).toContainEqual(
      expect.objectContaining({ severity: "error", pointer: "/contracts/0/retention/after/compliance" }),
    );
    expect(findings({ ...usual, fields: { "/args/never": "ephemeral" } })).toContainEqual(
      expect.objectContaining({
        severity: "warning",
        pointer: "/contracts/0/retention/fields/~1args~1never",
      }),
    );
  });
});

const held = { ephemeral: 10, operational: 20, compliance: 30 };
const dueAts = ({ payload, state }: Play): (number | null)[] =>
  duesOf(payload, state, held).map(({ dueAt }) => dueAt);
const rollbackPlan = { back: true };
const single = (parts: Partial<Contract> = {}): Payload => ({
  ...payloadOf(contractOf({ rollback: { window: "10m", auto: "never" }, ...parts })),
  rollbackPlan,
});

describe("what is due, and when", () => {
  test("is counted from the end of the time in which it may be put back", ({ expect }) => {
    const play = new Play(single()).request();
    expect(dueAts(play)).toEqual([null, null, null]);
    play.wait(minute).vote(cast.alice, "approve");
    play.vote(cast.bob, "approve");
    expect(play.place).toBe("approved");
    expect(anchorOf(play.payload, play.state)).toBeNull();
    play.claim();
    play.wait(5_000).report();
    expect(play.place).toBe("executed");
    const end = play.now;
    expect(dueAts(play)).toEqual([
      end + 10 * minute + hour,
      end + 10 * minute + 7 * day,
      end + 10 * minute + 400 * day,
    ]);
    // What is said afterwards prolongs nothing.
    play.wait(minute).do({
      type: "feedback",
      actor: cast.alice,
      label: "needless_gate",
      incident: null,
      note: null,
    });
    expect(anchorOf(play.payload, play.state)).toBe(end + 10 * minute);
    // A rollback that is begun at the last moment takes it back, and its end is the new one.
    play.now = end + 10 * minute - 1;
    play.rollback();
    expect(play.place).toBe("rolling_back");
    expect(dueAts(play)).toEqual([null, null, null]);
    play.claim();
    play.wait(5_000).report();
    expect(play.place).toBe("rolled_back");
    expect(anchorOf(play.payload, play.state)).toBe(play.now);
  });

  test("is counted from a deadline that nobody noticed, and not from when it was", ({ expect }) => {
    const play = new Play(single()).request();
    const deadline = play.state.deadlines.pending!;
    play.wait(300 * day).tick();
    expect(play.place).toBe("expired{pending}");
    expect(anchorOf(play.payload, play.state)).toBe(deadline);
  });

  test("is counted from what a late report makes of it", ({ expect }) => {
    const play = new Play(single()).request();
    play.vote(cast.alice, "approve");
    play.claim();
    const deadline = play.now + 10_000;
    play.wait(hour).tick();
    expect(play.place).toBe("failed{unknown}");
    expect(anchorOf(play.payload, play.state)).toBe(deadline + 10 * minute);
    play.report();
    expect(play.place).toBe("executed");
    expect(anchorOf(play.payload, play.state)).toBe(play.now + 10 * minute);
  });

  test("waits for the review of broken glass, or for its time", ({ expect }) => {
    const breakGlass = { by: ["group:oncall"], reviewDue: "72h", perPersonPerDay: 3 };
    const play = new Play(single({ breakGlass, rollback: null })).request();
    play.wait(minute).breakGlass(cast.erin);
    play.claim();
    play.report();
    expect(play.place).toBe("executed");
    const due = play.state.deadlines.review!;
    expect(anchorOf(play.payload, play.state)).toBe(due);
    const end = play.now;
    play.wait(hour).review(cast.alice);
    expect(play.state.breakGlass?.review).not.toBeNull();
    expect(anchorOf(play.payload, play.state)).toBe(end);
  });

  test("of what never ran is counted from there", ({ expect }) => {
    const play = new Play(single()).request();
    play.wait(minute).vote(cast.alice, "deny");
    expect(play.place).toBe("denied");
    expect(anchorOf(play.payload, play.state)).toBe(play.now);
    const withdrawn = new Play(single()).request();
    withdrawn.wait(2 * minute).stop("cancel", cast.demo);
    expect(anchorOf(withdrawn.payload, withdrawn.state)).toBe(withdrawn.now);
  });

  test("names only classes of which there is something", ({ expect }) => {
    const play = new Play(single()).request();
    play.vote(cast.alice, "deny");
    expect(duesOf(play.payload, play.state, { compliance: 5 })).toEqual([
      { class: "compliance", dueAt: play.now + 400 * day, bytes: 5 },
    ]);
    expect(duesOf(play.payload, play.state, {})).toEqual([]);
  });

  test("is no sooner than its class's time after everything that it is counted from", ({ expect }) => {
    const times = fc.record({
      ephemeral: fc.integer({ min: 1, max: 24 * 60 }),
      operational: fc.integer({ min: 24 * 60, max: 30 * 24 * 60 }),
      compliance: fc.integer({ min: 30 * 24 * 60, max: 3_650 * 24 * 60 }),
    });
    const run = fc.record({
      after: times,
      waits: fc.array(fc.nat(9 * minute), { minLength: 3, maxLength: 3 }),
      undo: fc.boolean(),
    });
    fc.assert(
      fc.property(run, ({ after, waits: [first = 0, second = 0, third = 0], undo }) => {
        const texts = Object.fromEntries(retentionClasses.map((name) => [name, `${after[name]}m`]));
        const play = new Play(single({ retention: { ...usual, after: texts } })).request();
        play.wait(first).vote(cast.alice, "approve");
        play.vote(cast.bob, "approve");
        play.claim();
        play.wait(Math.min(second, 20_000)).report();
        if (undo) {
          play.wait(third).rollback();
          expect(dueAts(play)).toEqual([null, null, null]);
          play.claim();
          play.wait(1_000).report();
        }
        const { rollback } = play.state.deadlines;
        const latest = Math.max(play.now, rollback ?? 0);
        expect(dueAts(play)).toEqual(retentionClasses.map((name) => latest + after[name] * minute));
      }),
    );
  });
});

test("bytes are those of the canonical JSON, in UTF-8", ({ expect }) => {
  const salt = "a".repeat(22);
  expect(
    bytesOf({
      ephemeral: { "/context": { salt, value: { b: 1, a: "é" } } },
      operational: { "/reason": { salt, value: "x" }, "/args": { salt, value: {} } },
    }),
  ).toEqual({ ephemeral: 16, operational: 5 });
});
