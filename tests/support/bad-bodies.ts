import { limits } from "../../schemas/limits.ts";
import type { ProblemCode } from "../../schemas/problem.ts";
import { requestOf } from "./actors.ts";

/** Bodies that cannot be taken, what each is refused with, and the fields that are named. */

const text = (value: unknown): string => JSON.stringify(value);
/** A valid request whose one part is raw JSON text, which `JSON.stringify` would not write. */
const rawPart = (part: string, raw: string): string => text(requestOf({ [part]: "@" })).replace('"@"', raw);
/** A JSON object of exactly `bytes` bytes. */
export const ofBytes = (bytes: number): string => {
  const strings = Array.from({ length: 5 }, () => "x".repeat(50_000));
  const rest = bytes - text({ pad: [...strings, ""] }).length;
  return text({ pad: [...strings, "x".repeat(rest)] });
};
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

export type BadBody = { body: string | Uint8Array; code: ProblemCode; at?: string[] };

/** What no route takes, whatever it is for. */
export const unreadable: Record<string, BadBody> = {
  "JSON that ends too early": { body: '{"type":', code: "malformed_json" },
  "JSON with a comment": { body: '{/* hi */"type":1}', code: "malformed_json" },
  "two JSON values": { body: "{}{}", code: "malformed_json" },
  "bytes that are not UTF-8": {
    body: Uint8Array.of(0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d),
    code: "malformed_json",
  },
  "UTF-16": { body: Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0), code: "malformed_json" },
  "300 KiB": { body: ofBytes(300 * 1024), code: "too_large" },
  "one byte over the limit": { body: ofBytes(limits.bodyBytes + 1), code: "too_large" },
  "a million brackets": { body: nested(500_000), code: "too_large" },
  "a quarter of a million brackets": { body: nested(130_000), code: "invalid_body", at: ["/0".repeat(32)] },
  "40 levels": { body: `{"a":${nested(39)}}`, code: "invalid_body", at: [`/a${"/0".repeat(31)}`] },
  "33 levels": { body: `{"a":${nested(32)}}`, code: "invalid_body", at: [`/a${"/0".repeat(31)}`] },
  "a key __proto__": { body: '{"__proto__":{"admin":true}}', code: "invalid_body", at: ["/__proto__"] },
  "a key constructor": { body: '{"a":{"constructor":1}}', code: "invalid_body", at: ["/a/constructor"] },
  "a key prototype": { body: '{"a":[{"prototype":1}]}', code: "invalid_body", at: ["/a/0/prototype"] },
  "a key with a slash and a tilde over it": {
    body: '{"a/b~c":"\\u202e"}',
    code: "invalid_body",
    at: ["/a~1b~0c"],
  },
  "a string of 64 KiB and one": {
    body: text({ a: "x".repeat(limits.stringLength + 1) }),
    code: "invalid_body",
    at: ["/a"],
  },
  "a control character": { body: '{"a":"\\u0000"}', code: "invalid_body", at: ["/a"] },
  "a bidirectional override": { body: '{"a":"\\u202e"}', code: "invalid_body", at: ["/a"] },
  "half a surrogate pair": { body: '{"a":"\\ud800"}', code: "invalid_body", at: ["/a"] },
  "a bidirectional character in a key": { body: '{"a\\u2066":1}', code: "invalid_body", at: ["/a\u2066"] },
  "a number past all numbers": { body: '{"a":1e999}', code: "invalid_body", at: ["/a"] },
  "a number that would be rounded": { body: '{"a":9007199254740993}', code: "invalid_body", at: ["/a"] },
};

