import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../core/base64.ts";
import {
  checkpointText,
  keyId,
  openNote,
  originFault,
  parseCheckpoint,
  parseVkey,
  signNote,
  splitNote,
  vkeyOf,
} from "../../core/evidence/note.ts";
import { newSigner, sha256, verifyEd25519 } from "../support/log-keys.ts";

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 2 ** 31);
console.log(`evidence-note: HOLDPOINT_SEED=${seed}`);

const origin = "holdpoint.example/acme";
const root = sha256(new TextEncoder().encode("a tree"));
const rootText = encodeBase64(root);
const [one, two, stranger] = [newSigner(origin), newSigner(origin), newSigner(origin)];
const vkey = (signer: typeof one): string => vkeyOf(signer.origin, signer.publicKey, sha256);
const open = (note: string, ...keys: string[]): ReturnType<typeof openNote> =>
  openNote(note, keys, verifyEd25519, sha256);
const text = checkpointText(origin, 1234, root);

/** The example of Go's `note` package, signed by nobody here. */
const goNote = {
  vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature:
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};

describe("base64", () => {
  test("gives any bytes back, in the spelling that Node has", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const encoded = encodeBase64(bytes);
        expect(encoded).toBe(Buffer.from(bytes).toString("base64"));
        expect(decodeBase64(encoded)).toEqual(Uint8Array.from(bytes));
      }),
      { seed },
    );
  });

  test("is read in its one spelling only", () => {
    for (const other of [
      "YQ",
      "YQ=",
      "YR==",
      "YQ==\n",
      " YQ==",
      "Y Q=",
      "YQ===",
      "_-8=",
      "YWJ\u0000",
      "é",
      "=",
    ]) {
      expect(decodeBase64(other)).toBe(null);
    }
    expect(decodeBase64("")).toEqual(new Uint8Array());
  });

  test("that is read is what writing it gives, for any text at all", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: "binary" })), (any) => {
        const bytes = decodeBase64(any);
        expect(bytes === null || encodeBase64(bytes) === any).toBe(true);
      }),
      { seed, numRuns: 1000 },
    );
  });
});

describe("a checkpoint", () => {
  test("is three lines: origin, size, root", () => {
    expect(text).toBe(`${origin}\n1234\n${rootText}\n`);
    expect(parseCheckpoint(text)).toEqual({ ok: true, value: { origin, size: 1234, root } });
  });

  test.each([
    ["", "a checkpoint has three lines, each ended by a line feed"],
    [`${origin}\n1\n${rootText}`, "a checkpoint has three lines, each ended by a line feed"],
    [`${origin}\n1\n`, "a checkpoint has three lines, each ended by a line feed"],
    [`${text}more\n`, "a checkpoint ends after its third line"],
    [`${text}\n`, "a checkpoint ends after its third line"],
    [`${text} `, "a checkpoint ends after its third line"],
    [`\n1\n${rootText}\n`, "the origin is empty"],
    [`a b\n1\n${rootText}\n`, "the origin holds white space or a control character"],
    [`a+b\n1\n${rootText}\n`, "the origin holds a +"],
    [`a\ud800\n1\n${rootText}\n`, "the origin has no UTF-8 form"],
    [text.replaceAll("\n", "\r\n"), "the origin holds white space or a control character"],
    [`${origin}\n01\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n+1\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n-1\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n1.0\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n1e3\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n٣\n${rootText}\n`, "the size is not a whole number in plain digits"],
    [`${origin}\n9007199254740992\n${rootText}\n`, "the size is over 2^53 - 1"],
    [`${origin}\n${"9".repeat(400)}\n${rootText}\n`, "the size is over 2^53 - 1"],
    [`${origin}\n1\n${rootText.slice(0, -1)}\n`, "the root is not base64 in its one spelling"],
    [`${origin}\n1\n${rootText}=\n`, "the root is not base64 in its one spelling"],
    [`${origin}\n1\nYWJj\n`, "the root has 3 bytes instead of 32"],
  ])("%j is refused: %s", (bad, error) => {
    expect(parseCheckpoint(bad)).toEqual({ ok: false, error });
  });

  test("of what it cannot hold is never written", () => {
    expect(() => checkpointText("", 1, root)).toThrow("the origin is empty");
    expect(checkpointText(origin, 0, root)).toBe(`${origin}\n0\n${rootText}\n`);
    for (const size of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => checkpointText(origin, size, root)).toThrow("no size of a log");
    }
    expect(() => checkpointText(origin, 1, root.subarray(1))).toThrow("a root has 32 bytes, not 31");
  });

  test("reads back as what was written, and whatever else is read is spelled as we would", () => {
    const origins = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((name) => originFault(name) === null);
    fc.assert(
      fc.property(
        origins,
        fc.maxSafeNat(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (name, size, hash) => {
          const written = checkpointText(name, size, hash);
          expect(parseCheckpoint(written)).toEqual({
            ok: true,
            value: { origin: name, size, root: Uint8Array.from(hash) },
          });
        },
      ),
      { seed },
    );
    fc.assert(
      fc.property(mutations(text), (any) => {
        const read = parseCheckpoint(any);
        if (!read.ok) return;
        const { origin: name, size, root: hash } = read.value;
        expect(checkpointText(name, size, hash)).toBe(any);
      }),
      { seed, numRuns: 3000 },
    );
  });
});

