import type { Door, Hole } from "../campaign.ts";
import { now } from "../gate.ts";
import { keyAttacks } from "../keys.ts";
import { agent, anyPrincipal, authFile as auth, before, newKey, staffed } from "../staff.ts";
import { must } from "../gate.ts";
import { vi } from "vitest";

const hour = 3_600_000;

const texts = "core/key-text.ts";
const keysFile = "objects/registry/keys.ts";
const known = "workers/known.ts";

const holes: readonly Hole[] = [
  {
    without: "comparing the hash",
    changes: [{ file: keysFile, from: "(hash !== null && !sameText(stored.hash, hash))", to: "false" }],
    way: "a secret that is made up",
  },
  {
    without: "all of the hash",
    changes: [
      {
        file: keysFile,
        from: "timingSafeEqual(left, right)",
        to: "timingSafeEqual(left.subarray(0, 1), left.subarray(0, 1))",
      },
    ],
    way: "one character of the secret changed",
  },
  {
    without: "the hash among what is remembered",
    changes: [
      { file: known, from: "keys.get(key.hash)", to: "keys.get(key.id)" },
      { file: known, from: "keys.set(key.hash,", to: "keys.set(key.id," },
    ],
    way: "a secret that is made up",
  },
  {
    without: "looking whether it was revoked",
    changes: [{ file: keysFile, from: "return revokedAt !== null || (", to: "return (" }],
    way: "revoked",
  },
  {
    without: "looking whether it is over",
    changes: [{ file: keysFile, from: "(expiresAt !== null && now >= expiresAt)", to: "false" }],
    way: "over",
  },
  {
    without: "the very millisecond at which it is over",
    changes: [{ file: keysFile, from: "now >= expiresAt)", to: "now > expiresAt)" }],
    way: "over at this very millisecond",
  },
  {
    without: "looking again whether one that is remembered is over",
    changes: [
      { file: known, from: "return expiresAt !== null && now >= expiresAt ? null : {", to: "return {" },
    ],
    way: "over since it was remembered",
  },
  {
    without: "an end of what is remembered",
    changes: [{ file: known, from: "now - cached.checkedAt < freshMs", to: "true" }],
    way: "revoked elsewhere since it was remembered",
  },
  {
    without: "an end of the overlap",
    changes: [{ file: keysFile, from: "expiresAt: ends, replacedBy", to: "replacedBy" }],
    way: "rotated, past its overlap",
  },
  {
    without: "looking whether the principal is active",
    changes: [anyPrincipal],
    way: "of an agent that is off",
  },
  {
    without: "revoking what belonged to whoever left",
    changes: [
      {
        file: "objects/registry/directory.ts",
        from: "revokeKeysOf(",
        to: "((..._: unknown[]) => undefined)(",
      },
    ],
    way: "of somebody who left and came back",
  },
  {
    without: "asking for the scheme",
    changes: [{ file: auth, from: "/^Bearer (", to: "/^(?:Bearer |Token )?(" }],
    way: "under another scheme",
  },
  {
    without: "the checksum",
    changes: [
      { file: texts, from: "text.endsWith(checksumOf(text.slice(0, -checksumLength))) ?", to: "true ?" },
    ],
    way: "the checksum changed",
    covered: {
      by: "the hash, which is of the whole text",
      changes: [{ file: keysFile, from: "(hash !== null && !sameText(stored.hash, hash))", to: "false" }],
    },
  },
  {
    without: "the workspace among what is asked",
    changes: [{ file: known, from: "registryOf(env, key.workspace)", to: 'registryOf(env, "acme")' }],
    way: "ours for another workspace",
    covered: {
      by: "the hash, which is of the workspace too",
      changes: [{ file: keysFile, from: "(hash !== null && !sameText(stored.hash, hash))", to: "false" }],
    },
  },
];

export const keys: Door = {
  title: "an API key",
  holes,
  open: (changes, dice) => {
    const { gate, acme, rival } = staffed(changes);
    const genuine = newKey(acme, "person:alice").key;
    const revoked = newKey(acme, "agent:demo");
    must(acme.revokeKey({ id: revoked.id, now: now - 1 }));
    const rotated = newKey(acme, "agent:demo");
    must(acme.rotateKey({ id: rotated.id, overlapMs: hour, now: now - hour }));
    const atOnce = newKey(acme, "agent:demo");
    must(acme.rotateKey({ id: atOnce.id, overlapMs: 0, now: now - 1 }));
    const idle = newKey(acme, "agent:idle").key;
    gate.agent("acme", agent("idle", false));
    const leaver = newKey(acme, "agent:other").key;
    gate.removesAgent("acme", "agent:other");
    gate.agent("acme", agent("other", true));
    const link = must(
      acme.createLink({ person: "person:bob", keyId: newKey(acme, "person:bob").id, actor: "test", now }),
    );
    const session = must(acme.signIn({ hash: gate.hash(link.text), now }));
    const ends = (expiresAt: number): string => newKey(acme, "agent:demo", { expiresAt, now: before }).key;
    const attacks = keyAttacks(dice, {
      genuine,
      colleague: newKey(acme, "person:bob").key,
      elsewhere: newKey(rival, "person:alice").key,
      strange: [link.text, session.text, "a-setup-token-for-tests-only"],
      former: {
        revoked: [revoked.key],
        over: [ends(now - 1), ends(now - hour), ends(before + 1)],
        "over at this very millisecond": [ends(now)],
        "rotated, past its overlap": [rotated.key, atOnce.key],
        "of an agent that is off": [idle],
        "of somebody who left and came back": [leaver],
      },
    });
    const bearer = (key: string) => gate.send({ headers: [["authorization", `Bearer ${key}`]] });
    /** Gets in now, and tries again a little later. */
    const again = async (key: string, laterMs: number, meanwhile: () => void): Promise<boolean> => {
      try {
        if ((await bearer(key)) === null) throw new Error("the key should have been remembered");
        meanwhile();
        vi.setSystemTime(now + laterMs);
        return (await bearer(key)) !== null;
      } finally {
        vi.setSystemTime(now);
      }
    };
    return {
      genuine: async () => (await bearer(genuine)) === "acme person:alice",
      attacks: {
        ...Object.fromEntries(
          Object.entries(attacks).map(([name, forge]) => [
            name,
            async () => (await gate.send(forge())) !== null,
          ]),
        ),
        "over since it was remembered": () => {
          const soon = 1 + dice.below(4_998);
          return again(ends(now + soon), soon, () => undefined);
        },
        "revoked elsewhere since it was remembered": () => {
          const { id, key } = newKey(acme, "agent:demo");
          return again(key, 5_000 + dice.below(1_000), () => void must(acme.revokeKey({ id, now })));
        },
      },
    };
  },
};
