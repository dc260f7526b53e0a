import { describe, test } from "vitest";
import { channelsAfterBreak, channelsOf } from "../../core/notify.ts";
import { rowsFor } from "../../core/outbox.ts";
import type { Event } from "../../schemas/event.ts";
import type { SlackLink } from "../../schemas/link.ts";
import { faults, starterDirectory } from "../support/starter.ts";

const link = (person: string, user: string): SlackLink => ({ team: "T0TEST", user, person, linkedAt: 0 });
const links = [link("person:alice", "U0ALICE"), link("person:bob", "U0BOB"), link("person:carol", "U0CAROL")];
const now = Date.parse("2026-11-23T12:00:00Z");
const sinks = (
  notify: string[],
  escalateTo: string[][] = [],
  directory = starterDirectory(),
): [string, number][] =>
  channelsOf({ notify, escalateTo }, directory, links, now).map(({ sink, level }) => [sink, level]);

const quiet = {
  actor: { kind: "engine", id: "engine" },
  reason: null,
  state: "pending",
  detail: null,
} as const;
const reminded: Event = { ...quiet, type: "reminded", seq: 2, at: 0, data: { dueAt: 0 } };
const escalated: Event = { ...quiet, type: "escalated", seq: 3, at: 0, data: { dueAt: 0, level: 1 } };

describe("who is told", () => {
  test("are channels as they are named, and a group's active people where they are linked", ({ expect }) => {
    expect(sinks(["slack:C0ABC", "group:oncall"])).toEqual([
      ["slack:C0ABC", 0],
      ["slack:U0ALICE", 0],
      ["slack:U0BOB", 0],
    ]);
    const directory = starterDirectory();
    const { "person:bob": bob } = directory.people;
    if (bob !== undefined) directory.people["person:bob"] = { ...bob, active: false };
    expect(sinks(["group:oncall", "person:bob", "group:nobody", "person:mallory"], [], directory)).toEqual([
      ["slack:U0ALICE", 0],
    ]);
  });

  test("are whoever is on call when it is asked for, and nobody once a turn that was set is over", ({
    expect,
  }) => {
    const directory = {
      ...starterDirectory(),
      onCall: { web: { people: ["person:carol"], until: now + 1 } },
    };
    expect(sinks(["oncall:web", "oncall:nobody"], [], directory)).toEqual([["slack:U0CAROL", 0]]);
    const over = { ...directory, onCall: { web: { people: ["person:carol"], until: now } } };
    expect(sinks(["oncall:web"], [], over)).toEqual([]);
  });

  test("are told once each, from the lowest level that names them on", ({ expect }) => {
    expect(sinks(["person:alice"], [["group:oncall"], ["slack:C0ABC", "person:alice"]])).toEqual([
      ["slack:U0ALICE", 0],
      ["slack:U0BOB", 1],
      ["slack:C0ABC", 2],
    ]);
  });

  test("of a level hear of it once the action has escalated that far, and webhooks hear of no reminder", ({
    expect,
  }) => {
    const audience = {
      channels: channelsOf(
        { notify: ["slack:C0ABC"], escalateTo: [["slack:C0DEF"]] },
        starterDirectory(),
        [],
        now,
      ),
      subscribers: [{ id: "whe_all", events: [], active: true }],
      hasCallback: true,
    };
    const told = (event: Event, level: number): string[] =>
      rowsFor(event, audience, level, 0).map(({ sink }) => sink);
    expect(told(reminded, 0)).toEqual(["slack:C0ABC"]);
    expect(told(escalated, 1)).toEqual(["slack:C0ABC", "slack:C0DEF", "webhook:whe_all", "callback"]);
    expect(told(reminded, 1)).toEqual(["slack:C0ABC", "slack:C0DEF"]);
  });

  test("once glass is broken: everybody the contract names, and the people who were passed over", ({
    expect,
  }) => {
    const channels = channelsOf(
      { notify: ["slack:C0ABC", "pagerduty:web"], escalateTo: [["slack:C0DEF"], ["person:bob"]] },
      starterDirectory(),
      links,
      now,
    );
    const after = channelsAfterBreak(channels, ["person:alice", "person:bob", "person:omar"], links);
    expect(after.map(({ sink, level }) => [sink, level])).toEqual([
      ["slack:C0ABC", 0],
      ["pagerduty:web", 0],
      ["slack:C0DEF", 1],
      ["slack:U0BOB", 0],
      ["slack:U0ALICE", 0],
    ]);
    const data = { person: "person:carol", dueAt: 0 };
    const overdue: Event = { ...quiet, type: "review_overdue", seq: 9, at: 0, data };
    const rows = rowsFor(overdue, { channels: after, subscribers: [], hasCallback: true }, 0, 0);
    // The escalated channel hears of it too, although nothing has escalated; nobody is paged for what is over.
    expect(rows.map(({ sink }) => sink).toSorted()).toEqual([
      "callback",
      "slack:C0ABC",
      "slack:C0DEF",
      "slack:U0ALICE",
      "slack:U0BOB",
    ]);
  });

  test.for([
    ["slack:#general"],
    ["slack:c0abc"],
    ["mail:alice"],
    ["group:"],
    ["https://hooks.example.com"],
    ["pagerduty:A B"],
  ])("are not published as %j", ([target], { expect }) => {
    expect(Object.keys(faults((d) => (d.contracts[0].notify = [target])))).toEqual(["/contracts/0/notify/0"]);
    expect(Object.keys(faults((d) => (d.contracts[0].escalateTo = [["group:dba"], [target]])))).toEqual([
      "/contracts/0/escalateTo/1/0",
    ]);
  });
});