/** A text with a few characters changed, put in, taken out or doubled; now and then any text at all. */
function mutations(of: string): fc.Arbitrary<string> {
  const characters = fc.constantFrom(
    ..."\n\r +=0129aAZ/\u2014\u0000\u0085\ud800é".split(""),
    "\n\n",
    "\u2014 ",
  );
  const change = fc.record({
    at: fc.nat(of.length),
    cut: fc.nat(3),
    put: fc.array(characters, { maxLength: 3 }),
  });
  const changed = fc
    .array(change, { maxLength: 4 })
    .map((changes) =>
      changes.reduce(
        (now, { at, cut, put }) => `${now.slice(0, at)}${put.join("")}${now.slice(at + cut)}`,
        of,
      ),
    );
  return fc.oneof({ weight: 8, arbitrary: changed }, fc.string(), fc.string({ unit: "binary" }));
}

describe("a verifier key", () => {
  test("is the origin, the key's id and the key", () => {
    const key = vkey(one);
    expect(key).toMatch(/^holdpoint\.example\/acme\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}$/u);
    expect(parseVkey(key, sha256)).toEqual({
      ok: true,
      value: { origin, id: keyId(origin, one.publicKey, sha256), publicKey: one.publicKey },
    });
    expect(parseVkey(goNote.vkey, sha256).ok).toBe(true);
  });

  test.each([
    ["", "a verifier key is <origin>+<key id>+<key>"],
    ["a+b", "a verifier key is <origin>+<key id>+<key>"],
    [goNote.vkey.replace("PeterNeumann", ""), "the origin is empty"],
    [goNote.vkey.replace("Neumann", " Neumann"), "the origin holds white space or a control character"],
    [goNote.vkey.replace("c74f20a3", "C74F20A3"), "the key id is not eight hex digits in lower case"],
    [goNote.vkey.replace("c74f20a3", "c74f20a"), "the key id is not eight hex digits in lower case"],
    [goNote.vkey.replace("c74f20a3", "c74f20a30"), "the key id is not eight hex digits in lower case"],
    [goNote.vkey.replace("c74f20a3", "0c74f20a3"), "the key id is not eight hex digits in lower case"],
    [goNote.vkey.replace("c74f20a3", "c74f20a4"), "the key id is not that of this origin and key"],
    [goNote.vkey.replace("Peter", "Paul"), "the key id is not that of this origin and key"],
    [`${goNote.vkey}\n`, "the key is not base64 in its one spelling"],
    [`${goNote.vkey}+`, "the key is not base64 in its one spelling"],
    [goNote.vkey.replace("+AR", "+BR"), "the key is not of the type Ed25519"],
    [goNote.vkey.slice(0, -4), "the key has 29 bytes instead of 32"],
  ])("%j is refused: %s", (bad, error) => {
    expect(parseVkey(bad, sha256)).toEqual({ ok: false, error });
  });

  test("that is read is what writing it gives, and no text makes reading throw", () => {
    fc.assert(
      fc.property(mutations(vkey(one)), (any) => {
        const read = parseVkey(any, sha256);
        expect(!read.ok || vkeyOf(read.value.origin, read.value.publicKey, sha256) === any).toBe(true);
      }),
      { seed, numRuns: 3000 },
    );
  });
});

