import { Asked } from "../../schemas/asked.ts";
import { Bundle } from "../../schemas/bundle.ts";
import type { Event } from "../../schemas/event.ts";
import { Entry, type Hash, type Openings } from "../../schemas/evidence.ts";
import type { Json } from "../../schemas/json.ts";
import { parseFields } from "../../schemas/parse.ts";
import { canonicalJson } from "../canonical.ts";
import { ok, refuse, type Result } from "../result.ts";
import { entryHash, eventOf } from "./entry.ts";
import type { Report, Tools } from "./verify-finding.ts";

/** Reads what somebody hands in. It may hold anything: nothing here throws, and nothing takes longer than it is long. */

/** Arguments have 32 levels at most, and stand at the sixth of a bundle. */
const maxDepth = 64;
const maxValues = 1_000_000;
/** No request may have these, and whoever reads objects may trip over them. */
const poisonous = new Set(["__proto__", "constructor", "prototype"]);

/** What keeps a value from being read; null where nothing does. It keeps its own stack, as a value may be a million deep. */
export function jsonFault(root: unknown): string | null {
  const stack = [{ value: root, depth: 1 }];
  let seen = 0;
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    const { value, depth } = visit;
    seen += 1;
    if (seen > maxValues) return `it holds more than ${maxValues} values`;
    if (typeof value === "string" && !value.isWellFormed()) return "it holds text without a UTF-8 form";
    if (typeof value !== "object" || value === null) continue;
    if (depth > maxDepth) return `it is nested deeper than ${maxDepth} levels`;
    for (const [key, item] of Object.entries(value)) {
      if (poisonous.has(key)) return `it holds the reserved name ${key}`;
      stack.push({ value: item, depth: depth + 1 });
    }
  }
  return null;
}

/** JSON text as a value that can be walked safely. */
export function readJson(text: string): Result<Json, string> {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("it is not JSON");
  }
  const fault = jsonFault(value);
  return fault === null ? ok(value) : refuse(fault);
}

/** Why a text is not the one text of its value (RFC 8785) without fractions; null where it is. */
export function canonicalFault(text: string, value: Json): string | null {
  if (!text.isWellFormed()) return "it has no UTF-8 form";
  let written: string;
  try {
    written = canonicalJson(value);
  } catch {
    return "it has no canonical form";
  }
  if (written !== text) {
    return "it is not written canonically (RFC 8785), so that it could be told in other bytes";
  }
  return holdsFraction(value) ? "it holds a number that is not whole, or past 2^53 - 1" : null;
}

function holdsFraction(value: Json): boolean {
  if (typeof value === "number") return !Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(holdsFraction);
}

/** An entry as it was read. */
export type ReadEntry = {
  readonly text: string;
  readonly hash: Hash;
  readonly entry: Entry;
  readonly event: Event;
  readonly openings: Openings;
};

/** A bundle whose parts can be looked at. `asked` is null where there are no entries any more. */
export type ReadBundle = {
  readonly bundle: Bundle;
  readonly entries: readonly ReadEntry[];
  readonly asked: Asked | null;
};

/** SHA-256 of UTF-8 text as lower-case hex. */
export const hexOf =
  ({ sha256 }: Pick<Tools, "sha256">) =>
  (text: string): string => {
    let hex = "";
    for (const byte of sha256(new TextEncoder().encode(text))) hex += hexDigits[byte] ?? "";
    return hex;
  };
const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Null where it is nothing that could be looked at; why is in the report. */
export function readBundle(value: unknown, tools: Tools, report: Report): ReadBundle | null {
  const fault = jsonFault(value);
  if (fault !== null) {
    report.failed("shape", `This is no bundle: ${fault}.`);
    return null;
  }
  const parsed = parseFields(Bundle, value);
  if (!parsed.ok) {
    for (const { pointer, detail } of parsed.errors.slice(0, 5)) {
      report.failed(
        "shape",
        `This is no bundle of the form holdpoint-evidence/1: ${clip(detail)}.`,
        pointer || "/",
      );
    }
    return null;
  }
  const bundle = parsed.value;
  const entries: ReadEntry[] = [];
  for (const [index, { text, openings }] of bundle.entries.entries()) {
    const read = readEntry(text, openings, tools);
    const where = `entry ${index + 1}`;
    if (!read.ok) report.failed("shape", `It cannot be read: ${clip(read.error)}.`, where);
    else {
      const written = canonicalFault(text, read.value.raw);
      if (written !== null) report.failed("canonical", `${sentence(written)}.`, where);
      entries.push(read.value.entry);
    }
  }
  if (report.hasFailed("shape")) return null;
  const asked = readAsked(entries[0], report);
  if (report.hasFailed("shape")) return null;
  report.conclude("canonical", "Every entry is the one canonical text of what it says (RFC 8785).");
  return { bundle, entries, asked };
}

function readEntry(
  text: string,
  openings: Openings,
  tools: Tools,
): Result<{ raw: Json; entry: ReadEntry }, string> {
  const raw = readJson(text);
  if (!raw.ok) return raw;
  const parsed = parseFields(Entry, raw.value);
  if (!parsed.ok) return refuse(faultOf(parsed.errors));
  try {
    const event = eventOf(parsed.value, openings, "");
    const hash = entryHash(text, hexOf(tools));
    return ok({ raw: raw.value, entry: { text, hash, entry: parsed.value, event, openings } });
  } catch {
    return refuse(`its data are not those of an event "${parsed.value.type}"`);
  }
}

function readAsked(first: ReadEntry | undefined, report: Report): Asked | null {
  if (first === undefined) return null;
  const parsed = parseFields(Asked, first.entry.data["payload"], "/data/payload");
  if (parsed.ok) return parsed.value;
  report.failed("shape", `It does not say what was asked: ${clip(faultOf(parsed.errors))}.`, "entry 1");
  return null;
}

export function faultOf(errors: readonly { pointer: string; detail: string }[]): string {
  const [{ pointer, detail } = { pointer: "", detail: "is not readable" }] = errors;
  return `${pointer === "" ? "it" : pointer} ${detail}`;
}

/** What a file says goes on a terminal: short, and without characters that act there. */
export const clip = (text: string): string => {
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "\u{FFFD}");
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
};
export const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