/** What a request for an action does not take. */
export const unfit: Record<string, BadBody> = {
  "no body": { body: "", code: "invalid_body", at: ["/type", "/target", "/args", "/reason"] },
  null: { body: "null", code: "invalid_body", at: [""] },
  "a number": { body: "12", code: "invalid_body", at: [""] },
  "a string": { body: '"host.shell"', code: "invalid_body", at: [""] },
  "a list": { body: "[]", code: "invalid_body" },
  "1001 keys": {
    body: text(
      Object.fromEntries(Array.from({ length: limits.jsonKeys + 1 }, (_, index) => [`k${index}`, 1])),
    ),
    code: "invalid_body",
    at: ["/k1000"],
  },
  "an unknown field": { body: text(requestOf({ approved: true })), code: "invalid_body", at: ["/approved"] },
  "an unknown field further in": {
    body: text(requestOf({ target: { resource: "a", segment: "prod-hosts", owner: "me" } })),
    code: "invalid_body",
    at: ["/target/owner"],
  },
  "a number for a text": { body: text(requestOf({ reason: 5 })), code: "invalid_body", at: ["/reason"] },
  "a text for an object": {
    body: text(requestOf({ target: "prod-db-1" })),
    code: "invalid_body",
    at: ["/target"],
  },
  "a list for an object": { body: text(requestOf({ args: null })), code: "invalid_body", at: ["/args"] },
  "a list for an object that may be left out": {
    body: text(requestOf({ context: [] })),
    code: "invalid_body",
    at: ["/context"],
  },
  "a list for the plan to undo it": {
    body: text(requestOf({ rollbackPlan: ["undo"] })),
    code: "invalid_body",
    at: ["/rollbackPlan"],
  },
  "an argument of the wrong type": {
    body: text(requestOf({ args: { argv: "rm -rf /" } })),
    code: "invalid_body",
    at: ["/args/argv"],
  },
  "an argument that is not one": {
    body: text(requestOf({ args: { argv: ["true"], shell: true } })),
    code: "invalid_body",
    at: ["/args/shell"],
  },
  "an argument left out": { body: text(requestOf({ args: {} })), code: "invalid_body", at: ["/args/argv"] },
  "an unknown type": {
    body: text(requestOf({ type: "host.format", args: {} })),
    code: "invalid_body",
    at: ["/type"],
  },
  "a type that is no type": {
    body: text(requestOf({ type: "Host Shell" })),
    code: "invalid_body",
    at: ["/type"],
  },
  "an empty reason": { body: text(requestOf({ reason: "" })), code: "invalid_body", at: ["/reason"] },
  "a reason of 4001 characters": {
    body: text(requestOf({ reason: "x".repeat(4_001) })),
    code: "invalid_body",
    at: ["/reason"],
  },
  "a reason with a right-to-left override": {
    body: rawPart("reason", '"ok \\u202e"'),
    code: "invalid_body",
    at: ["/reason"],
  },
  "a reason with a zero-width space": {
    body: rawPart("reason", '"ok\\u200b"'),
    code: "invalid_body",
    at: ["/reason"],
  },
  "a reason with a bell": { body: rawPart("reason", '"ok\\u0007"'), code: "invalid_body", at: ["/reason"] },
  "a target with a line break": {
    body: text(requestOf({ target: { resource: "prod\ndb", segment: "prod-hosts" } })),
    code: "invalid_body",
    at: ["/target/resource"],
  },
  "a target with an isolate": {
    body: rawPart("target", '{"resource":"prod\\u2067db","segment":"prod-hosts"}'),
    code: "invalid_body",
    at: ["/target/resource"],
  },
  "an argument with an override": {
    body: rawPart("args", '{"argv":["ls\\u202e"]}'),
    code: "invalid_body",
    at: ["/args/argv/0"],
  },
  "arguments over 64 KiB": {
    body: text(requestOf({ args: { argv: Array.from({ length: 30 }, () => "x".repeat(2_300)) } })),
    code: "invalid_body",
    at: ["/args"],
  },
  "a time without a zone": {
    body: text(requestOf({ notAfter: "2030-01-01T00:00:00" })),
    code: "invalid_body",
    at: ["/notAfter"],
  },
  "a time that has passed": {
    body: text(requestOf({ notAfter: "2020-01-01T00:00:00Z" })),
    code: "invalid_body",
    at: ["/notAfter"],
  },
  "a time too far away": {
    body: text(requestOf({ notBefore: "2999-01-01T00:00:00Z" })),
    code: "invalid_body",
    at: ["/notBefore"],
  },
  "a rollback plan where none is declared": {
    body: text(
      requestOf({
        type: "email.send",
        args: { to: ["a@example.com"], subject: "a", body: "b" },
        rollbackPlan: {},
      }),
    ),
    code: "invalid_body",
    at: ["/rollbackPlan"],
  },
  "somebody unknown to act for": {
    body: text(requestOf({ onBehalfOf: "person:nobody" })),
    code: "invalid_body",
    at: ["/onBehalfOf"],
  },
  "an id of no action to replace": {
    body: text(requestOf({ supersedes: "yesterday's" })),
    code: "invalid_body",
    at: ["/supersedes"],
  },
  "a callback without its secret": {
    body: text(requestOf({ callback: { url: "https://hooks.example.com/" } })),
    code: "invalid_body",
    at: ["/callback/secretId"],
  },
};
