import * as v from "valibot";
import { parseJsonText } from "../../core/json-text.ts";
import type { Json } from "../../schemas/json.ts";
import { limits } from "../../schemas/limits.ts";
import { detailOf, listsForObjects, noObject, pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { ProblemError } from "./problem.ts";

/**
 * Bytes past the limit that are still taken off the wire, and thrown away: cut off in the middle of sending, a client sees
 * a broken connection and not the answer that says why (RFC 9112 §9.6). Past these it is cut off.
 */
const graceBytes = 1024 * 1024;

/**
 * The body as text.
 * @throws ProblemError `too_large`, or `malformed_json` where the bytes are not UTF-8.
 */
export async function readText(request: Request): Promise<string> {
  const bytes = await readBytes(request);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new ProblemError("malformed_json", { detail: "The body is not UTF-8 text." });
  }
}

/**
 * The body as it came, at most `limits.bodyBytes` bytes. Counts while streaming, because a Content-Length may be
 * absent or lie; keeps nothing from the first byte too many.
 * @throws ProblemError `too_large`
 */
export async function readBytes(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > limits.bodyBytes) {
      await discard(reader);
      throw new ProblemError("too_large", {
        detail: `A body holds at most ${limits.bodyBytes} bytes; send less.`,
      });
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Reads on to the end, or for `graceBytes`. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let size = 0; size < graceBytes;) {
    const { done, value } = await reader.read();
    if (done) return;
    size += value.byteLength;
  }
  await reader.cancel();
}

/** JSON text → value within the limits. An empty body is an empty object, so that a POST without fields needs none. */
export function parseBody(text: string, maxKeys?: number): Json {
  if (text === "") return {};
  const parsed = parseJsonText(text, maxKeys);
  if (parsed.ok) return parsed.value;
  const { code, ...parts } = parsed.error;
  throw new ProblemError(code, parts);
}

/** Value → the schema's output. @throws ProblemError `invalid_body` that names every offending field by JSON Pointer. */
export function parseWith<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  const errors = result.success ? listsForObjects(value, result.output) : faultsOf(value, result.issues);
  if (result.success && errors.length === 0) return result.output;
  throw new ProblemError("invalid_body", { detail: "Mend the named fields and send it again.", errors });
}

/** No body is a list, and which fields one does not have helps nobody. */
const faultsOf = (sent: unknown, issues: readonly v.BaseIssue<unknown>[]): ProblemField[] =>
  Array.isArray(sent) ? [{ pointer: "", detail: noObject }] : fieldsOf(issues);

/** valibot issues → JSON Pointers with what is wrong, one entry a field. */
export function fieldsOf(issues: readonly v.BaseIssue<unknown>[]): ProblemField[] {
  const fields = new Map<string, string>();
  for (const issue of issues) {
    const pointer = pointerOf((issue.path ?? []).map((item) => String(item.key)));
    if (fields.has(pointer)) continue;
    fields.set(pointer, messageOf(issue));
  }
  return [...fields].map(([pointer, detail]) => ({ pointer, detail }));
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object") {
    if (issue.expected === "never") return "is not a field of this body; leave it out";
    return issue.received === "undefined" ? "is missing" : noObject;
  }
  return detailOf(issue);
}
