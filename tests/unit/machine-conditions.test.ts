import { describe, test } from "vitest";
import { cast, contractOf, createdAt, directoryOf, payloadOf, seat } from "../model/cast.ts";
import { Play, staff } from "../model/play.ts";

/** What conditions do to an action that is under way. */

const { alice, bob } = cast;
const entry = (when: string, then: "allow" | "gate" | "deny") => ({ when, then });
const play = (parts: Parameters<typeof contractOf>[0], payload: Parameters<typeof payloadOf>[1] = {}): Play =>
  new Play(payloadOf(contractOf(parts), payload)).request();
const gated = { decision: { outcome: "gate" as const, because: "rule db.migrate" } };
const allowed = { decision: { outcome: "allow" as const, because: "policy db.migrate" } };

describe("a condition of an entry", () => {
  test("is held against the request again at the claim, by the version in force", ({ expect }) => {
    const game = play({}, gated);
    game.vote(bob, "approve");
    game.contract = contractOf({ decide: [entry("args.migration == '0043'", "deny")] });
    expect(game.claim().refusal).toBeNull();
    const other = play({}, gated);
    other.vote(bob, "approve");
    other.contract = contractOf({ decide: [entry("args.migration == '0042'", "deny")] });
    other.claim();
    expect(other.place).toBe("cancelled{policy}");
  });

  test("never loosens: what was allowed stays so only while every version allows it", ({ expect }) => {
    const decide = [entry("args.migration == '0042'", "allow")];
    const same = play({ decide }, allowed);
    expect(same.claim().refusal).toBeNull();
    const tighter = play({ decide }, allowed);
    tighter.contract = contractOf({ decide: [entry("args.migration == '0043'", "allow")] });
    tighter.claim();
    expect(tighter.place).toBe("cancelled{policy}");
  });

  test("that cannot be evaluated any more stops it: an agent that has left, a sum that was not measured", ({
    expect,
  }) => {
    const decide = [entry("agent.owner != 'person:omar'", "deny")];
    const game = play({ decide }, gated);
    game.vote(bob, "approve");
    game.directory = { ...staff, agents: {} };
    game.claim();
    expect(game.place).toBe("cancelled{policy}");

    const sum = [entry("count() by agent over 1h > 100", "deny")];
    const later = play({}, gated);
    later.vote(bob, "approve");
    later.contract = contractOf({ decide: sum });
    later.claim();
    expect(later.place).toBe("cancelled{policy}");
    const measured = play({ decide: sum }, { ...gated, sums: { "count() by agent over 3600000ms": "100" } });
    measured.vote(bob, "approve");
    expect(measured.claim().refusal).toBeNull();
  });

  test("sees the moment it is judged at: what may not run from six on is not handed out at six", ({
    expect,
  }) => {
    const six = new Date(createdAt + 30_000).toISOString();
    const decide = [entry(`now >= timestamp('${six}')`, "deny")];
    const before = play({ decide }, gated).wait(10_000);
    before.vote(bob, "approve");
    expect(before.place).toBe("approved");
    expect(before.wait(19_999).claim().refusal).toBeNull();
    const after = play({ decide }, gated).wait(10_000);
    after.vote(bob, "approve");
    after.wait(20_000).claim();
    expect(after.place).toBe("cancelled{policy}");
  });
});

describe("the condition of a seat", () => {
  const rule = { ...seat("reviewer", 1, "group:dba"), where: "'senior' in person.groups" };
  const staffed = directoryOf({ groups: { dba: [alice, bob], senior: [alice] } });

  test("lets vote whoever meets it, and is judged again at the claim", ({ expect }) => {
    const game = play({ rule }, gated);
    game.directory = staffed;
    expect(game.vote(bob, "approve").refusal?.code).toBe("not_eligible");
    expect(game.vote(bob, "deny").refusal?.code).toBe("not_eligible");
    game.vote(alice, "approve");
    expect(game.place).toBe("approved");
    game.directory = directoryOf({ groups: { dba: [alice, bob], senior: [] } });
    game.claim();
    expect(game.place).toBe("cancelled{quorum_lost}");
  });

  test("takes no denial back once it is given", ({ expect }) => {
    const game = play({ rule, deny: { denials: 2, veto: [] } }, gated);
    game.directory = directoryOf({ groups: { dba: [alice, bob], senior: [alice, bob] } });
    game.vote(alice, "deny");
    expect(game.place).toBe("pending");
    game.directory = directoryOf({ groups: { dba: [bob], senior: [bob] } });
    game.vote(bob, "deny");
    expect(game.place).toBe("denied");
  });
});
