import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { constants, inflateRawSync } from "node:zlib";

/**
 * Looks for texts in bytes, in every form that a store, a log or a message might have put them in. A long text is looked for by its
 * parts, so that it is found as well where a page of a database ends in the middle of it, or where only half of it was kept.
 */

/** Something that is looked for. `parts` are texts of which none is anywhere by chance. */
export type Sought = { readonly name: string; readonly parts: readonly string[] };

/** Bytes to look through, and where they are from. */
export type Source = { readonly name: string; readonly bytes: Buffer };

export type Hit = { readonly source: string; readonly name: string; readonly form: string };

/** What was found, and in how much. */
export type Scanned = {
  readonly hits: readonly Hit[];
  readonly sources: number;
  readonly bytes: number;
  /** Compressed runs that were looked through as well, once opened. */
  readonly unpacked: number;
};

/** What comes out of eight bytes or more is nowhere by chance: a million needles in a gigabyte meet by chance once in 2^14 scans. */
const leastBytes = 8;
const partLength = 16;

/** Parts of a text, each half over the next; the whole where it is short. */
export function partsOf(text: string): string[] {
  if (text.length <= partLength) return [text];
  const parts: string[] = [];
  for (let at = 0; at + partLength < text.length; at += partLength / 2) {
    parts.push(text.slice(at, at + partLength));
  }
  return [...parts, text.slice(-partLength)];
}

type Bytes = (text: string) => readonly Buffer[];

const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

/** In base64 a text looks otherwise by where in a group of three it begins. Only what its own bytes decide is looked for. */
function base64Of(text: string, encoding: "base64" | "base64url"): Buffer[] {
  return [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), utf8(text)]);
    const coded = bytes.toString(encoding).replaceAll("=", "");
    const end = bytes.length % 3 === 0 ? coded.length : coded.length - 1;
    return Buffer.from(coded.slice(before === 0 ? 0 : before + 1, end), "latin1");
  });
}

