import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../core/base64.ts";
import {
  armorSshsig,
  checkpointNamespace,
  parseSshPublicKey,
  parseSshsig,
  signSsh,
  sshPublicKey,
  sshsigBytes,
  sshsigFault,
} from "../../core/evidence/sshsig.ts";
import { missingTools } from "../support/audit.ts";
import { newSigner, sha512, verifyEd25519 } from "../support/log-keys.ts";

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 2 ** 31);
console.log(`evidence-sshsig: HOLDPOINT_SEED=${seed}`);

const message = new TextEncoder().encode("holdpoint.example/acme\n3\nqqo=\n");
const [signer, other] = [newSigner("holdpoint.example/acme"), newSigner("holdpoint.example/acme")];
const armored = signSsh(message, signer, sha512);
const fault = (signature: string, over = message, key = signer.publicKey): string | null =>
  sshsigFault(signature, over, key, verifyEd25519, sha512);

/** The armored form of any blob, in OpenSSH's lines. */
const armorOf = (blob: Uint8Array): string => {
  const lines = encodeBase64(blob).match(/.{1,70}/gu) ?? [];
  return `-----BEGIN SSH SIGNATURE-----\n${lines.join("\n")}\n-----END SSH SIGNATURE-----\n`;
};
const blobOf = (text: string): Buffer => Buffer.from(text.split("\n").slice(1, -2).join(""), "base64");

/** A string as SSH writes it, and a length of one that never ends. */
const sshString = (content: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const endless = Buffer.alloc(4, 0xff);

describe("an SSH key", () => {
  test("is one line that reads back", () => {
    const line = sshPublicKey(signer.publicKey);
    expect(line).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$/u);
    expect(parseSshPublicKey(line)).toEqual({ ok: true, value: signer.publicKey });
  });

  test("in any other spelling, of any other kind or with more to it is refused", () => {
    const line = sshPublicKey(signer.publicKey);
    const [, blob = ""] = line.split(" ");
    const bytes = Buffer.from(blob, "base64");
    const start = "the key does not start with ssh-ed25519 and a space";
    const spelling = "the key is not base64 in its one spelling, or something follows it";
    const kind = "the key is not one of ssh-ed25519";
    for (const [bad, error] of [
      ["", start],
      [` ${line}`, start],
      [`no-pty ${line}`, start],
      [`ssh-rsa ${blob}`, start],
      [`${line} me@example`, spelling],
      [`${line}\n`, spelling],
      [`ssh-ed25519 ${encodeBase64(Buffer.concat([bytes, Buffer.of(0)]))}`, kind],
      [`ssh-ed25519 ${encodeBase64(bytes.subarray(0, -1))}`, kind],
      [`ssh-ed25519 ${encodeBase64(Buffer.from(bytes).fill(0x2e, 4, 5))}`, kind],
      ["ssh-ed25519 ", kind],
      // What is cut short is not read on from where it was cut.
      [`ssh-ed25519 ${encodeBase64(Buffer.concat([endless, sshString(signer.publicKey)]))}`, kind],
      [`ssh-ed25519 ${encodeBase64(Buffer.concat([sshString("ssh-ed25519"), endless]))}`, kind],
      [`ssh-ed25519 ${encodeBase64(Buffer.concat([sshString("ssh-ed25519"), sshString("short")]))}`, kind],
    ]) {
      expect(parseSshPublicKey(bad!)).toEqual({ ok: false, error });
    }
    expect(() => sshPublicKey(new Uint8Array(31))).toThrow("an Ed25519 key has 32 bytes");
  });
});

