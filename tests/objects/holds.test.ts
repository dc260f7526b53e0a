import type { Ledger } from "../../objects/ledger/ledger.ts";
import type { NewHold } from "../../objects/ledger/holds.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { HoldScope, Seen } from "../../schemas/ledger.ts";
import { randomBytes } from "node:crypto";
import { describe, test } from "vitest";
import { actionNamed, kindsOf, linesOf, newLedger, overOf } from "./ledger-lines.ts";

/** What is held is not let go of, whatever is due, and the log says who held it, who released it and when. */

type Stub = DurableObjectStub<Ledger>;
const omar = { kind: "person", id: "person:omar" } as const;
const dueAt = 1_000;
const values = (...classes: RetentionClass[]): Seen["holds"] =>
  classes.map((name) => ({ class: name, dueAt, bytes: 10 }));
const erasable = (nth: number, parts: Partial<Seen> = {}): Seen =>
  overOf(actionNamed(nth), 3, { holds: values("ephemeral", "operational", "compliance"), ...parts });

const holding = (scope: HoldScope, parts: Partial<NewHold> = {}): NewHold => ({
  id: `hold_${randomBytes(16).toString("base64url")}`,
  scope,
  reason: "Case 2031",
  by: omar,
  until: null,
  ...parts,
});
async function held(
  ledger: Stub,
  scope: HoldScope,
  now: number,
  until: number | null = null,
): Promise<string> {
  const put = await ledger.putHold(holding(scope, { until }), now);
  if (!put.ok) throw new Error(put.error.detail);
  return put.value.hold.id;
}
const erases = (ledger: Stub, seen: Seen, now: number, name: RetentionClass = "operational") =>
  ledger.mayErase(
    { action: seen.action, evidence: false, class: name, dueAt, seen, by: { kind: "engine", id: "engine" } },
    now,
  );
const release = (ledger: Stub, id: string, now: number, under: string | null = null) =>
  ledger.releaseHold({ id, by: omar, because: "It is closed", under }, now);

