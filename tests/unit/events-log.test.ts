import { describe, test } from "vitest";
import type { Seen } from "../../schemas/ledger.ts";
import type { Ack } from "../../workers/delivery.ts";
import { takeEvents } from "../../workers/events.ts";
import { change, delivery, eventDeps } from "../support/events.ts";

describe("what the log is told", () => {
  const seen = (action: string, events: number, over = false): Seen => ({
    action,
    type: "db.migrate",
    requester: "agent:demo",
    first: `sha256:${"1".repeat(64)}`,
    events,
    head: `sha256:${"2".repeat(64)}`,
    state: over ? "executed" : "pending",
    over,
    holds: [],
    erased: [],
  });

  test("is told once for each workspace, and what it answers goes back to the action", async ({ expect }) => {
    const acks: [string, Ack[]][] = [];
    const deps = eventDeps({
      acknowledge: async (_, action, given) => void acks.push([action, given]),
    });
    await takeEvents(
      [
        change({ evidence: seen("act_a", 2) }),
        change({ action: "act_b", seq: 4, evidence: seen("act_b", 4, true) }),
        change({ action: "act_c", ack: false, evidence: seen("act_c", 4) }),
        change({ action: "act_d" }),
        change({ workspace: "other", action: "act_e" }),
      ],
      deps,
    );
    expect(deps.calls.filter((call) => call.startsWith("record"))).toEqual([
      "record default act_a:2,act_b:4",
    ]);
    const told = new Map(acks);
    expect(told.get("act_a")).toEqual([{ seq: 2, sink: "board", news: 0, ledger: { number: 1, sealed: 0 } }]);
    expect(told.get("act_b")).toMatchObject([{ ledger: { number: 2, sealed: 4 } }]);
    // One of the version before has nothing for the log, and is not kept waiting for it.
    expect(told.get("act_d")).toEqual([{ seq: 2, sink: "board", news: 0 }]);
    expect(told.has("act_c")).toBe(false);
  });

  test("brings back, where it fails, those that asked and had something for it, and nobody else's", async ({
    expect,
  }) => {
    const broken = new Error("no log");
    const deps = eventDeps({
      record: (workspace) => (workspace === "default" ? Promise.reject(broken) : Promise.resolve([])),
    });
    const settled = await takeEvents(
      [
        change({ evidence: seen("act_a", 2), deliveries: [delivery()] }),
        change({ ack: false, seq: 1, deliveries: [delivery()] }),
        change({ action: "act_d" }),
        change({ workspace: "other", action: "act_e", evidence: seen("act_e", 2) }),
      ],
      deps,
    );
    expect(settled.map(({ error }) => error)).toEqual([broken, null, null, null]);
    expect(deps.calls.toSorted()).toEqual(
      [
        "ack default/act_d 2:board",
        "ack other/act_e 2:board",
        "apply default 2,1,2",
        "apply other 2",
        "dispatch 2",
      ].toSorted(),
    );
  });

  test("is told also where the Board fails, and the action is told of neither", async ({ expect }) => {
    const deps = eventDeps({ apply: () => Promise.reject(new Error("Board is away")) });
    const settled = await takeEvents([change({ evidence: seen("act_a", 2) })], deps);
    expect(settled).toMatchObject([{ error: new Error("Board is away") }]);
    expect(deps.calls).toEqual(["record default act_a:2"]);
  });
});
