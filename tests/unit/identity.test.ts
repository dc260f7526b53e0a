import { describe, test } from "vitest";
import { identityOf } from "../../core/eligibility.ts";
import { aliasesOf, canonicalEmail, personByEmail } from "../../core/identity.ts";
import type { Directory, Person } from "../../schemas/directory.ts";
import { PersonId } from "../../schemas/text.ts";
import * as v from "valibot";

const kelvin = "\u212A";
const longS = "\u017F";
const cyrillicA = "\u0430";

const directoryOf = (...people: Partial<Person>[]): Directory => ({
  version: 1,
  people: Object.fromEntries(
    people.map((person) => [person.id!, { manager: null, active: true, ...person } as Person]),
  ),
  agents: {},
  groups: {},
  delegations: [],
});

describe("T7 an e-mail address", () => {
  const same: [string, string][] = [
    ["alice@example.com", "alice@example.com"],
    ["Alice@Example.COM", "alice@example.com"],
    ["o'hara+on.call@xn--bcher-kva.example", "o'hara+on.call@xn--bcher-kva.example"],
    [`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`],
    ["alice@a.b", "alice@a.b"],
  ];
  test.for(same)("%s has the canonical form %s, which is its own", ([text, canonical], { expect }) => {
    expect(canonicalEmail(text)).toEqual({ ok: true, value: canonical });
    expect(canonicalEmail(canonical)).toEqual({ ok: true, value: canonical });
  });

  const refused: Record<string, string> = {
    "with the Kelvin sign, which becomes a k": `${kelvin}elly@example.com`,
    "with a long s": `${longS}am@example.com`,
    "with a Cyrillic letter": `${cyrillicA}lice@example.com`,
    "with a Cyrillic letter in the domain": `alice@ex${cyrillicA}mple.com`,
    "in full-width letters": "ａlice@example.com",
    "with an accent made of two code points": "ali\u0301ce@example.com",
    "with an accent made of one": "al\u00EDce@example.com",
    "with an invisible character": "al\u200Bice@example.com",
    "with a bidirectional override": "al\u202Eice@example.com",
    "with a space before": " alice@example.com",
    "with a line break after": "alice@example.com\n",
    "with a no-break space": "alice\u00A0@example.com",
    quoted: '"alice"@example.com',
    "with a comment": "alice(the other)@example.com",
    "with two at signs": "alice@evil.example@example.com",
    "without a domain": "alice",
    "of a host without a domain": "alice@localhost",
    "with a dot at the end": "alice@example.com.",
    "with two dots": "alice..b@example.com",
    "of an address": "alice@[127.0.0.1]",
    "of a domain with something before it": "alice@!example.com",
    "of a domain with something after it": "alice@example.com!",
    "of a domain that begins with a hyphen": "alice@-a.example.com",
    empty: "",
    "too long": `${"a".repeat(65)}@example.com`,
    "much too long": `alice@${"a.".repeat(200)}example.com`,
  };
  test.for(Object.entries(refused))("%s is refused", ([, text], { expect }) => {
    expect(canonicalEmail(text)).toMatchObject({ ok: false });
    expect(personByEmail(directoryOf({ id: "person:kelly", email: "kelly@example.com" }), text)).toBeNull();
  });

  test("that is refused is refused in words, and has at most 254 characters", ({ expect }) => {
    const said = (text: string): string | null => {
      const read = canonicalEmail(text);
      return read.ok ? null : read.error;
    };
    const longest = `a@${"b.".repeat(124)}com`.padStart(254, "a");
    expect([longest.length, said(longest)]).toEqual([254, null]);
    expect(said(`a${longest}`)).toBe("is longer than 254 characters");
    expect(said("alice @example.com")).toBe("holds white space");
    expect(said("alice\u00A0@example.com")).toBe("holds white space");
    expect(said("al\u00EDce@example.com")).toBe(
      "holds letters beyond ASCII; give the address as its mail system writes it",
    );
    expect(said("alice")).toBe("is not an e-mail address such as alice@example.com");
  });

  test("leads to one active person or to nobody", ({ expect }) => {
    const kelly = { id: "person:kelly", email: "Kelly@example.com" };
    expect(personByEmail(directoryOf(kelly), "kelly@EXAMPLE.com")).toBe("person:kelly");
    expect(personByEmail(directoryOf({ ...kelly, active: false }), kelly.email)).toBeNull();
    const twin = { id: "person:twin", email: "KELLY@example.com" };
    expect(personByEmail(directoryOf(kelly, twin), kelly.email)).toBeNull();
    expect(personByEmail(directoryOf(kelly, { ...twin, active: false }), kelly.email)).toBe("person:kelly");
    // Stored before addresses were held to ASCII: whoever holds the plain address is not taken for its holder.
    const stored = { id: "person:old", email: `${kelvin}elly@example.com` };
    expect(personByEmail(directoryOf(stored), "kelly@example.com")).toBeNull();
  });
});

describe("T7 one human", () => {
  const people = directoryOf(
    { id: "person:alice", sameAs: ["person:alice-admin"] },
    { id: "person:alice-admin" },
    { id: "person:al", sameAs: ["person:alice-admin", "person:ghost"] },
    { id: "person:bob", sameAs: ["person:bob"] },
  ).people;

  test("is everybody declared the same, whoever of them says so, however many steps away", ({ expect }) => {
    const all = ["person:al", "person:alice", "person:alice-admin", "person:ghost"];
    for (const one of all) expect([...aliasesOf(one, people)].toSorted()).toEqual(all);
    expect([...aliasesOf("person:bob", people)]).toEqual(["person:bob"]);
  });

  test("has one voice with those whom delegations in force link them to", ({ expect }) => {
    const lent = { from: "person:bob", to: "person:alice-admin", groups: ["dba"], until: 10 };
    for (const one of ["person:al", "person:alice", "person:bob"]) {
      expect(identityOf(one, { delegations: [lent], people }, 9)).toBe("person:al");
    }
    expect(identityOf("person:bob", { delegations: [lent], people }, 10)).toBe("person:bob");
  });

  const ids = [
    "person:Alice",
    "person:ALICE",
    "Person:alice",
    `person:${cyrillicA}lice`,
    `person:${kelvin}elly`,
    `person:${longS}am`,
    "person:al\u0301ice",
    "person:alice ",
    " person:alice",
    "person:alice\n",
    "person:alice\u200B",
    "person:__proto__",
    "__proto__",
    "person:",
    "person:person:alice",
    "agent:alice",
  ];
  test.for(ids)("has no id like %j", (id, { expect }) => {
    expect(v.is(PersonId, id)).toBe(false);
  });
});
