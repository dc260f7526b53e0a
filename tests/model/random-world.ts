import * as fc from "fast-check";
import type { Actor } from "../../schemas/event.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Contract, DenyRule, Rule, Selector } from "../../schemas/policy.ts";
import { cast, contractOf, createdAt, directoryOf, payloadOf, preconditions, seat } from "./cast.ts";
import type { Env, World } from "./world.ts";

const { alice, bob, carol, erin, omar, demo, other } = cast;
const voters = [alice, bob, carol, erin];
const people = [...voters, omar];
const groupNames = ["dba", "security", "oncall"];

const selector: fc.Arbitrary<Selector> = fc.constantFrom(
  "group:dba",
  "group:security",
  "group:oncall",
  alice.id,
  erin.id,
);
const oneSeat: fc.Arbitrary<Rule> = fc
  .tuple(
    fc.constantFrom("x", "y", "z"),
    fc.integer({ min: 1, max: 2 }),
    fc.uniqueArray(selector, { minLength: 1, maxLength: 2 }),
  )
  .map(([name, n, from]) => seat(name, n, ...from));
const twoOf = (part: fc.Arbitrary<Rule>): fc.Arbitrary<Rule> =>
  fc.oneof(
    fc.array(part, { minLength: 1, maxLength: 2 }).map((all) => ({ all })),
    fc.array(part, { minLength: 1, maxLength: 2 }).map((any) => ({ any })),
  );
const rule = fc.oneof(
  { weight: 3, arbitrary: oneSeat },
  { weight: 2, arbitrary: twoOf(oneSeat) },
  { weight: 1, arbitrary: twoOf(twoOf(oneSeat)) },
);
const deny: fc.Arbitrary<DenyRule> = fc.record({
  denials: fc.integer({ min: 1, max: 3 }),
  veto: fc.uniqueArray(selector, { maxLength: 1 }),
});

const minute = 60_000;
const lending = fc.record({
  from: fc.constantFrom(...people.map(({ id }) => id)),
  to: fc.constantFrom(...voters.map(({ id }) => id)),
  groups: fc.constantFrom<string[][]>(["dba"], ["security", "oncall"]),
  until: fc.integer({ min: 1, max: 12 }).map((after) => createdAt + after * minute),
});
const members: fc.Arbitrary<Actor[]> = fc.subarray(people, { minLength: 1 });
const directory: fc.Arbitrary<Directory> = fc
  .record({
    groups: fc
      .tuple(members, members, members)
      .map((lists) => Object.fromEntries(groupNames.map((name, index) => [name, lists[index] ?? []]))),
    owner: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Actor>(omar) },
      { weight: 1, arbitrary: fc.constant<Actor>(alice) },
    ),
    delegations: fc.array(lending, { maxLength: 2 }),
    inactive: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Actor[]>([]) },
      { weight: 1, arbitrary: fc.constant<Actor[]>([bob]) },
    ),
  })
  .map((parts) => directoryOf(parts));

const rollback = fc.constantFrom(null, { window: "1m" }, { window: "1m", auto: "failed" as const });
const breakGlass = fc.record({
  by: fc.uniqueArray(selector, { minLength: 1, maxLength: 2 }),
  reviewDue: fc.constantFrom("30s", "5m"),
});
const contract: fc.Arbitrary<Contract> = fc
  .record({
    rule,
    deny,
    risk: fc.constantFrom("high" as const, "critical" as const, "low" as const),
    decide: fc.oneof(
      { weight: 6, arbitrary: fc.constant<Contract["decide"]>([]) },
      { weight: 3, arbitrary: fc.constant<Contract["decide"]>([{ then: "allow" }]) },
      { weight: 1, arbitrary: fc.constant<Contract["decide"]>([{ then: "deny" }]) },
    ),
    onChange: fc.constantFrom("tighten" as const, "pin" as const),
    mode: fc.oneof(
      { weight: 9, arbitrary: fc.constant("enforce" as const) },
      { weight: 1, arbitrary: fc.constant("disabled" as const) },
    ),
    separationOfDuties: fc.boolean().map((owner) => ({ owner })),
    idempotent: fc.boolean(),
    maxAttempts: fc.integer({ min: 1, max: 3 }),
    rollback,
    glass: fc.option(breakGlass, { nil: undefined, freq: 2 }),
  })
  .map(({ decide, glass, ...parts }) =>
    contractOf({ ...parts, decide: [...decide], ...(glass !== undefined && { breakGlass: glass }) }),
  );

const when = fc.option(fc.integer({ min: 0, max: 8 }), { nil: null, freq: 2 });

/**
 * A request under a contract like none of the searched worlds, and up to three versions of the world around it: what
 * the search gains by looking everywhere in small worlds, this gains by looking a little in many.
 */
export const randomWorld: fc.Arbitrary<World> = fc
  .record({
    pinned: contract,
    later: fc.array(fc.option(contract, { nil: null, freq: 9 }), { maxLength: 2 }),
    first: directory,
    directories: fc.array(directory, { minLength: 2, maxLength: 2 }),
    observes: fc.boolean(),
    when,
  })
  .map(({ pinned: drawn, later, first, directories, observes, when: minutes }) => {
    const pinned = { ...drawn, mode: "enforce" as const };
    const [before, after] =
      minutes === null ? [null, null] : [createdAt + minutes * minute, createdAt + minutes * minute + 90_000];
    const moments = [
      before,
      after,
      ...[first, ...directories].flatMap((one) => one.delegations.map(({ until }) => until)),
    ];
    const text = (at: number | null | undefined): string | null =>
      at === null || at === undefined ? null : new Date(at).toISOString();
    const parts = {
      preconditions: observes ? preconditions : null,
      notBefore: text(before),
      notAfter: text(after),
    };
    const changes = later.map((contractNow, index): Env => ({
      name: `version ${index + 2}`,
      contract: contractNow,
      directory: directories[index] ?? first,
    }));
    return {
      name: "a random one",
      payload: payloadOf(pinned, parts),
      voters,
      envs: [{ name: "version 1", contract: pinned, directory: first }, ...changes],
      moments: moments.filter((at): at is number => at !== null && at !== undefined),
      executors: [demo, other],
    };
  });