describe("a signed note", () => {
  const note = signNote(text, [one], sha256);
  const both = signNote(text, [one, two], sha256);

  test("of Go's own package opens", () => {
    expect(open(`${goNote.text}\n${goNote.signature}`, goNote.vkey)).toEqual({
      ok: true,
      value: { text: goNote.text, signedBy: [goNote.vkey] },
    });
  });

  test("opens with the key that signed it, and while keys change hands with either", () => {
    expect(open(note, vkey(one))).toEqual({ ok: true, value: { text, signedBy: [vkey(one)] } });
    expect(open(both, vkey(two))).toEqual({ ok: true, value: { text, signedBy: [vkey(two)] } });
    expect(open(both, vkey(stranger), vkey(two), vkey(one))).toEqual({
      ok: true,
      value: { text, signedBy: [vkey(one), vkey(two)] },
    });
  });

  test("with an empty line in its text opens: the signatures come after the last one", () => {
    const odd = "a\n\nb\n";
    expect(open(signNote(odd, [one], sha256), vkey(one))).toMatchObject({ value: { text: odd } });
  });

  const [line = "", otherLine = ""] = both.slice(text.length + 1).split(/(?<=\n)/u);
  const elsewhere = { ...one, origin: "holdpoint.example/other" };
  test.each([
    ["no key is given", note, [], "none of the given keys has signed this note"],
    ["only a stranger's key is given", note, [stranger], "none of the given keys has signed this note"],
    ["the same key is of another log", note, [elsewhere], "none of the given keys has signed this note"],
    ["it is empty", "", [one], "the note has no empty line before its signatures"],
    ["it has no signature", `${text}\n`, [one], "the note has no signature"],
    ["it does not end", note.slice(0, -1), [one], "the note does not end with a line feed"],
    ["a line follows", `${note}\n`, [one], "the note has no signature"],
    ["a word follows", `${note}x\n`, [one], "a signature line is \u2014 <origin> <base64>"],
    [
      "a word stands in the line",
      note.replace(/\n$/u, " x\n"),
      [one],
      "a signature line is \u2014 <origin> <base64>",
    ],
    [
      "a word stands before the line",
      note.replace("\u2014", "x\u2014"),
      [one],
      "a signature line is \u2014 <origin> <base64>",
    ],
    ["a signature is of no log", `${text}\n\u2014 a+b AAAAAAAA\n`, [one], "the origin holds a +"],
    [
      "the signature is a key id and nothing more",
      `${text}\n\u2014 ${origin} AAAAAA==\n`,
      [one],
      "a signature is too short to have a key id",
    ],
    [
      "it has a carriage return",
      note.replaceAll("\n", "\r\n"),
      [one],
      "the note holds a control character, such as a carriage return",
    ],
    ["it has a lone surrogate", `\ud800${note}`, [one], "the note has no UTF-8 form"],
    [
      "a key has signed twice",
      `${text}\n${line}${line}`,
      [one],
      `the key ${keyId(origin, one.publicKey, sha256)} of ${origin} has signed twice`,
    ],
    [
      "the signature is spelled otherwise",
      note.replace(/=?\n$/u, "==\n"),
      [one],
      "a signature is not base64 in its one spelling",
    ],
    [
      "the signature is too short",
      `${text}\n\u2014 ${origin} YWJj\n`,
      [one],
      "a signature is too short to have a key id",
    ],
    [
      "it has 101 signatures",
      `${text}\n${otherLine.repeat(101)}`,
      [one],
      "the note has more than 100 signatures",
    ],
    ["it is endless", `${"a".repeat(1_000_001)}${note}`, [one], "the note is longer than 1000000 characters"],
  ] as const)("stays closed where %s", (_, bad, keys, error) => {
    expect(open(bad, ...keys.map(vkey))).toEqual({ ok: false, error });
  });

  test("says of its signatures whose they are, up to a hundred of them", () => {
    const id = keyId(origin, one.publicKey, sha256);
    const signature = one.sign(new TextEncoder().encode(text));
    expect(splitNote(note)).toEqual({ ok: true, value: { text, signatures: [{ origin, id, signature }] } });
    const hundred = splitNote(`${text}\n${line.repeat(100)}`);
    expect(hundred.ok && hundred.value.signatures.length).toBe(100);
  });

  test("opens up to a million characters", () => {
    const rest = signNote(`${origin}\n`, [one], sha256).length;
    const longest = signNote(`${origin}${"x".repeat(1_000_000 - rest)}\n`, [one], sha256);
    expect(longest).toHaveLength(1_000_000);
    expect(open(longest, vkey(one)).ok).toBe(true);
  });

  test("opens with a key that is given twice", () => {
    expect(open(note, vkey(one), vkey(one))).toMatchObject({ value: { signedBy: [vkey(one)] } });
  });

  test("with a signature of another length than Ed25519's stays closed, whatever would verify it", () => {
    const short = { ...one, sign: () => new Uint8Array(63) };
    const known = openNote(signNote(text, [short], sha256), [vkey(one)], () => true, sha256);
    expect(known).toMatchObject({ ok: false });
    expect(known.ok || known.error).toContain("is not over this text");
  });

  test("with one bad signature stays closed, however good the other is", () => {
    const forged = signNote(text, [one, { ...two, sign: stranger.sign.bind(stranger) }], sha256);
    const id = keyId(origin, two.publicKey, sha256);
    expect(open(forged, vkey(one), vkey(two))).toEqual({
      ok: false,
      error: `the signature of the key ${id} of ${origin} is not over this text`,
    });
    // Who has never heard of the second key can say nothing of its signature.
    expect(open(forged, vkey(one)).ok).toBe(true);
  });

  test("stays closed for a key that is none, and for two that share a name", () => {
    expect(open(note, "x")).toMatchObject({
      error: "a given key is no verifier key: a verifier key is <origin>+<key id>+<key>",
    });
    const same = (): Uint8Array => new Uint8Array(32);
    const keys = [one, two].map(({ publicKey }) => vkeyOf(origin, publicKey, same));
    expect(openNote(note, keys, verifyEd25519, same)).toMatchObject({
      error: `two given keys share the id ${origin} 00000000`,
    });
  });

  test("with any one bit flipped stays closed: every bit of it", () => {
    const bytes = new TextEncoder().encode(note);
    const openings: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte));
      // As a file is read: what is no UTF-8 becomes U+FFFD.
      if (open(new TextDecoder().decode(flipped), vkey(one)).ok) openings.push(bit);
    }
    expect(openings).toEqual([]);
  });

  test("never says more than was signed, whatever is done to it, and nothing makes reading throw", () => {
    let opened = 0;
    fc.assert(
      fc.property(mutations(both), (any) => {
        splitNote(any);
        const read = open(any, vkey(one), vkey(two));
        if (!read.ok) return;
        opened += 1;
        expect(read.value.text).toBe(text);
        for (const key of read.value.signedBy) expect([vkey(one), vkey(two)]).toContain(key);
      }),
      { seed, numRuns: 3000 },
    );
    // Some mutations change nothing, or only a line that another key stands for: else the loop would have shown nothing.
    expect(opened).toBeGreaterThan(0);
  });

  test("that nobody could read is never written", () => {
    expect(() => signNote("a", [one], sha256)).toThrow("a note ends with a line feed");
    expect(() => signNote(text, [], sha256)).toThrow("at least one signature");
    expect(() => signNote(text, [{ ...one, origin: "a+b" }], sha256)).toThrow("the origin holds a +");
    expect(() => vkeyOf("", one.publicKey, sha256)).toThrow("the origin is empty");
    expect(() => vkeyOf(origin, root.subarray(1), sha256)).toThrow("an Ed25519 key has 32 bytes");
  });
});
