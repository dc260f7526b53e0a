import { describe, test } from "vitest";
import { faults, starterDirectory, type Spoilable } from "../support/starter.ts";

const seat = (name: string, from: string, n = 1): object => ({ seat: name, n, from: [from] });
describe("P25 publishing a rule that nobody can satisfy fails", () => {
  const cases: [name: string, spoil: (document: Spoilable) => unknown, pointer: string, detail: string][] = [
    [
      "a group that does not exist",
      (d) => (d.contracts[0].rule.from = ["group:nobody"]),
      "/contracts/0/rule/from/0",
      '"nobody"',
    ],
    [
      "a missing group even where another branch would do",
      (d) => (d.contracts[5].rule.any[1].from = ["group:nobody"]),
      "/contracts/5/rule/any/1/from/0",
      '"nobody"',
    ],
    [
      "a missing group in a veto",
      (d) => (d.contracts[3].deny.veto = ["group:nobody"]),
      "/contracts/3/deny/veto/0",
      '"nobody"',
    ],
    [
      "a person who is not there",
      (d) => (d.contracts[0].rule.from = ["person:zoe"]),
      "/contracts/0/rule/from/0",
      "person:zoe",
    ],
    [
      "more people than the group has",
      (d) => (d.contracts[0].rule.n = 3),
      "/contracts/0/rule",
      "takes 3 of group:oncall, and the directory has 2",
    ],
    [
      "an on-call schedule, which nobody keeps yet",
      (d) => (d.contracts[0].rule.from = ["oncall:primary"]),
      "/contracts/0/rule",
      "the directory has 0",
    ],
    [
      "one person for two seats",
      (d) => (d.contracts[0].rule = { all: [seat("a", "group:dba"), seat("b", "person:alice")] }),
      "/contracts/0/rule",
      "one person fills one place",
    ],
    [
      "one person for a critical action",
      (d) => (d.contracts[4].rule = seat("a", "group:dba")),
      "/contracts/4/rule",
      "two people at least",
    ],
    [
      "only the owner of the agents that may ask",
      (d) => (d.contracts[0].rule.from = ["group:operators"]),
      "/contracts/0/rule",
      "owner of the agent",
    ],
  ];
  test.for(cases)("%s", ([, spoil, pointer, detail], { expect }) => {
    const found = faults(spoil);
    expect(found[pointer]).toContain(detail);
    // It is the people that are missing: as a document alone it is well formed.
    expect(faults(spoil, null)).toEqual({});
  });

  test("inactive people do not count", ({ expect }) => {
    const directory = starterDirectory();
    directory.people["person:bob"]!.active = false;
    // alice alone is left on call, and she is the only dba.
    expect(Object.keys(faults(() => null, directory))).toEqual(["/contracts/1/rule"]);
  });

  test("a delegation does not make up for it, as it ends", ({ expect }) => {
    const directory = starterDirectory();
    directory.delegations.push({
      from: "person:alice",
      to: "person:carol",
      groups: ["dba"],
      until: Number.MAX_SAFE_INTEGER,
    });
    expect(Object.keys(faults((d) => (d.contracts[0].rule = seat("a", "group:dba", 2)), directory))).toEqual([
      "/contracts/0/rule",
    ]);
  });

  test("the owner counts where the contract lets them in", ({ expect }) => {
    expect(
      faults((d) =>
        Object.assign(d.contracts[0], {
          rule: seat("a", "group:operators"),
          separationOfDuties: { owner: false },
        }),
      ),
    ).toEqual({});
  });

  test("a right to break the glass that nobody but the agent's owner has, or nobody at all, is a fault", ({
    expect,
  }) => {
    const by = (...selectors: string[]): Record<string, string> =>
      faults((d) => (d.contracts[0].breakGlass = { by: selectors }));
    expect(by("group:security")).toEqual({});
    // Separation of duties may let the owner vote; it never lets them break the glass.
    expect(by("group:operators")["/contracts/0/breakGlass/by"]).toContain(
      "names nobody who could ever use it",
    );
    expect(Object.keys(by("oncall:primary"))).toEqual(["/contracts/0/breakGlass/by/0"]);
    expect(Object.keys(by("group:dba", "group:nobody", "person:mallory"))).toEqual([
      "/contracts/0/breakGlass/by/1",
      "/contracts/0/breakGlass/by/2",
    ]);
    expect(Object.keys(by())).toEqual(["/contracts/0/breakGlass/by"]);
    const spoilt = { by: ["group:dba"], reviewDue: "15d", perPersonPerDay: 0, more: true };
    expect(Object.keys(faults((d) => (d.contracts[0].breakGlass = spoilt))).toSorted()).toEqual([
      "/contracts/0/breakGlass/more",
      "/contracts/0/breakGlass/perPersonPerDay",
    ]);
    const late = { by: ["group:dba"], reviewDue: "15d" };
    expect(faults((d) => (d.contracts[0].breakGlass = late))["/contracts/0/breakGlass/reviewDue"]).toContain(
      "14d",
    );
  });

  test("a type that is switched off needs nobody, but no made-up names either", ({ expect }) => {
    expect(
      faults((d) => Object.assign(d.contracts[0], { mode: "disabled", rule: seat("a", "group:oncall", 5) })),
    ).toEqual({});
    expect(
      Object.keys(
        faults((d) => Object.assign(d.contracts[0], { mode: "disabled", rule: seat("a", "group:nobody") })),
      ),
    ).toEqual(["/contracts/0/rule/from/0"]);
  });
});
