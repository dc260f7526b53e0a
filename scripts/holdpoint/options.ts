import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import type { JsonObject } from "../../schemas/json.ts";
import { durationMs } from "../../schemas/duration.ts";
import { CliError, exitCodes } from "./exit-code.ts";

/** Parsers of option values: commander prints what they throw next to the option's name and ends with usage. */

export function parseDuration(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) {
    throw new InvalidArgumentError('It is a whole number and ms, s, m, h or d, such as "90s" or "30m".');
  }
  return ms;
}

export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** JSON given as text, as `@FILE`, or as `-` for stdin; the value must be an object. */
export function readJsonObject(source: string, name: string): JsonObject {
  const value = readJson(source, name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CliError(`${name} must be a JSON object such as {"key": "value"}.`, exitCodes.usage);
  }
  const object: JsonObject = {};
  for (const [key, member] of Object.entries(value)) object[key] = member;
  return object;
}

function readJson(source: string, name: string): unknown {
  if (source === "-") return parseJson(readFile(0, name), name);
  return source.startsWith("@") ? parseJson(readFile(source.slice(1), name), name) : parseJson(source, name);
}

/** A document given as a file name, or `-` for stdin. */
export function readDocument(path: string): unknown {
  return readDocumentText(path).document;
}

/** The same with its text, for whoever has to say where in it something stands. */
export function readDocumentText(path: string): { text: string; document: unknown } {
  const text = readFile(path === "-" ? 0 : path, path);
  return { text, document: parseJson(text, path) };
}

function readFile(path: string | number, name: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(`Cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * `sha256:…` of each named variable's value: approvers see which variables the command depends on without seeing values, and
 * a changed value is noticed before the command runs. A short or guessable value can be guessed from its digest.
 */
export function digestVariables(
  names: readonly string[],
  env: Record<string, string | undefined>,
): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const name of names) {
    const value = env[name];
    if (value === undefined) {
      throw new CliError(`--env ${name}: there is no such variable in this environment.`, exitCodes.usage);
    }
    digests[name] = `sha256:${createHash("sha256").update(value).digest("hex")}`;
  }
  return digests;
}
