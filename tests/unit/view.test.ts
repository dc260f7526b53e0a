import * as v from "valibot";
import { describe, test } from "vitest";
import { eventView, summaryOf, viewOf, withoutPayload } from "../../core/view.ts";
import { ActionSummary, ActionView, EventView } from "../../schemas/action.ts";
import type { Payload } from "../../schemas/stored.ts";
import { cast, contractOf, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

const origin = "https://engine.example";
let planted = 0;
const canary = (where: string): string => `canary-${where}-${(planted += 1)}`;

/** An action with a canary in everything that an agent, a voter or an executor can write into it. */
function payload(): Payload {
  return payloadOf(contractOf({ rollback: { window: "1m" }, deny: { denials: 2, veto: [] } }), {
    args: { [canary("key")]: canary("argument"), deep: [{ a: [canary("deep argument")] }] },
    reason: canary("reason"),
    context: { diff: canary("context") },
    preconditions: { etag: canary("precondition") },
    rollbackPlan: { migration: canary("plan") },
    callback: { url: `https://agent.example/${canary("callback")}`, secretId: "whs_canary1" },
  });
}

const fails = {
  outcome: "failed",
  effect: "partial",
  summary: canary("summary"),
  evidence: { tail: canary("evidence") },
} as const;
const succeeds = { ...fails, outcome: "succeeded", effect: "none" } as const;
const claims = (play: Play): unknown => play.do({ ...claimOf(play), leaseId: canary("lease") });
const claimOf = ({ payload: { preconditions, digest } }: Play) =>
  ({ type: "claim", actor: cast.demo, digest, preconditions }) as const;

/** Lives that between them pass every state, each looked at after every step. */
const lives: Record<string, ((play: Play) => unknown)[]> = {
  undone: [
    (play) => play.vote(cast.bob, "deny", { reason: canary("denial") }),
    (play) => play.vote(cast.alice, "approve", { reason: canary("approval") }),
    claims,
    (play) => play.heartbeat(),
    (play) => play.report(fails),
    (play) => play.do({ type: "rollback", actor: cast.omar, reason: canary("rollback") }),
    claims,
    (play) => play.report(succeeds),
  ],
  "not undone": [
    (play) => play.vote(cast.alice, "approve"),
    claims,
    (play) => play.report(fails, { lease: canary("stolen lease"), fence: 0 }),
    (play) => play.report(succeeds),
    (play) => play.do({ type: "rollback", actor: cast.omar, reason: canary("rollback") }),
    claims,
    (play) => play.report(fails),
    (play) => play.vote(cast.bob, "deny", { reason: canary("late denial") }),
  ],
  lost: [
    (play) => play.vote(cast.alice, "approve"),
    claims,
    (play) => play.wait(10_000).tick(),
    (play) => play.report(fails),
  ],
  denied: [
    (play) => play.vote(cast.alice, "deny", { reason: canary("denial") }),
    (play) => play.vote(cast.bob, "deny", { reason: canary("denial") }),
  ],
  cancelled: [(play) => play.do({ type: "cancel", actor: cast.demo, reason: canary("cancel") })],
  expired: [(play) => play.wait(600_000).tick()],
};

function eachStep(look: (play: Play) => void): void {
  for (const life of Object.values(lives)) {
    const play = new Play(payload()).request();
    look(play);
    for (const move of life) {
      move(play);
      look(play);
    }
  }
}

const leaseIds = ({ events }: Play): string[] =>
  events.flatMap((event) => ("lease" in event.data && event.data.lease !== "" ? [event.data.lease] : []));

describe("views", () => {
  test("are of their schemas in every state", ({ expect }) => {
    const seen = new Set<string>();
    eachStep((play) => {
      seen.add(play.state.state);
      expect(v.is(ActionView, viewOf(play.payload, play.state, origin))).toBe(true);
      expect(v.is(ActionSummary, summaryOf(play.payload, play.state))).toBe(true);
      for (const event of play.events) expect(v.is(EventView, eventView(play.payload, event))).toBe(true);
    });
    expect([...seen].toSorted()).toEqual([
      "approved",
      "cancelled",
      "denied",
      "executed",
      "executing",
      "expired",
      "failed",
      "pending",
      "rollback_failed",
      "rolled_back",
      "rolling_back",
    ]);
  });

  test("never hold a lease's id: whoever reads it could report in the executor's name", ({ expect }) => {
    let leases = 0;
    eachStep((play) => {
      const { payload: asked, state, events } = play;
      const view = viewOf(asked, state, origin);
      const shown = JSON.stringify([
        view,
        withoutPayload(view),
        summaryOf(asked, state),
        events.map((event) => eventView(asked, event)),
      ]);
      for (const id of leaseIds(play)) {
        leases += 1;
        expect(id).toContain("canary-lease");
        expect(shown).not.toContain(id);
      }
      expect(shown).not.toContain("stolen lease");
    });
    expect(leases).toBeGreaterThan(20);
  });

  test("never hold the callback's address or the name of its secret", ({ expect }) => {
    eachStep(({ payload: asked, state, events }) => {
      const shown = JSON.stringify([
        viewOf(asked, state, origin),
        summaryOf(asked, state),
        events.map((event) => eventView(asked, event)),
      ]);
      expect(shown).not.toContain("canary-callback");
      expect(shown).not.toContain("whs_canary1");
    });
  });

  test("without payload, and in lists, hold nobody's words and nothing of what will run", ({ expect }) => {
    eachStep(({ payload: asked, state }) => {
      const view = viewOf(asked, state, origin);
      expect(JSON.stringify(view)).toContain("canary-argument");
      expect(JSON.stringify(withoutPayload(view))).not.toContain("canary");
      expect(JSON.stringify(summaryOf(asked, state))).not.toContain("canary");
    });
  });

  test("without payload still say what became of it", ({ expect }) => {
    const play = new Play(payload()).request();
    for (const move of lives["undone"] ?? []) move(play);
    expect(withoutPayload(viewOf(play.payload, play.state, origin))).toMatchObject({
      id: "act_model",
      state: "rolled_back",
      digest: play.payload.digest,
      votes: [
        { person: cast.bob.id, decision: "deny", counts: true },
        { person: cast.alice.id, decision: "approve", counts: true },
      ],
      outcome: { outcome: "failed", effect: "partial" },
      rollback: { startedBy: cast.omar.id, outcome: "succeeded" },
    });
  });

  test("show broken glass and its review; without payload nobody's words about it", ({ expect }) => {
    const contract = contractOf({ breakGlass: { by: [cast.erin.id], reviewDue: "1h" } });
    const play = new Play(payloadOf(contract)).request();
    play.breakGlass(cast.erin, { reason: "canary-words of who broke it", incident: "INC-9" });
    expect(viewOf(play.payload, play.state, origin)).toMatchObject({
      state: "approved",
      deadlines: { review: "2026-01-01T13:00:00.000Z" },
      breakGlass: {
        by: cast.erin.id,
        incident: "INC-9",
        reason: "canary-words of who broke it",
        at: "2026-01-01T12:00:00.000Z",
        reviewDue: "2026-01-01T13:00:00.000Z",
        overdue: false,
        review: null,
      },
    });
    play.wait(3_600_000).tick();
    expect(viewOf(play.payload, play.state, origin).breakGlass?.overdue).toBe(true);
    const note = "canary-words of who looked";
    play.do({ type: "review", actor: cast.alice, verdict: "unjustified", note });
    const view = viewOf(play.payload, play.state, origin);
    expect(view.breakGlass).toMatchObject({ overdue: false, review: { by: cast.alice.id, note } });
    const open = withoutPayload(view);
    expect(JSON.stringify(open)).not.toContain("canary-words");
    expect(open).toMatchObject({
      breakGlass: { by: cast.erin.id, review: { by: cast.alice.id, verdict: "unjustified" } },
    });
  });

  test("show whose vote counts, how the seats stand, and that the owner is kept out", ({ expect }) => {
    const play = new Play(payload()).request();
    play.vote(cast.alice, "approve");
    play.vote(cast.alice, "withdraw");
    const view = viewOf(play.payload, play.state, origin);
    expect(view.votes).toMatchObject([{ person: cast.alice.id, decision: "approve", counts: true }]);
    expect(view.seats).toEqual([{ seat: "reviewer", n: 1, filled: 1, from: ["group:dba"] }]);
    expect(view.separationOfDuties).toEqual({ owner: true });
  });

  test("give times as RFC 3339 with milliseconds and links under the address that was called", ({
    expect,
  }) => {
    const view = viewOf(payload(), new Play(payload()).request().state, "http://127.0.0.1:8787");
    expect(view.createdAt).toBe("2026-01-01T12:00:00.000Z");
    expect(view.deadlines).toEqual({
      pending: "2026-01-01T12:10:00.000Z",
      approval: null,
      lease: null,
      execution: null,
      rollback: null,
      review: null,
    });
    expect(view.links).toEqual({
      self: "http://127.0.0.1:8787/v1/actions/act_model",
      page: "http://127.0.0.1:8787/actions/act_model",
      events: "http://127.0.0.1:8787/v1/actions/act_model/events",
      stream: "ws://127.0.0.1:8787/v1/actions/act_model/stream",
    });
  });

  test("of events write the outcome with its kind", ({ expect }) => {
    const play = new Play(payload()).request();
    play.vote(cast.alice, "approve");
    play.claim();
    play.report(fails);
    const last = play.events.at(-1)!;
    expect(eventView(play.payload, last)).toMatchObject({
      type: "failed",
      outcome: "failed{partial}",
      target: "orders-db",
      actor: cast.demo,
    });
  });
});