const percent = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/gu,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** As what a text may lie somewhere. */
export const forms: Readonly<Record<string, Bytes>> = {
  "as it is": (text) => [utf8(text)],
  "in JSON": (text) => [utf8(escaped(text))],
  "in JSON in JSON": (text) => [utf8(escaped(escaped(text)))],
  "in HTML": (text) => [utf8(text.replaceAll(/[&<>"']/gu, (sign) => entities[sign] ?? sign))],
  "in an address": (text) => [utf8(percent(text)), utf8(encodeURIComponent(text))],
  "in a form": (text) => [utf8(percent(text).replaceAll("%20", "+"))],
  base64: (text) => base64Of(text, "base64"),
  base64url: (text) => base64Of(text, "base64url"),
  hex: (text) => [utf8(utf8(text).toString("hex")), utf8(utf8(text).toString("hex").toUpperCase())],
  "UTF-16LE": (text) => [Buffer.from(text, "utf16le")],
  "UTF-16BE": (text) => [Buffer.from(text, "utf16le").swap16()],
  "in other letters": (text) => [utf8(text.toLowerCase()), utf8(text.toUpperCase())],
};

type Needle = { readonly bytes: Buffer; readonly name: string; readonly form: string };

function needlesOf(sought: readonly Sought[]): Needle[] {
  const needles = new Map<string, Needle>();
  for (const { name, parts } of sought) {
    for (const [form, make] of Object.entries(forms)) {
      for (const bytes of parts.flatMap((part) => make(part))) {
        if (bytes.length < leastBytes) {
          throw new Error(`${name} is too short to be looked for ${form}: ${bytes.length} bytes`);
        }
        const key = bytes.toString("latin1");
        if (!needles.has(key)) needles.set(key, { bytes, name, form });
      }
    }
  }
  return [...needles.values()];
}

const seen = 1 << 24;

/** The first eight bytes of a needle, or any eight, as a number below 2^32. */
const hashOf = (first: number, second: number): number =>
  (Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 0;

/** Many needles in one go: eight bytes at each place say whether one of them may begin there. */
class Search {
  readonly #some = new Uint8Array(seen >> 3);
  readonly #byStart = new Map<number, Needle[]>();

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) {
      const hash = hashOf(needle.bytes.readUInt32BE(0), needle.bytes.readUInt32BE(4));
      const bit = hash % seen;
      this.#some[bit >> 3]! |= 1 << (bit & 7);
      const others = this.#byStart.get(hash);
      if (others === undefined) this.#byStart.set(hash, [needle]);
      else others.push(needle);
    }
  }

  in(bytes: Buffer, found: (needle: Needle) => void): void {
    if (bytes.length < leastBytes) return;
    let [first, second] = [0, 0];
    for (let at = 0; at < bytes.length; at += 1) {
      first = (first << 8) | (second >>> 24);
      second = (second << 8) | bytes[at]!;
      const hash = hashOf(first, second);
      const bit = hash % seen;
      if ((this.#some[bit >> 3]! & (1 << (bit & 7))) === 0) continue;
      const start = at - leastBytes + 1;
      for (const needle of this.#byStart.get(hash) ?? []) {
        const end = start + needle.bytes.length;
        if (start < 0 || end > bytes.length) continue;
        if (bytes.compare(needle.bytes, 0, needle.bytes.length, start, end) === 0) found(needle);
      }
    }
  }
}

/** Looks through bytes for what is sought; made once, because a thousand secrets in all their forms are a hundred thousand needles. */
export class Scanner {
  readonly #search: Search;

  constructor(sought: readonly Sought[]) {
    this.#search = new Search(needlesOf(sought));
  }

  /** Looks through everything, and through what is compressed in it. */
  in(sources: readonly Source[]): Scanned {
    const hits = new Map<string, Hit>();
    let bytes = 0;
    let unpacked = 0;
    for (const source of sources) {
      const inside = unpackedFrom(source.bytes);
      unpacked += inside.length;
      for (const one of [source.bytes, ...inside]) {
        bytes += one.length;
        this.#search.in(one, ({ name, form }) => {
          hits.set(`${source.name}\n${name}\n${form}`, { source: source.name, name, form });
        });
      }
    }
    return { hits: [...hits.values()], sources: sources.length, bytes, unpacked };
  }
}

export const scan = (sources: readonly Source[], sought: readonly Sought[]): Scanned =>
  new Scanner(sought).in(sources);

/** What gzip or zlib made, wherever in the bytes it begins, and whatever stands behind it. */
function unpackedFrom(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  const how = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 64 * 1024 * 1024 };
  for (const { magic, header } of packings) {
    for (let at = bytes.indexOf(magic); at !== -1; at = bytes.indexOf(magic, at + 1)) {
      try {
        const inside = inflateRawSync(bytes.subarray(at + header(bytes, at)), how);
        if (inside.length > 0) found.push(inside);
      } catch {
        // Bytes that only look like the beginning of one.
      }
    }
  }
  return found;
}

const packings: readonly { magic: Buffer; header: (bytes: Buffer, at: number) => number }[] = [
  { magic: Buffer.from([0x1f, 0x8b, 0x08]), header: gzipHeader },
  ...[0x01, 0x5e, 0x9c, 0xda].map((level) => ({ magic: Buffer.from([0x78, level]), header: () => 2 })),
];

/** How long the header of gzip is (RFC 1952 §2.3). */
function gzipHeader(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0;
  let length = 10;
  if ((flags & 4) !== 0) length += 2 + (bytes[at + length] ?? 0) + 256 * (bytes[at + length + 1] ?? 0);
  for (const flag of [8, 16]) {
    if ((flags & flag) !== 0) length = bytes.indexOf(0, at + length) - at + 1;
  }
  return (flags & 2) === 0 ? length : length + 2;
}

/** Every file under a folder, read as it is: also what a database has in its log and in pages that are free. */
export function filesUnder(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => ({ name: relative(folder, path), bytes: readFileSync(path) }));
}

/** A text that was said: an answer, a message, a line of a log. */
export const said = (name: string, what: unknown): Source => ({
  name,
  bytes: utf8(typeof what === "string" ? what : JSON.stringify(what)),
});