describe("a hold", () => {
  const seen = erasable(1, { type: "payment.refund", requester: "agent:demo" });
  const cells: [scope: HoldScope, covers: boolean][] = [
    ["all", true],
    [`action:${seen.action}`, true],
    [`action:${actionNamed(2)}`, false],
    ["type:payment.refund", true],
    ["type:payment", false],
    ["type:payment.refunds", false],
    ["requester:agent:demo", true],
    ["requester:agent:dem", false],
    ["requester:person:demo", false],
  ];
  test.for(cells)("of %s covers what it names and nothing else: %s", async ([scope, covers], { expect }) => {
    const { ledger } = newLedger();
    await ledger.record([seen], 500);
    const id = await held(ledger, scope, 600);
    const answer = await erases(ledger, seen, 2_000);
    expect(answer.allowed).toBe(!covers);
    if (!answer.allowed) expect(answer).toMatchObject({ hold: id, because: "Case 2031" });
    expect((await kindsOf(ledger)).includes("erased")).toBe(!covers);
  });

  test("that is released lets go at once, and both are in the log with who did it", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record([seen], 500);
    const id = await held(ledger, "all", 600);
    expect((await erases(ledger, seen, 2_000)).allowed).toBe(false);
    expect(await ledger.chores(2_000, 10, 2_000)).toMatchObject({ overdue: [] });
    expect(await release(ledger, id, 3_000)).toMatchObject({ ok: true, value: { releasedAt: 3_000 } });
    expect(await ledger.chores(2_000, 10, 3_000)).toMatchObject({ overdue: [seen.action] });
    expect((await erases(ledger, seen, 3_000)).allowed).toBe(true);
    expect((await linesOf(ledger)).filter(({ kind }) => kind === "held" || kind === "released")).toEqual([
      expect.objectContaining({ kind: "held", hold: id, scope: "all", by: omar, at: 600 }),
      expect.objectContaining({ kind: "released", hold: id, scope: "all", by: omar, at: 3_000 }),
    ]);
  });

  test("whose end has passed is none, and the log says so once somebody looks", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record([seen], 500);
    const id = await held(ledger, "all", 600, 5_000);
    expect(await erases(ledger, seen, 4_999)).toMatchObject({ allowed: false, askAgainAt: 5_000 });
    expect((await erases(ledger, seen, 5_000)).allowed).toBe(true);
    const lines = await linesOf(ledger);
    expect(lines.at(-2)).toMatchObject({ kind: "released", hold: id, by: { kind: "engine" } });
    expect(await ledger.holds(6_000)).toMatchObject([{ id, releasedAt: 5_000, releasedBecause: null }]);
    expect(await release(ledger, id, 6_000)).toMatchObject({ ok: false, error: { code: "conflict" } });
  });

  test("of two keeps what the other one lets go", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record([seen], 500);
    const [first, second] = [await held(ledger, "all", 600), await held(ledger, "type:payment.refund", 700)];
    await release(ledger, first, 800);
    expect(await erases(ledger, seen, 2_000)).toMatchObject({ allowed: false, hold: second });
    await release(ledger, second, 2_100);
    expect((await erases(ledger, seen, 2_200)).allowed).toBe(true);
  });

  test("that came too late names what is gone, by class, and brings nothing back", async ({ expect }) => {
    const { ledger } = newLedger();
    const other = erasable(2, { type: "email.send" });
    const gone: Seen = { ...seen, holds: values("compliance"), erased: [] };
    const erased = (["ephemeral", "operational"] as const).map((name) => ({ class: name, at: 1_500 }));
    await ledger.record([seen, other], 500);
    await erases(ledger, seen, 1_400, "ephemeral");
    await erases(ledger, seen, 1_400, "operational");
    await ledger.record([{ ...gone, erased }], 1_600);
    const put = await ledger.putHold(holding("all"), 2_000);
    expect(put).toMatchObject({
      ok: true,
      value: { gone: { actions: 1, byClass: { ephemeral: 1, operational: 1, compliance: 0 } } },
    });
    const elsewhere = await ledger.putHold(holding("type:email.send"), 2_000);
    expect(elsewhere).toMatchObject({ ok: true, value: { gone: { actions: 0 } } });
    const exact = await ledger.putHold(holding(`action:${seen.action}`), 2_000);
    expect(exact).toMatchObject({ ok: true, value: { gone: { actions: 1 } } });
    // Asked again, what went by the log before the hold is not kept by it.
    expect((await erases(ledger, { ...gone, erased }, 2_100, "ephemeral")).allowed).toBe(true);
    expect((await erases(ledger, { ...gone, erased }, 2_100, "compliance")).allowed).toBe(false);
  });

  test("is released once under one action, however often it is carried out", async ({ expect }) => {
    const { ledger } = newLedger();
    const id = await held(ledger, "all", 600);
    const [under, other] = [actionNamed(8), actionNamed(9)];
    expect(await release(ledger, id, 700, under)).toMatchObject({ ok: true });
    expect(await release(ledger, id, 900, under)).toMatchObject({ ok: true, value: { releasedAt: 700 } });
    expect(await release(ledger, id, 900, other)).toMatchObject({ ok: false });
    expect(await ledger.count("released")).toBe(1);
  });

  test("that would end before it begins is refused, and leaves no line", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record([seen], 5_000);
    const put = await ledger.putHold(holding("all", { until: 5_000 }), 4_000);
    expect(put).toMatchObject({ ok: false, error: { code: "conflict" } });
    expect(await ledger.count("held")).toBe(0);
    expect(await ledger.holds(5_000)).toEqual([]);
  });

  test("that is not there cannot be released", async ({ expect }) => {
    const { ledger } = newLedger();
    expect(await release(ledger, "hold_AAAAAAAAAAAAAAAAAAAAAA", 1)).toMatchObject({
      ok: false,
      error: { code: "not_found" },
    });
  });
});

test("a sweep finds what is overdue, the longest first, without what is held", async ({ expect }) => {
  const { ledger } = newLedger();
  const at = (nth: number, due: number): Seen =>
    erasable(nth, { holds: [{ class: "operational", dueAt: due, bytes: 1 }], type: `t.n${nth}` });
  await ledger.record([at(1, 300), at(2, 200), at(3, 100), at(4, 900)], 50);
  await held(ledger, "type:t.n3", 60);
  const { overdue } = await ledger.chores(500, 10, 500);
  expect(overdue).toEqual([actionNamed(2), actionNamed(1)]);
  expect((await ledger.chores(500, 1, 500)).overdue).toEqual([actionNamed(2)]);
});
