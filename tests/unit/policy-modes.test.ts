import { describe, test } from "vitest";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { decide } from "../../core/policy/decide.ts";
import { ratesOf } from "../../core/rates.ts";
import { summaryOf, viewOf } from "../../core/view.ts";
import type { Contract } from "../../schemas/policy.ts";
import { cast, contractOf, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";
import { faults, type Spoilable } from "../support/starter.ts";
import { subjectWith } from "../support/subjects.ts";
const { bob } = cast;
const list: Contract["decide"] = [
  { when: "args.rows > 1000", then: "deny", because: "too many rows" },
  { when: "args.rows < 10", then: "allow" },
];
const contractIn = (mode: Contract["mode"]): Contract => contractOf({ mode, decide: list });
const says = (mode: Contract["mode"], rows: number) => decide(contractIn(mode), subjectWith({ rows }), judge);

/** A request of a contract in this mode, decided as the engine decides it. */
function playing(mode: Contract["mode"], rows: number): Play {
  const contract = contractIn(mode);
  const { outcome, because, mode: watching, would } = decide(contract, subjectWith({ rows }), judge);
  const decision = {
    outcome,
    because,
    ...(watching !== undefined && { mode: watching }),
    ...(would !== undefined && { would }),
  };
  return new Play(payloadOf(contract, { args: { rows }, decision })).request();
}

describe("a contract in shadow or warn", () => {
  test("lets everything through and says what it would have said, exactly as it would have", ({ expect }) => {
    for (const mode of ["shadow", "warn"] as const) {
      for (const rows of [5, 50, 5_000]) {
        const { outcome, because } = says("enforce", rows);
        expect(says(mode, rows)).toMatchObject({ outcome: "allow", mode, would: { outcome, because } });
      }
    }
    expect(says("warn", 5_000).because).toBe(
      "db.migrate only warns; enforced, it would be denied: too many rows",
    );
    expect(says("enforce", 5_000)).not.toHaveProperty("would");
  });

  test("writes down a condition that cannot be evaluated as well", ({ expect }) => {
    const { errors, would } = decide(contractIn("shadow"), subjectWith({}), judge);
    expect(errors).toHaveLength(1);
    expect(would?.outcome).toBe("deny");
  });

  test("shows it on the action and in lists, and nothing of it where it is enforced", ({ expect }) => {
    const { payload, state } = playing("shadow", 5_000);
    expect(viewOf(payload, state, "https://h.example").decision).toMatchObject({
      mode: "shadow",
      would: { outcome: "deny", because: "too many rows" },
    });
    expect(summaryOf(payload, state).would).toBe("deny");
    const enforced = playing("enforce", 5_000);
    expect(summaryOf(enforced.payload, enforced.state)).not.toHaveProperty("would");
  });
});

describe("what was let through in shadow", () => {
  test("is claimed although its rule is not satisfied and its list denies it", ({ expect }) => {
    for (const mode of ["shadow", "warn"] as const) {
      for (const rows of [50, 5_000]) {
        const game = playing(mode, rows);
        expect(game.place).toBe("approved");
        expect(game.claim().refusal).toBeNull();
        expect(game.place).toBe("executing");
      }
    }
  });

  test("is stopped once a version that enforces is in force, and by a kill switch", ({ expect }) => {
    for (const mode of ["enforce", "disabled"] as const) {
      const game = playing("shadow", 50);
      game.contract = contractIn(mode);
      game.claim();
      expect(game.place).toBe("cancelled{policy}");
    }
    const still = playing("shadow", 50);
    still.contract = contractIn("warn");
    expect(still.claim().refusal).toBeNull();
  });

  test("does not free what waits under a version that enforces", ({ expect }) => {
    const game = playing("enforce", 50);
    game.contract = contractIn("shadow");
    expect(game.place).toBe("pending");
    game.claim();
    expect(game.place).toBe("pending");
    game.vote(bob, "approve");
    expect(game.claim().refusal).toBeNull();
  });
});

describe("the rates of a contract that only watched", () => {
  const action = {
    type: "db.migrate",
    class: "c",
    agent: "agent:demo",
    state: "executed" as const,
    decidedAt: 5,
    decision: "approved" as const,
    via: "policy" as const,
    finishedAt: 9,
  };
  const span = { window: "24h" as const, from: "", to: "", complete: true };

  test("count what it would have said, of what was decided in the window", ({ expect }) => {
    const said = ["gate", "gate", "deny", "allow", undefined] as const;
    const actions = said.map((would) => ({ ...action, would }));
    const early = { ...action, decidedAt: 1, would: "deny" as const };
    const { byType, all } = ratesOf([...actions, early], [], 2, span);
    expect(byType[0]?.watched).toEqual({ allow: 1, gate: 2, deny: 1 });
    expect(all.watched).toEqual(byType[0]?.watched);
    expect(ratesOf([action], [], 2, span).all).not.toHaveProperty("watched");
  });
});

describe("risk critical", () => {
  test("is never only watched", ({ expect }) => {
    for (const mode of ["shadow", "warn"]) {
      const refund = (document: Spoilable): void => void (document.contracts[4].mode = mode);
      expect(faults(refund)).toMatchObject({
        "/contracts/4/mode": `cannot be ${mode} for risk critical: it would ask nobody`,
      });
      expect(faults((document) => void (document.contracts[1].mode = mode))).toEqual({});
    }
  });
});
