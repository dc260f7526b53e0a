import { describe, it } from "vitest";
import { readerIn, waitsFor } from "../../core/reader.ts";
import { personByEmail } from "../../core/identity.ts";
import { sessionScopes, isFresh, freshMs } from "../../core/session.ts";
import { passTextOf, workspaceOfPass } from "../../core/pass-text.ts";
import { starterDirectory } from "../support/starter.ts";

const now = Date.parse("2026-01-01T00:00:00.000Z");
const action = {
  state: "pending" as const,
  requester: { kind: "agent" as const, id: "agent:demo", owner: "person:omar" },
  seats: [{ seat: "oncall", n: 1, filled: 0, from: ["group:oncall" as const] }],
};

describe("a reader of the queue", () => {
  it("is waited for while it is pending and a seat is theirs, by name or by group", ({ expect }) => {
    const directory = starterDirectory();
    const reads = (person: string, change: object = {}): boolean =>
      waitsFor({ ...action, ...change }, readerIn(directory, person, now));
    expect(reads("person:bob")).toBe(true);
    expect(reads("person:carol")).toBe(false);
    expect(reads("person:carol", { seats: [{ seat: "c", n: 1, filled: 0, from: ["person:carol"] }] })).toBe(
      true,
    );
    expect(reads("person:bob", { state: "approved" })).toBe(false);
    expect(reads("person:bob", { requester: { ...action.requester, owner: "person:bob" } })).toBe(false);
    expect(reads("person:bob", { requester: { ...action.requester, onBehalfOf: "person:bob" } })).toBe(false);
  });

  it("has the groups that are lent to them until the very millisecond that ends it", ({ expect }) => {
    const lent = { from: "person:alice", to: "person:carol", groups: ["dba"], until: now };
    const directory = { ...starterDirectory(), delegations: [lent] };
    expect(readerIn(directory, "person:carol", now - 1).groups).toEqual(["security", "dba"]);
    expect(readerIn(directory, "person:carol", now).groups).toEqual(["security"]);
  });
});

describe("a reader who is named by their work", () => {
  const directory = {
    ...starterDirectory(),
    onCall: { primary: { people: ["person:carol"], until: now + 1 } },
    owners: [{ targets: ["prod-*"], owner: "group:security" }],
  };
  const reads = (from: string, person = "person:carol", at = now): boolean =>
    waitsFor(
      { ...action, seats: [{ seat: "s", n: 1, filled: 0, from: [from] }] },
      readerIn(directory, person, at),
    );

  it("is waited for while they are on call", ({ expect }) => {
    expect(reads("oncall:primary")).toBe(true);
    expect(reads("oncall:primary", "person:carol", now + 1)).toBe(false);
    expect(reads("oncall:primary", "person:bob")).toBe(false);
    expect(reads("oncall:secondary")).toBe(false);
  });

  it("is waited for as the manager of whose agent asks, and as somebody who owns targets", ({ expect }) => {
    directory.people["person:omar"] = { ...directory.people["person:omar"]!, manager: "person:carol" };
    expect(reads("manager-of-requester")).toBe(true);
    expect(reads("manager-of-requester", "person:bob")).toBe(false);
    expect(reads("owner-of-target")).toBe(true);
    expect(reads("owner-of-target", "person:bob")).toBe(false);
  });
});

describe("whoever is signed in", () => {
  it("may send dead letters again as an operator only", ({ expect }) => {
    const directory = starterDirectory();
    expect(sessionScopes(directory, "person:omar")).toContain("deliveries:write");
    expect(sessionScopes(directory, "person:bob")).not.toContain("deliveries:write");
    expect(sessionScopes(directory, "person:bob")).toContain("votes:write");
    expect(sessionScopes({ ...directory, groups: {} }, "person:omar")).not.toContain("deliveries:write");
  });

  it("is fresh for five minutes, and not at the end of the fifth", ({ expect }) => {
    expect([isFresh(now, now + freshMs - 1), isFresh(now, now + freshMs)]).toEqual([true, false]);
  });

  it("is found by e-mail where exactly one active person has it", ({ expect }) => {
    const directory = starterDirectory();
    const peopled = (people: Record<string, object>): typeof directory => ({
      ...directory,
      people: Object.fromEntries(
        Object.entries(directory.people).map(([id, person]) => [id, { ...person, ...people[id] }]),
      ),
    });
    const bob = { "person:bob": { email: "Bob@example.com" } };
    expect(personByEmail(peopled(bob), "bob@EXAMPLE.com")).toBe("person:bob");
    expect(personByEmail(peopled(bob), "")).toBeNull();
    expect(
      personByEmail(peopled({ ...bob, "person:alice": { email: "bob@example.com" } }), "bob@example.com"),
    ).toBeNull();
    expect(
      personByEmail(
        peopled({ "person:bob": { email: "bob@example.com", active: false } }),
        "bob@example.com",
      ),
    ).toBeNull();
  });
});

it("a pass names its workspace, and nothing of another form is one", ({ expect }) => {
  const secret = "A".repeat(43);
  expect(workspaceOfPass(passTextOf("default", secret))).toBe("default");
  for (const text of [
    "",
    ".",
    `default.${secret}A`,
    `Default.${secret}`,
    `a/b.${secret}`,
    secret,
    `default.${secret}\n`,
  ]) {
    expect(workspaceOfPass(text), JSON.stringify(text)).toBeNull();
  }
});
