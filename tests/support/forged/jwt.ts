import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { Dice } from "../dice.ts";
import * as mangled from "./mangled.ts";

/** Compact JWS by hand: a library would refuse to make most of what is made here. */

export type Claims = Readonly<Record<string, unknown>>;
export type Signer = (text: string) => Buffer;
export type Pair = {
  readonly alg: string;
  readonly kid: string;
  readonly jwk: object;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
};

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

const kept = new Map<string, Pair>();

/** The same for the same name: to make a pair takes longer than to try everything on it. */
export function pairOf(alg: "RS256" | "ES256" | "EdDSA", kid: string): Pair {
  const known = kept.get(`${alg} ${kid}`) ?? newPair(alg, kid);
  kept.set(`${alg} ${kid}`, known);
  return known;
}

function newPair(alg: "RS256" | "ES256" | "EdDSA", kid: string): Pair {
  const pairs = {
    RS256: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }),
    ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
    EdDSA: () => generateKeyPairSync("ed25519"),
  } as const;
  const { privateKey, publicKey } = pairs[alg]();
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  return { alg, kid, jwk, privateKey, publicKey };
}

export function signerOf({ alg, privateKey }: Pick<Pair, "alg" | "privateKey">): Signer {
  const hash = alg === "EdDSA" ? null : "sha256";
  return (text) => sign(hash, Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
}

export const hmac =
  (secret: string | Buffer): Signer =>
  (text) =>
    createHmac("sha256", secret).update(text).digest();

export function jws(header: unknown, claims: unknown, signer: Signer): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${signer(text).toString("base64url")}`;
}

/** What a public key looks like as text or bytes: whoever takes it for a shared secret has published it. */
export const spellingsOf = ({ publicKey, jwk }: Pair): (string | Buffer)[] => {
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
  return [pem, pem.trim(), publicKey.export({ format: "der", type: "spki" }), JSON.stringify(jwk), ""];
};

/** What stands where a time should (Unix seconds), and is none. */
export const noTimes = (at: number): readonly unknown[] => ["later", null, [at], {}, true, String(at)];

/** What the attacks on any token need. */
export type TokenMaterial = {
  /** A genuine token: another each time, or always the same. */
  readonly genuine: () => string;
  /** Another genuine token, by the same key. */
  readonly another: () => string;
  /** The header and claims of a genuine token. */
  readonly header: Claims;
  readonly claims: () => Claims;
  /** The claims that whoever forges wants. */
  readonly wanted: () => Claims;
  /** The key that signs, and keys that do not. */
  readonly own: Pair;
  readonly strangers: readonly Pair[];
};

/**
 * Tokens that nobody signed. Each of them differs from every genuine one in what is signed, or in the bytes of the signature: that a
 * library reads one signature in two spellings changes nothing that it says, and is not counted here.
 */
export function tokenAttacks(dice: Dice, material: TokenMaterial): Record<string, () => string> {
  const { genuine, another, header, claims, wanted, own, strangers } = material;
  const part = (at: 0 | 1 | 2, way: (text: string) => string) => (): string => {
    const parts = genuine().split(".");
    parts[at] = way(parts[at] ?? "");
    return parts.join(".");
  };
  const bit = (text: string): string => {
    const bytes = Buffer.from(text, "base64url");
    const place = dice.below(bytes.length);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << dice.below(8));
    return bytes.toString("base64url");
  };
  const unsigned = (head: Claims, signature = ""): string =>
    `${encode(head)}.${encode(wanted())}.${signature}`;
  const none = (): string => dice.pick(["none", "None", "NONE", "nOnE", "", "null"]);
  const stranger = (): Pair => dice.pick(strangers);
  const partOf = (token: string, at: number): string => token.split(".")[at] ?? "";
  const withKey = (head: Claims, pair = stranger()): string => jws(head, wanted(), signerOf(pair));
  return {
    "one bit of the header changed": part(0, bit),
    "one bit of the claims changed": part(1, bit),
    "one bit of the signature changed": part(2, bit),
    "one character of what is signed changed": () => {
      const token = genuine();
      const end = token.lastIndexOf(".");
      const dot = token.indexOf(".");
      const [start, stop] = dice.chance(0.5) ? [0, dot] : [dot + 1, end];
      return mangled.flipped(dice, token, { start, end: stop, alphabet: mangled.base64url });
    },
    "the signed bytes in another spelling": part(1, (text) =>
      dice.pick([`${text}=`, ` ${text}`, `${text}\t`]),
    ),
    "the claims cut off": part(1, (text) => mangled.cutOff(dice, text)),
    "the header cut off": part(0, (text) => mangled.cutOff(dice, text)),
    "the signature cut off": part(2, (text) => text.slice(0, dice.below(text.length - 2))),
    "the signature grown": part(2, (text) => `${text}${mangled.randomText(dice, 4, mangled.base64url)}`),
    "the claims grown": part(1, (text) => mangled.grown(dice, text, mangled.base64url)),
    "the signature of another token": () => {
      const [head, body] = genuine().split(".");
      return `${head}.${body}.${partOf(another(), 2)}`;
    },
    "the claims of another token": part(1, () => partOf(another(), 1)),
    "other claims under a genuine signature": part(1, () => encode(wanted())),
    "a signature of nothing": part(2, () =>
      dice.pick([
        "",
        "AA",
        "AAAA",
        Buffer.alloc(64).toString("base64url"),
        Buffer.alloc(256).toString("base64url"),
      ]),
    ),
    "a signature that is made up": part(2, (text) =>
      mangled.randomText(dice, text.length, mangled.base64url),
    ),
    "no algorithm, no signature": () => unsigned({ ...header, alg: none() }),
    "no algorithm, a genuine signature": () => unsigned({ ...header, alg: none() }, partOf(genuine(), 2)),
    "no algorithm at all": () => {
      const { alg: _, ...rest } = header;
      return unsigned(rest, partOf(genuine(), 2));
    },
    "the public key taken for a shared secret": () =>
      jws({ ...header, alg: "HS256" }, wanted(), hmac(dice.pick(spellingsOf(own)))),
    "a shared secret under the genuine algorithm": () =>
      jws(header, wanted(), hmac(dice.pick(spellingsOf(own)))),
    "another's key under our kid": () =>
      withKey(
        header,
        strangers.find(({ alg }) => alg === own.alg),
      ),
    "another's key under its own kid": () => {
      const pair = stranger();
      return withKey({ ...header, alg: pair.alg, kid: pair.kid }, pair);
    },
    "another's key without a kid": () => {
      const pair = stranger();
      return withKey({ alg: pair.alg, typ: header["typ"] }, pair);
    },
    "a kid that is a path or a statement": () =>
      withKey({
        ...header,
        kid: mangled.oneOf<unknown>(dice, [
          "../../dev/null",
          "' OR 1=1 --",
          "__proto__",
          "",
          0,
          null,
          [own.kid],
          { kid: own.kid },
        ]),
      }),
    "a key that it brings along": () => {
      const pair = stranger();
      const brought = dice.pick([
        { jwk: pair.jwk },
        { jku: "https://evil.example/keys" },
        { x5u: "https://evil.example/cert" },
        { x5c: ["AAAA"] },
      ]);
      return withKey({ ...header, alg: pair.alg, ...brought }, pair);
    },
    "signed by nobody's key under another algorithm": () =>
      withKey({
        ...header,
        alg: dice.pick(["RS384", "RS512", "PS256", "ES384", "ES512", "HS384", "ES256K", "Ed448"]),
      }),
    "two parts": () => genuine().split(".").slice(0, 2).join("."),
    "four parts": () => `${genuine()}.${mangled.randomText(dice, 1 + dice.below(8), mangled.base64url)}`,
    "five parts": () => `${genuine()}.${partOf(another(), 1)}.${partOf(another(), 2)}`,
    "as JSON": () => {
      const [head, body, signature] = genuine().split(".");
      return JSON.stringify({ protected: head, payload: body, signature });
    },
    "claims that are no object": () =>
      `${encode(header)}.${encode(dice.pick(["[]", "null", "1", '"x"', "{", ""]))}.${partOf(genuine(), 2)}`,
    "with a letter of another alphabet": part(1, (text) => mangled.lookalike(dice, text)),
    "in the wrong order": () => genuine().split(".").toReversed().join("."),
    "a header that is signed without": () =>
      `${encode({ ...header, extra: dice.below(1_000_000) })}.${partOf(genuine(), 1)}.${partOf(genuine(), 2)}`,
    "claims that are signed without": () =>
      `${partOf(genuine(), 0)}.${encode({ ...claims(), extra: dice.below(1_000_000) })}.${partOf(genuine(), 2)}`,
  };
}

/** Answers `fetch` from a table of JSON by address; 404 for any other. */
export const fetchFrom =
  (table: () => Readonly<Record<string, unknown>>): typeof fetch =>
  (input) => {
    const address = input instanceof Request ? input.url : String(input);
    const found = table()[address];
    return Promise.resolve(found === undefined ? new Response("{}", { status: 404 }) : Response.json(found));
  };

/** The signature of a token in another spelling of the same bytes, where it has bits to spare: nothing that it says is another. */
export function respelledSignature(dice: Dice, token: string): string {
  const unused = [0, 0, 4, 2] as const;
  const bits = unused[(token.length - token.lastIndexOf(".") - 1) % 4] ?? 0;
  return bits === 0 ? token : mangled.respelled(dice, token, bits);
}
