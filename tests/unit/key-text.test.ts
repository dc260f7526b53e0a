import { crc32 as zlibCrc32 } from "node:zlib";
import { webcrypto } from "node:crypto";
import fc from "fast-check";
import { describe, test } from "vitest";
import { summed } from "../support/forged/keys.ts";
import { crc32, keyRandomBytes, keyTextOf, parseKeyText } from "../../core/key-text.ts";

const random = (): Uint8Array => webcrypto.getRandomValues(new Uint8Array(keyRandomBytes));
const make = (workspace: string): { id: string; key: string } => {
  for (;;) {
    const made = keyTextOf(workspace, random());
    if (made !== null) return made;
  }
};

describe("key text", () => {
  test("has the form that is documented, and is read back", ({ expect }) => {
    for (const workspace of ["default", "a", "team-1", "x".repeat(39)]) {
      const { id, key } = make(workspace);
      expect(key).toMatch(/^hp_[a-z0-9-]+_[0-9A-Za-z]{12}_[0-9A-Za-z]{36}$/u);
      expect(parseKeyText(key)).toEqual({ workspace, id });
    }
  });

  test("every single change of a character is noticed by the checksum or the form", ({ expect }) => {
    const { key } = make("default");
    const unnoticed = Array.from(key).flatMap((_, at) =>
      ["0", "Z", "_", "-"]
        .map((other) => `${key.slice(0, at)}${other}${key.slice(at + 1)}`)
        .filter((changed) => changed !== key && parseKeyText(changed) !== null),
    );
    expect(unnoticed).toEqual([]);
  });

  const wrong = [
    "",
    "hp_",
    "hp_default",
    "Bearer x",
    "hp_Default_AAAAAAAAAAAA_",
    "hp___",
    `hp_${"x".repeat(10_000)}`,
  ];
  test.for(wrong)("is not: %s", (text, { expect }) => {
    expect(parseKeyText(text)).toBeNull();
  });

  test("with something before or after it is not one", ({ expect }) => {
    const { key } = make("default");
    for (const text of [`${key} `, ` ${key}`, `${key}\n`, `${key}0`, key.slice(0, -1), key.toUpperCase()]) {
      expect(parseKeyText(text)).toBeNull();
    }
  });

  test("with more before or after, and a checksum that is right for all of it, is not one", ({ expect }) => {
    const { key } = make("default");
    const body = key.slice(0, -6);
    expect(parseKeyText(summed(body))).not.toBeNull();
    for (const text of [`x${body}`, `hp_a_${body}`, `${body}0`, `${body}_0`]) {
      expect(parseKeyText(summed(text)), text).toBeNull();
    }
  });

  test("uses every character of base62 about as often as any other", ({ expect }) => {
    const seen = new Map<string, number>();
    for (let i = 0; i < 2_000; i++) {
      const { id, key } = make("default");
      for (const character of id + key.slice(-36, -6)) seen.set(character, (seen.get(character) ?? 0) + 1);
    }
    const mean = (2_000 * 42) / 62;
    expect(seen.size).toBe(62);
    // Six standard deviations of a binomial count: a bias of modulo (some bytes twice as likely) is far outside.
    for (const count of seen.values()) expect(Math.abs(count - mean)).toBeLessThan(6 * Math.sqrt(mean));
  });

  test("asks for more random bytes rather than use unfair ones", ({ expect }) => {
    expect(keyTextOf("default", new Uint8Array(keyRandomBytes).fill(255))).toBeNull();
    expect(keyTextOf("default", new Uint8Array(10))).toBeNull();
  });

  test("ends with its CRC-32 in base62, which anybody can work out", ({ expect }) => {
    const { key } = make("default");
    expect(summed(key.slice(0, -6))).toBe(key);
  });

  test("takes as many fair bytes as it has characters, and no more", ({ expect }) => {
    const made = keyTextOf("default", new Uint8Array(42));
    expect(made?.key.startsWith(`hp_default_${"0".repeat(12)}_${"0".repeat(30)}`)).toBe(true);
    expect(keyTextOf("default", new Uint8Array(41))).toBeNull();
    expect(keyTextOf("default", new Uint8Array(42), "abcdefghijkl")?.id).toBe("abcdefghijkl");
  });

  test("CRC-32 is the one everybody uses", () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => crc32(encodeURIComponent(text)) === zlibCrc32(encodeURIComponent(text)),
      ),
    );
  });
});
