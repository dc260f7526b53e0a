import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { describe, test } from "vitest";
import { faultText } from "../../core/fault.ts";
import { parseJsonText } from "../../core/json-text.ts";
import { parseFields } from "../../schemas/parse.ts";
import { parseWith } from "../../workers/http/body.ts";
import { ProblemError } from "../../workers/http/problem.ts";

const secret = "Tulip!9731";

/** What is thrown by `work`. */
function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

const Body = v.strictObject({
  token: v.picklist(["a", "b"]),
  count: v.number(),
  at: v.pipe(v.string(), v.isoTimestamp()),
  list: v.array(v.strictObject({ kind: v.literal("x") })),
});
const given = { token: secret, count: secret, at: secret, list: [{ kind: secret }, secret], [secret]: 4_711 };

describe("T16 an error in a log", () => {
  test("says what is wrong and where, and nothing of the value", ({ expect }) => {
    const errors = [
      thrown(() => v.parse(Body, given)),
      thrown(() => JSON.parse(`{"password": ${secret}}`)),
      thrown(() => v.parse(v.pipe(v.string(), v.parseJson()), secret)),
      new ProblemError("conflict", { detail: `It is "${secret}".` }),
      { secret },
    ];
    expect(errors.map(faultText).filter((text) => text.includes(secret))).toEqual([]);
    const [first = "", second = ""] = errors.map(faultText);
    expect(first).toContain("/token is not as it is described");
    expect(first).toContain("fault.test.ts");
    expect(second).toMatch(/^SyntaxError: Unexpected token/u);
    expect(faultText(new Error("the log is away"))).toContain("Error: the log is away");
  });

  test("is never written as it is", ({ expect }) => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const files = ["workers", "objects"].flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .map((name) => `${folder}/${name}`),
    );
    const whole = /console\.(?:log|warn|error)\((?:[^;]*[^.\w(])?(?:error|reason),?\s*\)(?!\))/u;
    const offending = (text: string): boolean => whole.test(text);
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => offending(readFileSync(`${root}/${file}`, "utf8")))).toEqual([]);
    // The control: these would be seen.
    expect(["console.error(error);", 'console.error("a", id, error);'].filter(offending)).toHaveLength(2);
  });
});

describe("T16 a problem that names what does not fit", () => {
  test("does not say it again", ({ expect }) => {
    const parsed = parseFields(Body, given);
    expect(parsed).toMatchObject({
      ok: false,
      errors: [
        { pointer: "/token", detail: 'must be ("a" | "b"), is another text' },
        { pointer: "/count", detail: "must be number, is a text" },
        {},
        { pointer: "/list/0/kind", detail: 'must be "x", is another text' },
        { pointer: "/list/1" },
        {},
      ],
    });
    const details = (parsed.ok ? [] : parsed.errors).map(({ detail }) => detail);
    const refused = thrown(() => parseWith(Body, given));
    details.push(
      ...(refused instanceof ProblemError ? (refused.parts.errors ?? []) : []).map(({ detail }) => detail),
    );
    expect(details).toHaveLength(12);
    expect(details.filter((detail) => detail.includes(secret))).toEqual([]);
  });

  test("quotes nothing of a body that is no JSON", ({ expect }) => {
    for (const text of [`{"password": ${secret}}`, secret, `{"a":1 "${secret}"`, `{"a":"${secret}\n"}`]) {
      const parsed = parseJsonText(text);
      expect(parsed.ok ? "" : parsed.error.detail).toMatch(/^The body is not JSON: \w/u);
      expect(JSON.stringify(parsed)).not.toContain(secret.slice(0, 5));
    }
  });
});
