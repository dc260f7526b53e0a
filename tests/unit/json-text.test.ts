import { describe, test } from "vitest";
import { parseJsonText } from "../../core/json-text.ts";
import { limits } from "../../schemas/limits.ts";

/** Where the faults of a text are, or its code where it is no JSON. */
function faults(text: string): string[] {
  const parsed = parseJsonText(text);
  if (parsed.ok) return [];
  return parsed.error.errors?.map(({ pointer }) => pointer) ?? [parsed.error.code];
}
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("JSON text", () => {
  test("that is plain comes through as it is", ({ expect }) => {
    const text = '{"a":[1,-0.5,true,null,"Zoë\\n\\ttab 🙂 日本"],"b":{"c":9007199254740991}}';
    expect(parseJsonText(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
  });

  test("that is no JSON is malformed_json and says where", ({ expect }) => {
    for (const text of ["", "{", "{'a':1}", "[1,]", "NaN", "undefined", '{"a":1}x', '"\n"']) {
      const parsed = parseJsonText(text);
      expect(parsed).toMatchObject({
        ok: false,
        error: { code: "malformed_json", detail: expect.stringMatching(/^The body is not JSON: ./u) },
      });
    }
  });

  test("may be nested 32 deep and not 33", ({ expect }) => {
    expect(faults(nested(limits.jsonDepth))).toEqual([]);
    expect(faults(nested(limits.jsonDepth + 1))).toEqual(["/0".repeat(limits.jsonDepth)]);
    const objects = '{"a":'.repeat(32) + "{}" + "}".repeat(32);
    expect(faults(objects)).toEqual(["/a".repeat(32)]);
  });

  test("of a million brackets is refused without a stack overflow", { timeout: 20_000 }, ({ expect }) => {
    expect(faults("[".repeat(1_000_000))).toEqual(["malformed_json"]);
    const closed = faults(nested(1_000_000));
    expect(closed).toHaveLength(1);
    expect(["malformed_json", "/0".repeat(32)]).toContain(closed[0]);
  });

  test("may hold a thousand keys over all its objects, and names the one past them", ({ expect }) => {
    const object = (count: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index])));
    expect(faults(object(limits.jsonKeys))).toEqual([]);
    expect(faults(object(limits.jsonKeys + 1))).toEqual([`/k${limits.jsonKeys}`]);
    expect(faults(`[${object(600)},${object(600)}]`)).toHaveLength(1);
  });

  test("may hold strings of 64 Ki characters and not one more", ({ expect }) => {
    expect(faults(JSON.stringify(["x".repeat(limits.stringLength)]))).toEqual([]);
    expect(faults(JSON.stringify({ a: ["x".repeat(limits.stringLength + 1)] }))).toEqual(["/a/0"]);
  });

  test("holds no key that a careless merge would take for a prototype", ({ expect }) => {
    expect(faults('{"__proto__":{"admin":true}}')).toEqual(["/__proto__"]);
    expect(faults('{"a":[{"constructor":{"prototype":{}}}]}')).toEqual([
      "/a/0/constructor",
      "/a/0/constructor/prototype",
    ]);
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });

  test("holds no character that reorders or hides what a reviewer reads, in keys or strings", ({
    expect,
  }) => {
    // The twelve Bidi_Control characters: overrides, embeddings, isolates and marks.
    for (const code of [
      0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
    ]) {
      expect(faults(JSON.stringify({ cmd: `rm ${String.fromCodePoint(code)}x` }))).toEqual(["/cmd"]);
      expect(faults(JSON.stringify({ [`a${String.fromCodePoint(code)}`]: 1 }))).toHaveLength(1);
    }
  });

  test("holds no control character but tab and line breaks, and no lone surrogate or line separator", ({
    expect,
  }) => {
    const controls = [
      ...Array.from({ length: 32 }, (_, code) => code),
      0x7f,
      ...Array.from({ length: 32 }, (_, code) => 0x80 + code),
    ];
    const refused = controls.filter((code) => faults(JSON.stringify([String.fromCharCode(code)])).length > 0);
    expect(controls.filter((code) => !refused.includes(code))).toEqual([0x09, 0x0a, 0x0d]);
    for (const text of ["\\ud800", "a\\udc00", "\\u2028", "\\u2029", "\\u0000"]) {
      expect(faults(`{"a":"${text}"}`)).toEqual(["/a"]);
    }
  });

  test("holds no number that was rounded when it was read", ({ expect }) => {
    expect(faults('{"a":[9007199254740992,1e999,-1e400,0.1,1e-7,-9007199254740991]}').toSorted()).toEqual([
      "/a/0",
      "/a/1",
      "/a/2",
    ]);
  });

  test("names faults by JSON Pointer, with ~ and / escaped", ({ expect }) => {
    expect(faults('{"a/b":{"c~d":["ok","\\u0007"]},"":"\\u0007"}').toSorted()).toEqual(["/", "/a~1b/c~0d/1"]);
    expect(faults('"\\u0007"')).toEqual([""]);
  });

  test("names every fault, up to some fifty", ({ expect }) => {
    expect(faults('{"a":"\\u0007","b":"\\u0007","c":["\\u0007"]}').toSorted()).toEqual(["/a", "/b", "/c/0"]);
    const many = faults(JSON.stringify(Array.from({ length: 400 }, () => "\u0007")));
    expect(many.length).toBeGreaterThanOrEqual(50);
    expect(many.length).toBeLessThan(60);
  });
});
