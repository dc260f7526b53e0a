import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { Folder } from "../../../core/evidence/verify-folder.ts";
import type { Kept } from "../../../core/evidence/verify.ts";

/** The files that a verifier is given. */

/** What cannot be looked at at all: its message says why, and what to give instead. */
export class Unreadable extends Error {}

/** Evidence of one action has some hundred kilobytes at most; a file that is made to fill the memory is not read. */
const maxFileBytes = 256 * 1024 * 1024;
const maxLineLength = 16 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

export type Evidence =
  | { readonly kind: "bundle"; readonly value: unknown }
  | { readonly kind: "export"; readonly folder: Folder };

/** @throws Unreadable */
export function readEvidence(path: string): Evidence {
  return statOf(path).isDirectory()
    ? { kind: "export", folder: folderIn(path) }
    : { kind: "bundle", value: valueIn(path) };
}

/** A checkpoint that was kept: the signed note, or a JSON document with it as `note`. @throws Unreadable */
export function readKept(path: string): Kept {
  const text = textIn(path);
  const value = parsed(text);
  const note = isObject(value) && typeof value["note"] === "string" ? value["note"] : text;
  return { name: basename(path), note };
}

function folderIn(path: string): Folder {
  const names = readdirSync(path);
  const missing = ["bundles", "ledger.jsonl", "checkpoint", "summary.json"].filter(
    (name) => !names.includes(name),
  );
  if (missing.length > 0) {
    const what = names.includes("progress.json") ? "an export that was not finished" : "no export";
    throw new Unreadable(
      `${path} is ${what}: ${missing.join(", ")} is missing. Give a bundle, or a folder that \`holdpoint evidence export\` has made.`,
    );
  }
  return {
    bundles: bundlesIn(join(path, "bundles")),
    lines: linesIn(join(path, "ledger.jsonl")),
    checkpoint: textIn(join(path, "checkpoint")),
    question: questionIn(valueIn(join(path, "summary.json"))),
  };
}

const numberOf = (name: string): number => Number.parseInt(name, 10) || 0;

/** In the order of their numbers, each read when its turn comes. */
function* bundlesIn(folder: string): Generator<{ name: string; value: unknown }> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  for (const name of names.toSorted((a, b) => numberOf(a) - numberOf(b))) {
    yield { name, value: valueIn(join(folder, name)) };
  }
}

/** The texts of the log's lines. What is not at its index is told as a line that is none, so that it is found. */
function* linesIn(path: string): Generator<string> {
  let index = 0;
  for (const line of textLines(path)) {
    const value = parsed(line);
    const whole = isObject(value) && value["index"] === index && typeof value["text"] === "string";
    yield whole ? String(value["text"]) : "";
    index += 1;
  }
}

function* textLines(path: string): Generator<string> {
  const buffer = Buffer.alloc(chunkBytes);
  const decoder = new StringDecoder("utf8");
  const file = openSync(path, "r");
  try {
    let rest = "";
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      const lines = (rest + decoder.write(buffer.subarray(0, read))).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > maxLineLength) {
        throw new Unreadable(`${path} has a line of more than ${maxLineLength} characters.`);
      }
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    closeSync(file);
  }
}

function questionIn(summary: unknown): Folder["question"] {
  const asked = isObject(summary) && isObject(summary["question"]) ? summary["question"] : {};
  const text = (name: string): string | null => {
    const value = asked[name];
    return typeof value === "string" ? value : null;
  };
  return { since: text("since"), until: text("until"), type: text("type") };
}

/** What is no JSON is no bundle either, which is then said like any other fault of it. */
const valueIn = (path: string): unknown => parsed(textIn(path));

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textIn(path: string): string {
  if (statOf(path).size > maxFileBytes) {
    throw new Unreadable(`${path} has more than ${maxFileBytes / 1024 / 1024} MiB.`);
  }
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function statOf(path: string): { size: number; isDirectory(): boolean } {
  try {
    return statSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, error: unknown): Unreadable =>
  new Unreadable(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