describe("an SSH signature", () => {
  test("verifies over what was signed, with the key that signed it, and reads back", () => {
    expect(fault(armored)).toBe(null);
    const parsed = parseSshsig(armored);
    expect(parsed).toMatchObject({ value: { namespace: checkpointNamespace, publicKey: signer.publicKey } });
    expect(parsed.ok && armorSshsig(parsed.value)).toBe(armored);
  });

  test("does not over another text, of another key, or under another name", () => {
    expect(fault(armored, message.subarray(1))).toBe("it is not over this text");
    expect(fault(armored, message, other.publicKey)).toBe("it is signed by another key");
    const asFile = armorSshsig({
      publicKey: signer.publicKey,
      namespace: "file",
      signature: signer.sign(sshsigBytes(message, sha512, "file")),
    });
    expect(fault(asFile)).toBe('it is signed as "file"');
    const renamed = armorSshsig({
      publicKey: signer.publicKey,
      namespace: checkpointNamespace,
      signature: signer.sign(sshsigBytes(message, sha512, "file")),
    });
    expect(fault(renamed)).toBe("it is not over this text");
    const plain = armorSshsig({
      publicKey: signer.publicKey,
      namespace: checkpointNamespace,
      signature: signer.sign(message),
    });
    expect(fault(plain)).toBe("it is not over this text");
  });

  const blob = blobOf(armored);
  /** With the first of these bytes replaced by as many others. */
  const instead = (old: string, by: string): string =>
    armorOf(Buffer.from(blob.toString("latin1").replace(old, by), "latin1"));
  test.each([
    ["", "the signature does not start with -----BEGIN SSH SIGNATURE-----"],
    [` ${armored}`, "the signature does not start with -----BEGIN SSH SIGNATURE-----"],
    [armored.replaceAll("\n", "\r\n"), "the signature does not start with -----BEGIN SSH SIGNATURE-----"],
    [armored.trimEnd(), "the signature does not end with -----END SSH SIGNATURE----- and a line feed"],
    [`${armored}\n`, "the signature does not end with -----END SSH SIGNATURE----- and a line feed"],
    [armored.replace("U1NI", "U1N"), "the signature is not base64 in its one spelling"],
    [armored.replace("\nU1NI", "\n U1NI"), "the signature is not base64 in its one spelling"],
    [armored.replace("\nU1NI", "\n\nU1NI"), "the signature's lines are not 70 long"],
    ["-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", "it is no SSH signature"],
    [
      `${armored.slice(0, 40)}${"A".repeat(5000)}${armored.slice(40)}`,
      "the signature is longer than 4096 characters",
    ],
    [instead("SSHSIG", "SSHSIH"), "it is no SSH signature"],
    [instead("SSHSIG\0\0\0\u0001", "SSHSIG\0\0\0\u0002"), "it is not of version 1"],
    [armorOf(Buffer.concat([blob, Buffer.of(0)])), "something follows the signature"],
    [armorOf(blob.subarray(0, -1)), "it is cut short"],
    [instead("sha512", "sha256"), "its hash is not sha512"],
    [instead("ssh-ed25519", "ssh-ed25518"), "the key is not one of ssh-ed25519"],
    [instead("holdpoint-", "holdpoint "), "its namespace is not plain text"],
    [
      instead("\0\0\0\0\0\0\0\u0006sha512", "\0\0\0\u0001x\0\0\0\u0006sha512"),
      "its reserved part is not empty",
    ],
  ])("%j is refused: %s", (bad, error) => {
    expect(fault(bad)).toBe(error);
  });

  const typedAs = (type: string, content: Uint8Array): Buffer =>
    Buffer.concat([sshString(type), sshString(content)]);
  const parts: Buffer[] = [
    sshString(typedAs("ssh-ed25519", signer.publicKey)),
    sshString(checkpointNamespace),
    sshString(""),
    sshString("sha512"),
    sshString(typedAs("ssh-ed25519", new Uint8Array(64))),
  ];
  const blobFrom = (...strings: Buffer[]): string =>
    armorOf(Buffer.concat([Buffer.from("SSHSIG\0\0\0\u0001", "latin1"), ...strings]));
  const withPart = (at: number, by: Buffer): string => blobFrom(...parts.with(at, by));

  test("is refused where any part of it is cut short, though others follow", () => {
    expect(fault(blobFrom(...parts))).toBe("it is not over this text");
    for (const at of parts.keys()) expect(fault(withPart(at, endless))).toBe("it is cut short");
    expect(fault(blobFrom(...parts.slice(0, -1)))).toBe("it is cut short");
  });

  test("is refused with a name that is none, and with a signature of another kind or length", () => {
    const name = "its namespace is not plain text";
    for (const named of ["", "a b", "a\u007fb", "a\u0000", "\u00e9"]) {
      expect(fault(withPart(1, sshString(Buffer.from(named, "latin1"))))).toBe(name);
    }
    const kind = "it does not hold a signature of ssh-ed25519";
    expect(fault(withPart(4, sshString(typedAs("ssh-rsa", new Uint8Array(64)))))).toBe(kind);
    expect(fault(withPart(4, sshString(typedAs("ssh-ed25519", new Uint8Array(63)))))).toBe(kind);
    expect(fault("x".repeat(4_096))).toContain("does not start with");
    expect(fault("x".repeat(4_097))).toBe("the signature is longer than 4096 characters");
  });

  test("is written and read under names of any length, and of one length itself", () => {
    const { publicKey } = signer;
    const written = armorSshsig({ publicKey, namespace: "n".repeat(300), signature: new Uint8Array(64) });
    expect(parseSshsig(written)).toMatchObject({ value: { namespace: "n".repeat(300) } });
    for (const length of [63, 65]) {
      expect(() => armorSshsig({ publicKey, namespace: "a", signature: new Uint8Array(length) })).toThrow(
        "a signature has 64 bytes",
      );
    }
  });

  test("with any one bit of its bytes flipped is refused, and so it is cut anywhere", () => {
    for (let bit = 0; bit < blob.length * 8; bit += 1) {
      const flipped = blob.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte));
      expect(fault(armorOf(flipped))).not.toBe(null);
    }
    for (let length = 0; length < blob.length; length += 1) {
      expect(fault(armorOf(blob.subarray(0, length)))).not.toBe(null);
    }
  });

  test("never makes reading throw, and what is read is what writing it gives", () => {
    const changed = fc
      .array(
        fc.record({ at: fc.nat(armored.length), cut: fc.nat(4), put: fc.base64String({ maxLength: 8 }) }),
        { maxLength: 3 },
      )
      .map((changes) =>
        changes.reduce((now, { at, cut, put }) => now.slice(0, at) + put + now.slice(at + cut), armored),
      );
    const blobs = fc
      .uint8Array({ maxLength: 300 })
      .map((tail) => armorOf(Buffer.concat([blob.subarray(0, tail.length), tail])));
    fc.assert(
      fc.property(fc.oneof(changed, blobs, fc.string(), fc.string({ unit: "binary" })), (any) => {
        const read = parseSshsig(any);
        expect(!read.ok || armorSshsig(read.value) === any).toBe(true);
        parseSshPublicKey(any);
        decodeBase64(any);
      }),
      { seed, numRuns: 3000 },
    );
    expect(() => armorSshsig({ publicKey: signer.publicKey, namespace: "a", signature: message })).toThrow(
      "a signature has 64 bytes",
    );
  });

  test.skipIf(missingTools(["ssh-keygen"]).length > 0)(
    "made by ssh-keygen itself is read and verifies",
    () => {
      const folder = mkdtempSync(join(tmpdir(), "holdpoint-sshsig-"));
      try {
        const [key, file] = [join(folder, "key"), join(folder, "checkpoint")];
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
        writeFileSync(file, message);
        execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-n", checkpointNamespace, "-f", key, file], {
          stdio: "pipe",
        });
        const line = parseSshPublicKey(readFileSync(`${key}.pub`, "utf8").trim());
        expect(line.ok && fault(readFileSync(`${file}.sig`, "utf8"), message, line.value)).toBe(null);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
